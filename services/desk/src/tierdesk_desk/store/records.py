"""How work ended, by person, group, category and month: kept with each change, in its transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.records import REOPENED, Tally
from tierdesk_desk.domain.work import Stage, Work

_SOLVED: Final = "resolved"
_ESCALATED: Final = "escalated"
_Key = tuple[str, str, date, str, str, str, str]
_COUNT: Final[TextClause] = text("""
    INSERT INTO desk.work_record (tenant, worker, month, tier, group_id, category, ended, number)
    SELECT * FROM unnest(
        CAST(:tenants AS text[]), CAST(:workers AS text[]), CAST(:months AS date[]), CAST(:tiers AS text[]),
        CAST(:groups AS text[]), CAST(:categories AS text[]), CAST(:endings AS text[]), CAST(:steps AS bigint[])
    ) AS moved(tenant, worker, month, tier, group_id, category, ended, step)
    ORDER BY tenant, worker, month, tier, group_id, category, ended
    ON CONFLICT (tenant, worker, month, tier, group_id, category, ended)
    DO UPDATE SET number = work_record.number + excluded.number
""")
_FIND_SOLVED: Final = text("""
    SELECT w.tenant, w.worker, k.month, w.tier, w.group_id, w.category
    FROM unnest(CAST(:tenants AS text[]), CAST(:tickets AS text[]), CAST(:months AS date[])) AS k(tenant, ticket, month)
    CROSS JOIN LATERAL (
        SELECT w.* FROM desk.work AS w
        WHERE w.tenant = k.tenant AND w.ticket = k.ticket AND w.stage = 'left' AND w.ended = 'resolved'
        ORDER BY w.token DESC LIMIT 1
    ) AS w
""")
_READ: Final = text("""
    SELECT r.worker, r.tier, r.group_id, r.category, r.ended, sum(r.number)::bigint AS number
    FROM unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS g(tier, group_id)
    JOIN desk.work_record AS r
        ON r.tenant = :tenant AND r.tier = g.tier AND r.group_id = g.group_id AND r.month >= :since
    WHERE r.ended IN ('resolved', 'escalated', 'reopened')
    GROUP BY 1, 2, 3, 4, 5
""")
_FORGET: Final = text("DELETE FROM desk.work_record WHERE month < :before")


async def count_endings(
    connection: AsyncConnection, before: Mapping[tuple[str, UUID], Work], changed: Iterable[Work]
) -> None:
    """Count how these works ended, and count no more what a refusal has put back. `before` is what stood in the table."""
    moved: Counter[_Key] = Counter()
    for work in changed:
        old = before.get((work.tenant, work.assignment_id))
        for counted, step in ((old, -1), (work, 1)):
            if counted is not None and counted.stage is Stage.LEFT and counted.worker and counted.ended:
                moved[_key(counted, counted.ended, counted.changed_at)] += step
    await _count(connection, moved)


async def count_reopened(connection: AsyncConnection, reopened: Sequence[tuple[tuple[str, str], datetime]]) -> None:
    """Count tickets that came back with whoever resolved them here last. Each is a tenant and a ticket, and when it came."""
    if not reopened:
        return
    keys, moments = zip(*reopened, strict=True)
    tenants, tickets = zip(*keys, strict=True)
    months = [_month(at) for at in moments]
    parameters = {"tenants": list(tenants), "tickets": list(tickets), "months": months}
    rows = await connection.execute(_FIND_SOLVED, parameters)
    await _count(
        connection,
        Counter(
            (row.tenant, row.worker, row.month, row.tier, row.group_id, row.category, REOPENED)
            for row in rows
            if row.worker
        ),
    )


async def read_tallies(
    connection: AsyncConnection, tenant: str, places: Sequence[Place], *, since: date
) -> dict[tuple[str, Place, str], Tally]:
    """How work of these groups ended since that month, by person, group and category."""
    parameters = {
        "tenant": tenant,
        "tiers": [tier for tier, _ in places],
        "groups": [group for _, group in places],
        "since": since,
    }
    found: dict[tuple[str, Place, str], dict[str, int]] = {}
    for row in await connection.execute(_READ, parameters):
        found.setdefault((row.worker, (row.tier, row.group_id), row.category), {})[row.ended] = row.number
    return {
        key: Tally(numbers.get(_SOLVED, 0), numbers.get(_ESCALATED, 0), numbers.get(REOPENED, 0))
        for key, numbers in found.items()
        if any(numbers.values())
    }


async def forget_records(connection: AsyncConnection, before: date) -> None:
    """Delete what was counted of the months before this one."""
    await connection.execute(_FORGET, {"before": before})


def first_month(at: datetime, months: int) -> date:
    """The first of so many months, of which the one of `at` is the last."""
    number = at.astimezone(UTC).year * 12 + at.astimezone(UTC).month - months
    return date(number // 12, number % 12 + 1, 1)


def _key(work: Work, ended: str, at: datetime) -> _Key:
    return work.tenant, work.worker or "", _month(at), work.tier, work.group_id, work.category, ended


def _month(at: datetime) -> date:
    return at.astimezone(UTC).date().replace(day=1)


async def _count(connection: AsyncConnection, moved: Mapping[_Key, int]) -> None:
    steps = {key: step for key, step in moved.items() if step}
    if not steps:
        return
    names = ("tenants", "workers", "months", "tiers", "groups", "categories", "endings")
    columns = {name: list(column) for name, column in zip(names, zip(*steps, strict=True), strict=True)}
    await connection.execute(_COUNT, {**columns, "steps": list(steps.values())})
