"""Work to be handed out: looked for by what those who are there can do, and locked."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.work import Work
from tierdesk_desk.store.works import read_row

Need = tuple[Place, tuple[str, ...], int]
"""A group, skills, and how many are wanted of its work that needs no other skills."""
_TAKE_TURN: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:tenant, 8))")
_HAS_FREE: Final = text("""
    SELECT EXISTS (
        SELECT FROM unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS g(tier, group_id)
        CROSS JOIN LATERAL (
            SELECT FROM desk.work AS w
            WHERE w.tenant = :tenant AND w.tier = g.tier AND w.group_id = g.group_id AND w.stage = 'offered'
            ORDER BY w.priority, w.rank_at, w.assignment_id LIMIT 1
        ) AS w
    )
""")
"""In the order of the board, so that it is looked up in its index: else all rows are read where none is free."""
_LOCK_FREE: Final = text("""
    SELECT w.* FROM (
        SELECT DISTINCT f.tenant, f.priority, f.rank_at, f.assignment_id
        FROM jsonb_to_recordset(CAST(:needs AS jsonb)) AS n(tier text, group_id text, skills text[], room integer)
        CROSS JOIN LATERAL (
            SELECT w.tenant, w.priority, w.rank_at, w.assignment_id FROM desk.work AS w
            WHERE w.tenant = :tenant AND w.tier = n.tier AND w.group_id = n.group_id AND w.stage = 'offered'
                AND w.skills <@ n.skills
            ORDER BY w.priority, w.rank_at, w.assignment_id LIMIT n.room
        ) AS f
        ORDER BY f.priority, f.rank_at, f.assignment_id LIMIT :limit
    ) AS c
    CROSS JOIN LATERAL (
        SELECT w.* FROM desk.work AS w
        WHERE w.tenant = c.tenant AND w.assignment_id = c.assignment_id AND w.stage = 'offered'
        FOR UPDATE SKIP LOCKED
    ) AS w
    ORDER BY c.priority, c.rank_at, c.assignment_id
""")
_FIND_GIVEN_UP: Final = text("""
    SELECT DISTINCT w.ticket, w.worker FROM desk.work AS w
    WHERE w.tenant = :tenant AND w.ticket = ANY(CAST(:tickets AS text[])) AND w.worker IS NOT NULL
        AND w.stage IN ('left', 'gone') AND w.ended IN ('returned', 'not_accepted', 'overdue')
""")


async def take_turn(connection: AsyncConnection, tenant: str) -> bool:
    """Whether nobody else hands out this tenant's work now; until the transaction ends, nobody else does."""
    return bool((await connection.execute(_TAKE_TURN, {"tenant": tenant})).scalar_one())


async def has_free(connection: AsyncConnection, tenant: str, places: Sequence[Place]) -> bool:
    """Whether any work of these groups is free."""
    parameters = {"tenant": tenant, "tiers": [tier for tier, _ in places], "groups": [group for _, group in places]}
    return bool((await connection.execute(_HAS_FREE, parameters)).scalar_one())


async def lock_free(connection: AsyncConnection, tenant: str, needs: Sequence[Need], *, limit: int) -> list[Work]:
    """The most urgent free work that meets these needs, locked; what others are just about to take is passed over."""
    wanted = [
        {"tier": tier, "group_id": group, "skills": list(skills), "room": room} for (tier, group), skills, room in needs
    ]
    parameters = {"tenant": tenant, "needs": json.dumps(wanted), "limit": limit}
    return [read_row(row) for row in (await connection.execute(_LOCK_FREE, parameters)).mappings()]


async def find_given_up(
    connection: AsyncConnection, tenant: str, tickets: Collection[str]
) -> dict[str, frozenset[str]]:
    """Who gave these tickets back, or had them taken back for silence: logins by ticket, of tickets where there are any."""
    found: dict[str, frozenset[str]] = {}
    for ticket, worker in await connection.execute(_FIND_GIVEN_UP, {"tenant": tenant, "tickets": sorted(tickets)}):
        found[ticket] = found.get(ticket, frozenset()) | {worker}
    return found
