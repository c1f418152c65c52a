"""Attachments in the tables: what is whole is read here, and what was cut off is deleted."""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, bindparam, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_intake.domain.attachments import Attachment
from tierdesk_intake.store.tables import attachment, attachment_piece, ticket
from tierdesk_store import Database, DatabaseUnavailableError, Transaction

_whole: Final = (
    select(attachment, ticket.c.reference)
    .join(ticket, (ticket.c.tenant == attachment.c.tenant) & (ticket.c.id == attachment.c.ticket))
    .where(attachment.c.tenant == bindparam("tenant"), attachment.c.number.is_not(None))
)
_of_ticket: Final = _whole.where(attachment.c.ticket == bindparam("ticket")).order_by(attachment.c.number)
_by_id: Final = _whole.where(attachment.c.id == bindparam("id"))
_by_ids: Final = _whole.where(attachment.c.id == func.any(bindparam("ids", type_=ARRAY(Uuid))))
_tell: Final = (
    update(attachment)
    .where(attachment.c.tenant == bindparam("of_tenant"), attachment.c.id == bindparam("of_id"))
    .values(told_by=bindparam("message"))
)
_piece: Final = select(attachment_piece.c.bytes).where(
    attachment_piece.c.tenant == bindparam("tenant"),
    attachment_piece.c.attachment == bindparam("attachment"),
    attachment_piece.c.number == bindparam("number"),
)


async def find_reference(connection: AsyncConnection, tenant: str, ticket_id: UUID) -> str | None:
    """The name of the tenant's ticket for people; None when there is no such ticket."""
    known = select(ticket.c.reference).where(ticket.c.tenant == tenant, ticket.c.id == ticket_id)
    reference: str | None = (await connection.execute(known)).scalar_one_or_none()
    return reference


async def list_attachments(connection: AsyncConnection, tenant: str, ticket_id: UUID) -> list[Attachment]:
    """What hangs on the ticket, in the order in which it came; nothing for a ticket that is not the tenant's."""
    return await _read(connection, _of_ticket, {"tenant": tenant, "ticket": ticket_id})


async def find_attachments(tx: Transaction, names: Collection[tuple[str, UUID]]) -> dict[tuple[str, UUID], Attachment]:
    """Those of these attachments, each given with its tenant, that are whole.

    They stay as they are as long as their ticket is locked.
    """
    found: dict[tuple[str, UUID], Attachment] = {}
    for tenant in sorted({tenant for tenant, _ in names}):
        ids = sorted(one for of, one in names if of == tenant)
        whole = await _read(tx.connection, _by_ids, {"tenant": tenant, "ids": ids})
        found |= {(tenant, one.id): one for one in whole}
    return found


async def keep_told(tx: Transaction, told: Mapping[tuple[str, UUID], UUID]) -> None:
    """Keep which message told of which attachment."""
    for (tenant, one), message in sorted(told.items()):
        await tx.execute(_tell, {"of_tenant": tenant, "of_id": one, "message": message})


async def find_attachment(connection: AsyncConnection, tenant: str, attachment_id: UUID) -> Attachment | None:
    """The tenant's attachment; None for one that is not whole."""
    found = await _read(connection, _by_id, {"tenant": tenant, "id": attachment_id})
    return found[0] if found else None


async def read_pieces(
    database: Database, tenant: str, attachment_id: UUID, size_bytes: int, *, turns: Semaphore
) -> AsyncIterator[bytes]:
    """The bytes of one that is whole. Each piece is read when it is asked for, and no transaction waits in between.

    `turns` bounds how many connections this takes at a time. Raises `DatabaseUnavailableError`.
    """
    number, left = 0, size_bytes
    while left > 0:
        async with turns, database.read() as connection:
            given = {"tenant": tenant, "attachment": attachment_id, "number": number}
            piece: bytes | None = (await connection.execute(_piece, given)).scalar_one_or_none()
        if not piece:
            raise DatabaseUnavailableError(f"piece {number} of an attachment is not there")
        yield piece
        number, left = number + 1, left - len(piece)


async def delete_unfinished(tx: Transaction, *, begun_before: datetime, limit: int) -> int:
    """Delete what was begun before that and never became whole, the oldest first; answers how many. Pieces go with it."""
    old = (
        select(attachment.c.tenant, attachment.c.id)
        .where(attachment.c.number.is_(None), attachment.c.begun_at < begun_before)
        .order_by(attachment.c.begun_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = await tx.execute(delete(attachment).where(tuple_(attachment.c.tenant, attachment.c.id).in_(old)))
    return gone.rowcount


async def _read(connection: AsyncConnection, statement: Select[Any], given: dict[str, Any]) -> list[Attachment]:
    return [
        Attachment(
            row.id,
            row.ticket,
            row.reference,
            row.number,
            row.name,
            row.media_type,
            row.size_bytes,
            row.sha256,
            row.added_at,
            row.told_by,
        )
        for row in await connection.execute(statement, given)
    ]
