"""A message as it arrived, read as far as it can be read: what it is, and how it is known when it comes again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from pydantic_core import from_json

from tierdesk_bus.port import HOME
from tierdesk_contracts import MESSAGE_TYPES, AnyEnvelope, MessageError, parse
from tierdesk_contracts.names import namespace_tenant
from tierdesk_contracts.ticket import TicketChanged

_LONGEST_TEXT: Final = 200
_GREATEST_SEQUENCE: Final = 2**63 - 1


class Subject(NamedTuple):
    """What a message is about, within its tenant."""

    tenant: str
    name: str


class StreamKey(NamedTuple):
    """One gapless sequence: a stream of one subject."""

    subject: Subject
    stream: str


class Cause(StrEnum):
    """Why a message waits as a row."""

    GAP = "gap"
    """Its predecessor in the stream has not come."""
    HELD = "held"
    """An earlier message of the stream is parked."""
    BEHIND = "behind"
    """An earlier message of the subject is being retried."""
    EARLY = "early"
    """`decide` said that it waits for a predecessor."""
    RETRY = "retry"
    """`decide` said that it cannot be decided yet."""


Order = tuple[int, int]
"""Rows before deliveries; each in the order in which it came."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A message before it is decided.

    A message that cannot be handled has a `refusal`. An ordered one has its `stream` and covers the sequences
    `first` to `last`; any other is known by `inbox_id` in its namespace.
    """

    order: Order
    envelope: AnyEnvelope | None
    refusal: str | None
    subject: Subject
    message_id: str
    type: str
    inbox_id: UUID
    stream: StreamKey | None
    first: int
    last: int
    namespace: str
    queue: str
    body: bytes
    first_seen_at: datetime | None = None
    """None for a delivery: now."""
    waited_seconds: float = 0.0
    attempts: int = 0
    cause: Cause | None = None
    """Why it waited; None for a delivery."""
    is_due: bool = True

    @property
    def is_row(self) -> bool:
        """Whether it comes from a waiting row."""
        return self.cause is not None


@dataclass(frozen=True, slots=True)
class _Reading:
    envelope: AnyEnvelope | None
    refusal: str | None
    tenant: str
    subject: str
    message_id: str
    type: str
    inbox_id: UUID
    stream: str | None
    first: int = 0
    last: int = 0


def read_arrival(
    body: bytes,
    *,
    order: Order,
    namespace: str,
    queue: str,
    accepts: Collection[str],
    type_hint: str | None = None,
    first_seen_at: datetime | None = None,
    waited_seconds: float = 0.0,
    attempts: int = 0,
    cause: Cause | None = None,
    is_due: bool = True,
) -> Arrival:
    """Read `body`. Never raises: what cannot be handled comes out with its refusal."""
    reading = _read(body, namespace=namespace, accepts=accepts, type_hint=type_hint)
    # Whose it is says the namespace, never a field: what a vendor claims shall not stand among another tenant's rows.
    subject = Subject(namespace_tenant(namespace) or reading.tenant, reading.subject)
    return Arrival(
        order=order,
        envelope=reading.envelope,
        refusal=reading.refusal,
        subject=subject,
        message_id=reading.message_id,
        type=reading.type,
        inbox_id=reading.inbox_id,
        stream=None if reading.stream is None else StreamKey(subject, reading.stream),
        first=reading.first,
        last=reading.last,
        namespace=namespace,
        queue=queue,
        body=body,
        first_seen_at=first_seen_at,
        waited_seconds=waited_seconds,
        attempts=attempts,
        cause=cause,
        is_due=is_due,
    )


def _read(body: bytes, *, namespace: str, accepts: Collection[str], type_hint: str | None) -> _Reading:
    try:
        envelope = parse(body, type_hint=type_hint)
    except MessageError as error:
        return _salvage(body, error, namespace=namespace)
    stream: str | None = MESSAGE_TYPES[envelope.type].stream
    first = last = 0
    refusal = None
    if stream is not None and namespace != HOME:
        refusal, stream = "not for this consumer: an ordered stream counts only from home", None
    elif stream is not None:
        last = envelope.position or 0
        first = envelope.data.first_sequence if isinstance(envelope.data, TicketChanged) else last
        if not 1 <= first <= last <= _GREATEST_SEQUENCE:
            refusal, stream = f"sequence: {first} to {last} is no part of an ordered stream", None
    if envelope.type not in accepts:
        refusal = f"not for this consumer: it does not handle {envelope.type}"
    return _Reading(
        envelope,
        refusal,
        envelope.tenant,
        envelope.subject,
        str(envelope.id),
        envelope.type,
        envelope.id,
        stream,
        first,
        last,
    )


def _salvage(body: bytes, error: MessageError, *, namespace: str) -> _Reading:
    """A message that cannot be read, as far as it can.

    If its place in an ordered stream is legible, it keeps it: its successors then wait for what becomes of it. It is
    known by its bytes, since its identifier says nothing of it that can be trusted.
    """
    try:
        head = from_json(body)
    except ValueError:
        head = None
    head = head if isinstance(head, dict) else {}
    message_type = error.message_type or ""
    known = MESSAGE_TYPES.get(message_type)
    tenant, subject = clean_text(head.get("tenant")), clean_text(head.get("subject"))
    stream, first, last = None, 0, 0
    if known is not None and known.stream and namespace == HOME and tenant and subject:
        first, last = _range(head)
        stream = known.stream if 1 <= first <= last <= _GREATEST_SEQUENCE else None
    return _Reading(
        None,
        error.reason,
        tenant,
        subject,
        clean_text(error.message_id),
        clean_text(message_type),
        UUID(bytes=sha256(body).digest()[:16]),
        stream,
        first,
        last,
    )


def _range(head: dict[str, Any]) -> tuple[int, int]:
    sequence = head.get("sequence")
    if not isinstance(sequence, str) or not (sequence.isascii() and sequence.isdigit()):
        return 0, 0
    last = int(sequence[:40])
    data = head.get("data")
    first = data.get("first_sequence", last) if isinstance(data, dict) else last
    return (first, last) if isinstance(first, int) else (0, 0)


def clean_text(value: object, *, longest: int = _LONGEST_TEXT) -> str:
    """`value` as PostgreSQL can store it; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    return value[:longest].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
