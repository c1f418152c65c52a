"""How fast passwords may be tried: under each key some at once, and then one at each interval.

A try is paid for before the password is looked at, and paid back when it fits: many tries at once are no way around. Kept
as the time at which all that was tried is paid off (the generic cell rate algorithm), by the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.store.account_tables import sign_in_pace as paces

_FORGET: Final = text("""
    DELETE FROM desk.sign_in_pace WHERE key IN (
        SELECT key FROM desk.sign_in_pace WHERE free_at <= now() LIMIT 100 FOR UPDATE SKIP LOCKED
    )
""")


@dataclass(frozen=True, slots=True)
class Pace:
    """So many tries `at_once`, and then one each `interval`, under `key`."""

    key: str
    at_once: int
    interval: timedelta


async def pay(connection: AsyncConnection, pace: Pace) -> float | None:
    """Pay for a try. Answers None, or after how many seconds one is free again; then nothing is to be tried."""
    statement = insert(paces).values(key=pace.key, free_at=func.now() + pace.interval)
    paid = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[paces.c.key],
            set_={"free_at": func.greatest(paces.c.free_at, func.now()) + pace.interval},
            where=paces.c.free_at <= func.now() + pace.interval * (pace.at_once - 1),
        ).returning(paces.c.key)
    )
    if paid.one_or_none() is not None:
        return None
    wait = func.extract("epoch", paces.c.free_at - func.now()) - (pace.interval * (pace.at_once - 1)).total_seconds()
    seconds: Any = (await connection.execute(select(wait).where(paces.c.key == pace.key))).scalar_one_or_none()
    return 0.0 if seconds is None else max(0.0, float(seconds))


async def pay_back(connection: AsyncConnection, pace: Pace) -> None:
    """The password fitted: the try counts for nothing."""
    await connection.execute(
        update(paces).where(paces.c.key == pace.key).values(free_at=paces.c.free_at - pace.interval)
    )


async def forget_paid(connection: AsyncConnection) -> None:
    """Forget a hundred keys under which nothing is owed."""
    await connection.execute(_FORGET)
