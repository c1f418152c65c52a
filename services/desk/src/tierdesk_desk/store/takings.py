"""Which work was taken under which key, so that a repeated request takes no second."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.store.tables import taking as takings

KEPT: Final = timedelta(days=1)
"""So long a key stands for what was taken with it, by the database's clock."""


async def lock_taking(connection: AsyncConnection, tenant: str, account_id: UUID, key: str) -> UUID | None:
    """What this account took under this key. Until the transaction ends, nobody else asks for the same."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:owner || '/' || :key, 8))"),
        {"owner": f"{tenant}/{account_id}", "key": key},
    )
    statement = select(takings.c.assignment_id).where(
        takings.c.tenant == tenant, takings.c.account_id == account_id, takings.c.key == key
    )
    found: UUID | None = (await connection.execute(statement)).scalar_one_or_none()
    return found


async def add_taking(connection: AsyncConnection, tenant: str, account_id: UUID, key: str, assignment_id: UUID) -> None:
    """Note what was taken under a key."""
    values = {"tenant": tenant, "account_id": account_id, "key": key, "assignment_id": assignment_id}
    await connection.execute(insert(takings).values(values))


async def forget_takings(connection: AsyncConnection, *, limit: int) -> int:
    """Forget up to `limit` keys whose time is over; answers how many."""
    old = (
        select(takings.c.tenant, takings.c.account_id, takings.c.key)
        .where(takings.c.taken_at < func.now() - KEPT)
        .order_by(takings.c.taken_at)
        .limit(limit)
    )
    gone = await connection.execute(
        delete(takings).where(tuple_(takings.c.tenant, takings.c.account_id, takings.c.key).in_(old))
    )
    return gone.rowcount
