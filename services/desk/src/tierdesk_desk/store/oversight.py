"""How the open work of groups stands: what is late or soon due, what waits longest, who has how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.people import Place

MOST_COUNTED: Final = 200
"""Of each group and priority so much is counted, of what waits and of what is in hand; beyond it the number is a lower bound."""
MOST_IN_HAND: Final = 5_000
_PLACES: Final = "unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS g(tier, group_id)"
_RISKS: Final = text(f"""
    SELECT g.tier, g.group_id, risk.overdue, risk.soon, first.since
    FROM {_PLACES}
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE rank_at <= :now) AS overdue, count(*) FILTER (WHERE rank_at > :now) AS soon
        FROM generate_series(1, 5) AS p(priority)
        CROSS JOIN LATERAL (
            (
                SELECT w.rank_at FROM desk.work AS w
                WHERE w.tenant = :tenant AND w.tier = g.tier AND w.group_id = g.group_id AND w.priority = p.priority
                  AND w.rank_at <= :soon AND w.stage = 'offered'
                ORDER BY w.rank_at LIMIT {MOST_COUNTED}
            )
            UNION ALL
            (
                SELECT w.rank_at FROM desk.work AS w
                WHERE w.tenant = :tenant AND w.tier = g.tier AND w.group_id = g.group_id AND w.priority = p.priority
                  AND w.rank_at <= :soon AND w.stage IN ('claiming', 'owned', 'paused')
                ORDER BY w.rank_at LIMIT {MOST_COUNTED}
            )
        ) AS due
    ) AS risk
    LEFT JOIN LATERAL (
        SELECT w.offered_at AS since FROM desk.work AS w
        WHERE w.tenant = :tenant AND w.tier = g.tier AND w.group_id = g.group_id AND w.stage = 'offered'
        ORDER BY w.offered_at LIMIT 1
    ) AS first ON true
""")  # noqa: S608 - made of this module's own text
_HOLDERS: Final = text(f"""
    SELECT held.worker, count(*) AS number, count(*) FILTER (WHERE held.stage = 'paused') AS paused,
           count(*) FILTER (WHERE held.rank_at <= :now) AS overdue, min(held.changed_at) AS untouched_since
    FROM (
        SELECT w.worker, w.stage, w.rank_at, w.changed_at FROM {_PLACES}
        JOIN desk.work AS w ON w.tenant = :tenant AND w.tier = g.tier AND w.group_id = g.group_id
        WHERE w.stage IN ('claiming', 'owned', 'paused') LIMIT {MOST_IN_HAND}
    ) AS held
    GROUP BY held.worker ORDER BY number DESC, held.worker LIMIT :limit
""")  # noqa: S608 - made of this module's own text


@dataclass(frozen=True, slots=True)
class Risk:
    """What of a group's open work is `overdue`, or `soon` will be, and since when the oldest of what waits does so."""

    overdue: int
    soon: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Holder:
    """How much somebody has, how much of it is on hold and overdue, and since when the longest untouched of it is so."""

    worker: str
    number: int
    paused: int
    overdue: int
    untouched_since: datetime


async def read_risks(
    connection: AsyncConnection, tenant: str, places: Sequence[Place], *, now: datetime, soon: datetime
) -> dict[Place, Risk]:
    """How these groups stand: what is due by `now`, and by `soon`."""
    rows = await connection.execute(_RISKS, {**_named(tenant, places), "now": now, "soon": soon})
    return {(row.tier, row.group_id): Risk(row.overdue, row.soon, row.since) for row in rows}


async def list_holders(
    connection: AsyncConnection, tenant: str, places: Sequence[Place], *, now: datetime, limit: int
) -> list[Holder]:
    """Who has work of these groups, whoever has most first."""
    rows = await connection.execute(_HOLDERS, {**_named(tenant, places), "now": now, "limit": limit})
    return [Holder(row.worker, row.number, row.paused, row.overdue, row.untouched_since) for row in rows]


def _named(tenant: str, places: Sequence[Place]) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "tiers": [tier for tier, _ in places],
        "groups": [group for _, group in places],
    }
