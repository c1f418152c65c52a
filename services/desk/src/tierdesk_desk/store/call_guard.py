"""Who is at the telephone, who is reminded of it, and what is counted by the day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.call_guard import SHIFT, Away, Count, GuardDay
from tierdesk_desk.domain.changes import GuardChange
from tierdesk_desk.store.callback_tables import call_guard_day as days
from tierdesk_desk.store.callback_tables import phone_agent as agents
from tierdesk_desk.store.callback_tables import phone_call as calls
from tierdesk_desk.store.feed import tell

Counted = tuple[str, datetime, Count, float]
"""What is counted: of which tenant, when, what, and for how many seconds."""
MOST_AGENTS: Final = 1_000
_PLAIN: Final = frozenset(what.value for what in Count if what is not Count.WAITED)
_HOLDS: Final = """EXISTS (
    SELECT FROM desk.work AS w
    WHERE w.tenant = a.tenant AND w.worker = a.name AND w.stage IN ('claiming', 'owned', 'paused')
)"""
"""As the partial index has it."""
_TALKS: Final = text("""
    INSERT INTO desk.phone_agent AS a (tenant, name, talks_on, since) VALUES (:tenant, :name, :call, :at)
    ON CONFLICT (tenant, name) DO UPDATE
    SET talks_on = excluded.talks_on, since = excluded.since, reminded_at = NULL, offered_at = NULL
    WHERE a.since <= excluded.since
""")
_ENDS: Final = text("""
    INSERT INTO desk.phone_agent AS a (tenant, name, talks_on, since) VALUES (:tenant, :name, NULL, :at)
    ON CONFLICT (tenant, name) DO UPDATE
    SET talks_on = NULL, since = excluded.since, reminded_at = NULL, offered_at = NULL
    WHERE a.since <= excluded.since AND (a.talks_on IS NULL OR a.talks_on = :call)
""")
_COUNT: Final = text("""
    INSERT INTO desk.call_guard_day AS d (tenant, day, what, number, seconds) VALUES (:tenant, :day, :what, :number, :seconds)
    ON CONFLICT (tenant, day, what)
    DO UPDATE SET number = d.number + excluded.number, seconds = d.seconds + excluded.seconds
""")
_AWAY: Final = text(f"""
    SELECT a.name, a.since, a.offered_at IS NOT NULL AS offered FROM desk.phone_agent AS a
    WHERE a.tenant = :tenant AND a.talks_on IS NULL AND a.reminded_at IS NOT NULL AND a.since > :shift AND {_HOLDS}
    ORDER BY a.since, a.name LIMIT :limit
""")  # noqa: S608 - our own text
_AWAY_ONE: Final = text(f"""
    SELECT a.name, a.since, a.offered_at IS NOT NULL AS offered FROM desk.phone_agent AS a
    WHERE a.tenant = :tenant AND a.name = :name AND a.talks_on IS NULL AND a.reminded_at IS NOT NULL
      AND a.since > :shift AND {_HOLDS}
