"""Takes attachments in, each piece in a transaction of its own, so that a slow sender holds no connection."""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.exc import DBAPIError, IntegrityError

from tierdesk_intake.domain.attachments import (
    ATTACHMENTS_SOURCE,
    Attachment,
    Content,
    Limits,
    check_number,
    fingerprint,
    quota_used,
)
from tierdesk_intake.domain.ledger import Answer, KeyName, Ledger, Mint, Posted, Ticket
from tierdesk_intake.domain.refusals import RefusalKind, RefusedError, unknown_ticket
from tierdesk_intake.store.attachments import find_reference
from tierdesk_intake.store.group_commit import REDO_TIMES, ConflictError
from tierdesk_intake.store.ledgers import find_keys, lock_tickets
from tierdesk_intake.store.tables import attachment, attachment_day, attachment_piece, idempotency_key
from tierdesk_store import Database, DatabaseUnavailableError, Transaction
from tierdesk_store.errors import is_redo
from tierdesk_store.failpoints import failpoint

UPLOADS: Final = 200
"""So many at a time: each takes half a megabyte of memory while it comes."""

_insert_piece: Final = insert(attachment_piece)
_drop: Final = delete(attachment).where(
    attachment.c.tenant == bindparam("of_tenant"),
    attachment.c.id == bindparam("of_id"),
    attachment.c.number.is_(None),
)


@dataclass(slots=True)
class Upload:
    """An attachment on its way in. `stored` says whether its pieces are kept: those of a repetition are only compared."""

    tenant: str
    ticket: UUID
    name: str
    key: KeyName | None
    id: UUID
    content: Content
    stored: bool
    pieces: int = 0


