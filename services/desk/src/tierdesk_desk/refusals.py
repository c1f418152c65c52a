"""Refused sign-ins in the audit: the first of each login at once, those that follow it as one number.

Whoever guesses at a desk may send millions; an audit that is never shortened must not grow by each of them.
"""

from __future__ import annotations

from typing import Final

from tierdesk_desk.store.audit import Trail, open_trail
from tierdesk_desk.store.refusals import (
    begin_refusals,
    count_refusal,
    end_refusals,
    find_ended_refusals,
)
from tierdesk_runtime.clock import Clock
from tierdesk_store import Database, Transaction

BATCH: Final = 100


async def note_refusal(tx: Transaction, clock: Clock, tenant: str, subject: str) -> None:
    """Somebody was refused under this login; an empty one stands for all that are none."""
    if await count_refusal(tx.connection, tenant, subject):
        return
    trail = await open_trail(tx, tenant)
    if await count_refusal(tx.connection, tenant, subject):
        return  # somebody else was faster while this one waited
    await _sum_up(tx, trail, clock, subject)
    await trail.note(at=clock.now(), actor="stranger", action="session.refused", subject=subject, detail={})
    await begin_refusals(tx.connection, tenant, subject)


async def sum_up_refusals(database: Database, clock: Clock, *, batch: int = BATCH) -> int:
    """Write down how often logins were refused whose time is over; answers how many were looked at."""
    async with database.read() as connection:
        ended = await find_ended_refusals(connection, limit=batch)
    for tenant, subject in ended:
        async with database.transaction() as tx:
            await _sum_up(tx, await open_trail(tx, tenant), clock, subject)
    return len(ended)


async def _sum_up(tx: Transaction, trail: Trail, clock: Clock, subject: str) -> None:
    """Of one login, of which nothing is counted any more then. Once more changes nothing."""
    number = await end_refusals(tx.connection, trail.tenant, subject)
    if number:
        detail = {"again": number}
        await trail.note(at=clock.now(), actor="stranger", action="session.refused", subject=subject, detail=detail)
