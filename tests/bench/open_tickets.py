"""Many open tickets in the watcher's tables, as copies of tickets that came down the road; each with an opening of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import asyncpg

CHUNK: Final = 50_000

# `k` numbers the copies. All instants of a copy lie as far from its opening as those of its pattern do. Its identifier
# begins with the time, as the desk's do, so that new tickets stand together in an index.
_COPIES: Final = """
    WITH pattern AS MATERIALIZED (
        SELECT tenant, ticket_id, started_at, row_number() OVER (ORDER BY ticket_id) - 1 AS nth, count(*) OVER () AS of_all
        FROM sla.clock WHERE place = 1 AND ticket_id = ANY($1)
    ), copy AS MATERIALIZED (
        SELECT p.tenant, p.ticket_id AS copied, opened.at - p.started_at AS later, name.hash,
            CAST(lpad(to_hex(CAST(extract(epoch FROM opened.at) * 1000 AS bigint)), 12, '0')
                || '7' || substr(name.hash, 1, 3) || '8' || substr(name.hash, 4, 15) AS uuid) AS ticket_id
        FROM generate_series($2::bigint, $3::bigint) AS k
        CROSS JOIN LATERAL (SELECT $4::timestamptz + $5::interval * k AS at) AS opened
        CROSS JOIN LATERAL (SELECT md5($6 || k) AS hash) AS name
        JOIN pattern AS p ON p.nth = k % p.of_all
    )
"""
_WATCHED: Final = (
    f"""
    {_COPIES}
    INSERT INTO sla.ticket (tenant, ticket_id, reference, policy_version, sequence, category, priority, waiting,
        waiting_for, moved_to)
    SELECT t.tenant, c.ticket_id, 'TD-' || upper(left(c.hash, 4)) || '-' || upper(right(c.hash, 4)), t.policy_version,
        t.sequence, t.category, t.priority, t.waiting, t.waiting_for, t.moved_to
    FROM copy AS c JOIN sla.ticket AS t ON t.tenant = c.tenant AND t.ticket_id = c.copied
    """,
    f"""
    {_COPIES}
    INSERT INTO sla.clock (tenant, id, ticket_id, place, kind, tier, group_id, vendor, assignment_id, started_at,
        within_seconds, calendar, warn_at, promised_by, holds, warnings, state, due_at, ended_at, cycle, warned,
        breach_due_at, next_at)
    SELECT t.tenant, CAST(md5(t.id || c.hash) AS uuid), c.ticket_id, t.place, t.kind, t.tier, t.group_id, t.vendor,
        CAST(md5(t.assignment_id || c.hash) AS uuid), t.started_at + c.later, t.within_seconds, t.calendar, t.warn_at,
        t.promised_by, t.holds, coalesce(warned.later, '[]'), t.state, t.due_at + c.later, t.ended_at + c.later, t.cycle,
        t.warned, t.breach_due_at + c.later, t.next_at + c.later
    FROM copy AS c JOIN sla.clock AS t ON t.tenant = c.tenant AND t.ticket_id = c.copied
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(one -> 0, to_char(
            (CAST(one ->> 1 AS timestamptz) + c.later) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))) AS later
        FROM jsonb_array_elements(t.warnings) AS one
    ) AS warned
    ORDER BY c.ticket_id, t.place
    """,
)
# What was heard of them. An event keeps its instants, so that clocks built from it anew lie elsewhere than their copies.
_HEARD: Final = (
    f"""
    {_COPIES}
    INSERT INTO sla.ticket_change (tenant, ticket_id, first_sequence, sequence, policy_version, events)
    SELECT t.tenant, c.ticket_id, t.first_sequence, t.sequence, t.policy_version, t.events
    FROM copy AS c JOIN sla.ticket_change AS t ON t.tenant = c.tenant AND t.ticket_id = c.copied
    """,
    f"""
    {_COPIES}
    INSERT INTO sla.applied (consumer, tenant, subject, stream, sequence)
    SELECT t.consumer, t.tenant, CAST(c.ticket_id AS text), t.stream, t.sequence
    FROM copy AS c JOIN sla.applied AS t ON t.tenant = c.tenant AND t.subject = CAST(c.copied AS text)
    WHERE t.consumer = 'sla'
    """,
)


def load_open_tickets(
    database_url: str,
    count: int,
    first: datetime,
    last: datetime,
    *,
    name: str,
    heard: bool = False,
    told: Callable[[int], None] = lambda _: None,
) -> None:
    """Add `count` open tickets, the first opened at `first` and the others evenly until `last`, and let PostgreSQL look at them.

    `name` tells these copies from those of other calls. With `heard` their messages and sequences are there too, as a
    rebuild or the consumer needs them. `told` hears how many there are so far.
    """
    asyncio.run(_load(database_url, count, first, (last - first) / count, name, heard, told))


async def _load(
    database_url: str,
    count: int,
    first: datetime,
    step: timedelta,
    name: str,
    heard: bool,
    told: Callable[[int], None],
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT id FROM router.ticket ORDER BY id LIMIT 100")
        patterns = [row["id"] for row in rows]
        await connection.execute("SET synchronous_commit = off")  # they are loaded, not measured
        for start in range(0, count, CHUNK):
            end = min(start + CHUNK, count)
            for statement in (*_WATCHED, *(_HEARD if heard else ())):
                await connection.execute(statement, patterns, start, end - 1, first, step, name, timeout=600)
            told(end)
        await connection.execute("VACUUM (ANALYZE) sla.ticket, sla.clock, sla.ticket_change, sla.applied", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()