class AttachmentWriter:
    """Takes attachments in. `now` is business time, `wall_clock` real time.

    Until `finish` has answered, nobody sees anything of an upload. What a process that died has left is deleted later, by
    `delete_unfinished`.
    """

    def __init__(
        self,
        database: Database,
        mint: Mint,
        limits: Limits,
        *,
        now: Callable[[], datetime],
        wall_clock: Callable[[], datetime],
        write_answer: Callable[[Attachment], str],
        turns: Semaphore,
    ) -> None:
        """`turns` bounds how many connections uploads have at a time, since events need some too."""
        self.limits = limits
        self._database = database
        self._mint = mint
        self._now = now
        self._wall_clock = wall_clock
        self._write_answer = write_answer
        self._turns = turns
        self._open = 0

    @asynccontextmanager
    async def upload(self, tenant: str, ticket_id: UUID, name: str, key: str | None) -> AsyncIterator[Upload]:
        """Take one in: `add` its pieces and `finish` it. Left by an exception, nothing of it is left.

        Raises `RefusedError` for an unknown ticket, a full one, a used-up quota, and when too many are on their way in;
        and `DatabaseUnavailableError`, as all the others do.
        """
        if self._open >= UPLOADS:
            raise RefusedError(RefusalKind.OVERLOADED, "Too many files are on their way in; come again in a second.")
        self._open += 1
        try:
            upload = await self._begin(tenant, ticket_id, name, key)
            try:
                yield upload
            except BaseException:
                await self._drop(upload)
                raise
        finally:
            self._open -= 1

    async def _begin(self, tenant: str, ticket_id: UUID, name: str, key: str | None) -> Upload:
        key_name = None if key is None else KeyName(tenant, ATTACHMENTS_SOURCE, key)
        content = Content(name, self.limits)
        upload = Upload(tenant, ticket_id, name, key_name, self._mint.secret(), content, stored=True)
        async with self._turns, self._database.transaction() as tx:
            if key_name is not None and await find_keys(tx, {key_name}):
                upload.stored = False
                return upload
            if await find_reference(tx.connection, tenant, ticket_id) is None:
                raise unknown_ticket("ticket")
            check_number(await self._count(tx, upload), self.limits)
            await self._check_quota(tx, upload)
            row = {"tenant": tenant, "id": upload.id, "ticket": ticket_id, "name": name, "begun_at": self._wall_clock()}
            await tx.execute(insert(attachment), row)
        return upload

    async def add(self, upload: Upload, piece: bytes) -> None:
        """Keep the next piece."""
        if not upload.stored:
            return
        row = {"tenant": upload.tenant, "attachment": upload.id, "number": upload.pieces, "bytes": piece}
        try:
            async with self._turns, self._database.transaction() as tx:
                await tx.execute(_insert_piece, row)
        except IntegrityError as error:  # it took so long that it was taken for one that was cut off
            raise DatabaseUnavailableError("the upload was given up") from error
        upload.pieces += 1
        failpoint("attachment.after_piece")

    async def finish(self, upload: Upload) -> Answer:
        """Make it whole, and answer what its sender is told, now and whenever the key comes again.

        Raises `RefusedError` for a key of another attachment, and when meanwhile the ticket is full or the quota used.
        """
        left = REDO_TIMES
        while True:
            try:
                async with self._turns, self._database.transaction() as tx:
                    return await self._finish(tx, upload)
            except Exception as error:
                left -= 1
                if isinstance(error, DatabaseUnavailableError) or not (
                    isinstance(error, ConflictError) or is_redo(error)
                ):
                    raise
                if left == 0:
                    raise DatabaseUnavailableError(f"gave way {REDO_TIMES} times: {error}") from error

    async def _drop(self, upload: Upload) -> None:
        """Delete what is there of it, unless it is whole; when the database is away that is left to `delete_unfinished`."""
        if not upload.stored:
            return
        try:
            async with self._turns, self._database.transaction() as tx:
                await tx.execute(_drop, {"of_tenant": upload.tenant, "of_id": upload.id})
        except (DatabaseUnavailableError, DBAPIError) as error:
            if not is_redo(error):
                raise

    async def _finish(self, tx: Transaction, upload: Upload) -> Answer:
        # The ticket's row first, then the key, as everywhere: uploads to one ticket are numbered one after the other.
        tickets = await lock_tickets(tx, {(upload.tenant, upload.ticket)})
        keys = set() if upload.key is None else {upload.key}
        ledger = Ledger(self._mint, self._now(), keys=await find_keys(tx, keys), tickets=tickets)
        posted = _posted(upload)
        earlier = ledger.earlier_answer(posted)
        if earlier is not None:
            await tx.execute(_drop, {"of_tenant": upload.tenant, "of_id": upload.id})
            return earlier
        ticket = ledger.find_ticket(upload.tenant, upload.ticket, field="ticket")
        number = await self._count(tx, upload)
        check_number(number, self.limits)
        await self._use_quota(tx, upload)
        whole = _whole(upload, ticket, number + 1, ledger.now)
        await self._keep(tx, upload, whole)
        answer = Answer(self._write_answer(whole), ticket.id, ticket.reference)
        await _keep_answer(tx, posted, answer, ledger.now)
        return answer

    async def _count(self, tx: Transaction, upload: Upload) -> int:
        """How many hang on the ticket; none is ever taken off."""
        last = select(func.coalesce(func.max(attachment.c.number), 0)).where(
            attachment.c.tenant == upload.tenant, attachment.c.ticket == upload.ticket
        )
        return int((await tx.execute(last)).scalar_one())

    async def _check_quota(self, tx: Transaction, upload: Upload) -> None:
        used = select(attachment_day.c.size_bytes).where(
            attachment_day.c.tenant == upload.tenant, attachment_day.c.day == self._wall_clock().date()
        )
        if ((await tx.execute(used)).scalar_one_or_none() or 0) >= self.limits.bytes_per_day:
            raise quota_used()

    async def _use_quota(self, tx: Transaction, upload: Upload) -> None:
        size = upload.content.size_bytes
        if size > self.limits.bytes_per_day:
            raise quota_used()
        given = {"tenant": upload.tenant, "day": self._wall_clock().date(), "size_bytes": size}
        counted = insert_or_skip(attachment_day).values(given)
        together = attachment_day.c.size_bytes + counted.excluded.size_bytes
        used = await tx.execute(
            counted.on_conflict_do_update(
                index_elements=[attachment_day.c.tenant, attachment_day.c.day],
                set_={"size_bytes": together},
                where=together <= self.limits.bytes_per_day,
            )
        )
        if used.rowcount == 0:
            raise quota_used()

    async def _keep(self, tx: Transaction, upload: Upload, whole: Attachment) -> None:
        kept = await tx.execute(
            update(attachment)
            .where(attachment.c.tenant == upload.tenant, attachment.c.id == upload.id, attachment.c.number.is_(None))
            .values(
                number=whole.number,
                media_type=whole.media_type,
                size_bytes=whole.size_bytes,
                sha256=whole.sha256,
                added_at=whole.added_at,
            )
        )
        if kept.rowcount == 0:
            raise DatabaseUnavailableError("the upload was given up")


def _posted(upload: Upload) -> Posted:
    """The upload as a request under its key; the bytes are elsewhere."""
    printed = fingerprint(upload.ticket, upload.name, upload.content.sha256.digest())
    key = None if upload.key is None else upload.key.key
    return Posted(upload.tenant, ATTACHMENTS_SOURCE, key, "Idempotency-Key", printed, b"")


def _whole(upload: Upload, ticket: Ticket, number: int, now: datetime) -> Attachment:
    content = upload.content
    return Attachment(
        upload.id,
        ticket.id,
        ticket.reference,
        number,
        upload.name,
        content.media_type,
        content.size_bytes,
        content.sha256.digest(),
        now,
    )


async def _keep_answer(tx: Transaction, posted: Posted, answer: Answer, now: datetime) -> None:
    if posted.key is None:
        return
    row = {
        "tenant": posted.tenant,
        "source": posted.source,
        "key": posted.key,
        "fingerprint": posted.fingerprint,
        "answer": answer.text,
        "ticket": answer.ticket,
        "reference": answer.reference,
        "created_at": now,
    }
    kept = await tx.execute(insert_or_skip(idempotency_key).values(row).on_conflict_do_nothing())
    if kept.rowcount == 0:
        raise ConflictError("another process was first with a key")