""")  # noqa: S608 - our own text
_REMIND: Final = {
    word: text(f"""
        UPDATE desk.phone_agent AS a SET {word}_at = :now
        WHERE a.tenant = :tenant AND a.talks_on IS NULL AND a.since <= :before AND a.since > :shift
          AND a.{word}_at IS NULL AND {_HOLDS}
        RETURNING a.name
    """)  # noqa: S608 - our own text
    for word in (Count.REMINDED.value, Count.OFFERED.value)
}


async def note_talking(connection: AsyncConnection, tenant: str, name: str, call: UUID, at: datetime) -> None:
    """Somebody talks. What is older than what is known changes nothing."""
    await connection.execute(_TALKS, {"tenant": tenant, "name": name, "call": call, "at": at})


async def note_ended(connection: AsyncConnection, tenant: str, name: str, call: UUID, at: datetime) -> None:
    """Somebody has talked, and does no more, unless on another call."""
    await connection.execute(_ENDS, {"tenant": tenant, "name": name, "call": call, "at": at})


async def is_first(connection: AsyncConnection, tenant: str, call: UUID, at: datetime) -> bool:
    """Whether this call was not counted before; from now on it was."""
    row = {"tenant": tenant, "id": call, "counted_at": at}
    return (await connection.execute(insert(calls).values(row).on_conflict_do_nothing())).rowcount > 0


async def add_counts(connection: AsyncConnection, counted: Iterable[Counted]) -> None:
    """Count these on the days of UTC on which they were: in the order of the rows, so that no two wait for each other."""
    sums: dict[tuple[str, date, str], tuple[int, float]] = {}
    for tenant, at, what, seconds in counted:
        key = (tenant, at.astimezone(UTC).date(), what.value)
        number, so_far = sums.get(key, (0, 0.0))
        sums[key] = (number + 1, so_far + seconds)
    for (tenant, day, word), (number, seconds) in sorted(sums.items()):
        given = {"tenant": tenant, "day": day, "what": word, "number": number, "seconds": seconds}
        await connection.execute(_COUNT, given)


async def remind(
    connection: AsyncConnection, tenant: str, now: datetime, *, word: Count, after: timedelta
) -> list[str]:
    """Remind, or offer, whoever has been away for so long and was not yet; count it, tell them, answer who they are."""
    given = {"tenant": tenant, "now": now, "before": now - after, "shift": now - SHIFT}
    names = sorted(row.name for row in await connection.execute(_REMIND[word.value], given))
    if names:
        await add_counts(connection, [(tenant, now, word, 0.0)] * len(names))
        await tell(connection, [GuardChange(tenant=tenant, guarded=name, word=word.value) for name in names])
    return names


async def was_offered(connection: AsyncConnection, tenant: str, name: str, at: datetime) -> bool:
    """Whether this person was offered, within the same shift, to hand on what keeps them, and has not talked since."""
    statement = select(agents.c.offered_at).where(
        agents.c.tenant == tenant, agents.c.name == name, agents.c.since > at - SHIFT
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def list_away(connection: AsyncConnection, tenant: str, now: datetime) -> list[Away]:
    """Who was reminded and is away yet, the longest first."""
    given = {"tenant": tenant, "shift": now - SHIFT, "limit": MOST_AGENTS}
    return [Away(row.name, row.since, row.offered) for row in await connection.execute(_AWAY, given)]


async def find_away(connection: AsyncConnection, tenant: str, name: str, now: datetime) -> Away | None:
    """Whether this person was reminded and is away yet."""
    row = (await connection.execute(_AWAY_ONE, {"tenant": tenant, "name": name, "shift": now - SHIFT})).first()
    return None if row is None else Away(row.name, row.since, row.offered)


async def list_days(connection: AsyncConnection, tenant: str, *, since: date) -> list[GuardDay]:
    """What was counted on each day from then on, the last first; days without anything are left out."""
    rows = await connection.execute(
        select(days.c.day, days.c.what, days.c.number, days.c.seconds)
        .where(days.c.tenant == tenant, days.c.day >= since)
        .order_by(days.c.day.desc())
    )
    found: dict[date, dict[str, Any]] = {}
    for day, what, number, seconds in rows:
        told = found.setdefault(day, {})
        if what == Count.WAITED.value:
            told |= {"callers": number, "waited_seconds": seconds}
        elif what in _PLAIN:
            told[what] = number
    return [GuardDay(day, **told) for day, told in found.items()]


async def forget_calls(connection: AsyncConnection, now: datetime, *, after: timedelta, limit: int) -> int:
    """Forget that up to `limit` calls of so long ago were counted; answers how many."""
    gone = (
        select(calls.c.tenant, calls.c.id)
        .where(calls.c.counted_at < now - after)
        .order_by(calls.c.counted_at)
        .limit(limit)
    )
    return (await connection.execute(delete(calls).where(tuple_(calls.c.tenant, calls.c.id).in_(gone)))).rowcount
