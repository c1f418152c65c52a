"""How often sign-ins were refused, by login. All times are the database's own, as those of sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.store.account_tables import refused_sign_in as refusals

WINDOW: Final = timedelta(minutes=10)
"""So long refusals under one login are counted before the audit tells how many they were."""


async def count_refusal(connection: AsyncConnection, tenant: str, subject: str) -> bool:
    """Count one more of this login; answers whether any is counted now. False when there is none yet, or its time is over."""
    counted = await connection.execute(
        update(refusals)
        .where(refusals.c.tenant == tenant, refusals.c.subject == subject, refusals.c.since > func.now() - WINDOW)
        .values(number=refusals.c.number + 1)
    )
    return counted.rowcount > 0


async def begin_refusals(connection: AsyncConnection, tenant: str, subject: str) -> None:
    """Count from now on."""
    await connection.execute(insert(refusals).values(tenant=tenant, subject=subject))


async def end_refusals(connection: AsyncConnection, tenant: str, subject: str) -> int:
    """Count no more what is over; answers how many there were after the first."""
    ended = await connection.execute(
        delete(refusals)
        .where(refusals.c.tenant == tenant, refusals.c.subject == subject, refusals.c.since <= func.now() - WINDOW)
        .returning(refusals.c.number)
    )
    number: int | None = ended.scalar_one_or_none()
    return number or 0


async def find_ended_refusals(connection: AsyncConnection, *, limit: int) -> list[tuple[str, str]]:
    """Tenant and login of what is over, the oldest first."""
    rows = await connection.execute(
        select(refusals.c.tenant, refusals.c.subject)
        .where(refusals.c.since <= func.now() - WINDOW)
        .order_by(refusals.c.since)
        .limit(limit)
    )
    return [(row.tenant, row.subject) for row in rows]
