"""Files that hang on a ticket: what is known of one, how large and how many they may be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from tierdesk_contracts.intake import AttachedFile
from tierdesk_intake.domain.attachment_kinds import KINDS, KindJudge
from tierdesk_intake.domain.refusals import Fault, RefusalKind, RefusedError

ATTACHMENTS_SOURCE: Final = "attachments"
"""The source of what comes by `/v1/events/attachments`: its keys are apart from those of events."""
PIECE_BYTES: Final = 256 * 1024
"""So much of an attachment is in memory at a time, and in a row."""


class Limits(NamedTuple):
    """What attachments may be: bytes of one, their number on a ticket, and bytes of all that a tenant sends in a day."""

    bytes: int
    per_ticket: int
    bytes_per_day: int


class Attachment(NamedTuple):
    """One that is whole.

    `number` counts from 1 on its ticket; `name` is what its sender called it, cleaned, and no more than a text;
    `media_type` is what its content shows.
    """

    id: UUID
    ticket: UUID
    reference: str
    number: int
    name: str
    media_type: str
    size_bytes: int
    sha256: bytes
    added_at: datetime
    told_by: UUID | None = None
    """The message that told of it."""

    def as_told(self) -> AttachedFile:
        """What others are told of it."""
        return AttachedFile(
            id=self.id, file_name=self.file_name, name=self.name, media_type=self.media_type, size_bytes=self.size_bytes
        )

    @property
    def file_name(self) -> str:
        """The name that we give it: of the ticket, the number and what the content is; nothing of it is the sender's."""
        return f"{self.reference}-{self.number}.{KINDS[self.media_type]}"


class Content:
    """The bytes of an attachment as they come in, cut into pieces, counted, hashed and looked at.

    Holds one piece and what came last, however much comes.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self.size_bytes = 0
        self.sha256 = hashlib.sha256()
        self._limits = limits
        self._judge = KindJudge(name)
        self._held = bytearray()

    @property
    def media_type(self) -> str:
        """What all that came is; known when all has come."""
        return self._judge.media_type

    def add(self, data: bytes) -> Iterator[bytes]:
        """Take what came next, and answer the pieces that are full. Raises `RefusedError` as soon as it is clear."""
        self.size_bytes += len(data)
        if self.size_bytes > self._limits.bytes:
            raise RefusedError(RefusalKind.TOO_LARGE, f"An attachment has at most {self._limits.bytes} bytes.")
        self._held += data
        while len(self._held) >= PIECE_BYTES:
            piece = bytes(self._held[:PIECE_BYTES])
            del self._held[:PIECE_BYTES]
            yield self._look(piece)

    def end(self) -> Iterator[bytes]:
        """Answer the last piece, if anything is left. Raises `RefusedError` when nothing has come at all."""
        if not self.size_bytes:
            text = "an attachment has at least one byte"
            raise RefusedError(RefusalKind.INVALID_ATTACHMENT, f"The body is empty: {text}.", [Fault("body", text)])
        if self._held:
            yield self._look(bytes(self._held))
            self._held.clear()

    def _look(self, piece: bytes) -> bytes:
        self.sha256.update(piece)
        self._judge.look(piece)
        return piece


def fingerprint(ticket: UUID, name: str, sha256: bytes) -> bytes:
    """What a repetition under the same key must have in common with the first: ticket, name and every byte."""
    return hashlib.sha256(b"\x00".join((ticket.bytes, name.encode(), sha256))).digest()


def check_number(on_ticket: int, limits: Limits) -> None:
    """Raise `RefusedError` for a ticket that has as many attachments as it may."""
    if on_ticket >= limits.per_ticket:
        raise RefusedError(RefusalKind.FULL, f"A ticket has at most {limits.per_ticket} attachments.")


def quota_used() -> RefusedError:
    """The refusal of what goes beyond the bytes of a day."""
    return RefusedError(
        RefusalKind.QUOTA,
        "No more can be attached today; what was sent is not stored. Send it again after midnight UTC.",
    )
