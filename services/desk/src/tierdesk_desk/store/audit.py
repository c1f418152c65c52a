"""The audit of each tenant: a chain of entries, without gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.audit import Detail, Entry, Fault, Link, follow, write_entry
from tierdesk_desk.store.account_tables import audit, audit_head
from tierdesk_store import Database, Transaction

_READ_AT_ONCE: Final = 1_000
_LOCK_HEAD: Final = text("""
    INSERT INTO desk.audit_head (tenant, position, hash) VALUES (:tenant, :position, :hash)
    ON CONFLICT (tenant) DO UPDATE SET position = audit_head.position
    RETURNING position, hash
""")


class Trail:
    """The audit of one tenant, open for more until the transaction ends."""

    def __init__(self, connection: AsyncConnection, tenant: str, last: Link) -> None:
        self.tenant = tenant
        self._connection = connection
        self._last = last

    async def note(self, *, at: datetime, actor: str, action: str, subject: str, detail: Detail) -> Entry:
        """Add what is done in this transaction."""
        entry = write_entry(
            self._last, tenant=self.tenant, at=at, actor=actor, action=action, subject=subject, detail=detail
        )
        await self._connection.execute(insert(audit).values(asdict(entry)))
        await self._connection.execute(
            update(audit_head)
            .where(audit_head.c.tenant == self.tenant)
            .values(position=entry.position, hash=entry.hash)
        )
        self._last = entry.link
        return entry


async def open_trail(tx: Transaction, tenant: str) -> Trail:
    """Wait until nobody else writes this tenant's audit, and keep it until the transaction ends.

    Open it before any row is locked that is changed under it: so what is audited happens one after the other, and no two
    transactions wait for each other.
    """
    first = Link()
    row = (await tx.execute(_LOCK_HEAD, {"tenant": tenant, "position": first.position, "hash": first.hash})).one()
    return Trail(tx.connection, tenant, Link(row.position, row.hash))


async def read_entries(
    connection: AsyncConnection, tenant: str, *, before: int | None, subject: str | None, limit: int
) -> list[Entry]:
    """The newest entries below this position, the newest first; all of them, or those about `subject`."""
    statement = select(audit).where(audit.c.tenant == tenant)
    if before is not None:
        statement = statement.where(audit.c.position < before)
    if subject is not None:
        statement = statement.where(audit.c.subject == subject)
    rows = await connection.execute(statement.order_by(audit.c.position.desc()).limit(limit))
    return [_entry(row) for row in rows.mappings()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the chain holds, and the first fault if there is one."""

    last: Link
    fault: Fault | None


async def verify(database: Database, tenant: str, *, anchor: Link | None = None) -> Verdict:
    """Read the whole audit of a tenant and follow its chain to what it stood at when this began.

    Whoever can write to the database as its administrator could write the whole chain anew. `anchor` is where it stood
    at some time before, kept elsewhere: the chain must lead there still.
    """
    async with database.read() as connection:
        row = (
            await connection.execute(
                select(audit_head.c.position, audit_head.c.hash).where(audit_head.c.tenant == tenant)
            )
        ).one_or_none()
    head = Link() if row is None else Link(row.position, row.hash)
    last = Link()
    async for page in _pages(database, tenant):
        for entry in page:
            last, fault = follow(last, (entry,))
            if fault is not None:
                return Verdict(last, fault)
            for known, name in ((head, "the end that the desk keeps"), (anchor, "the anchor")):
                if known is not None and known.position == last.position and known.hash != last.hash:
                    return Verdict(last, Fault(last.position, f"its hash is not that of {name}"))
    for known in (head, anchor):
        if known is not None and known.position > last.position:
            return Verdict(last, Fault(last.position + 1, "it is missing"))
    return Verdict(last, None)


async def _pages(database: Database, tenant: str) -> AsyncIterator[list[Entry]]:
    after = 0
    while True:
        async with database.read() as connection:
            rows = await connection.execute(
                select(audit)
                .where(audit.c.tenant == tenant, audit.c.position > after)
                .order_by(audit.c.position)
                .limit(_READ_AT_ONCE)
            )
            page = [_entry(row) for row in rows.mappings()]
        if not page:
            return
        yield page
        after = page[-1].position


def _entry(row: RowMapping) -> Entry:
    return Entry(**row)
