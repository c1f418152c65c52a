"""A long history: closed tickets in every table that a ticket leaves rows in, as copies of tickets that were driven."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg

CHUNK: Final = 50_000

# `k` numbers the copies; md5 makes an identifier of the copy that is the same in all tables.
_COPY = "uuid_in(md5({id}::text || k)::cstring)"
_TICKET = _COPY.format(id="t.id")
# Spread over the whole index, as references are.
_REFERENCE = "'TD-' || left(md5(t.reference || k), 16)"
_STATEMENTS: Final = (
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM intake.ticket WHERE id = ANY($1))
    INSERT INTO intake.ticket (tenant, id, reference, last_sequence, opened_at)
    SELECT tenant, {_TICKET}, {_REFERENCE}, last_sequence, opened_at FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM intake.idempotency_key WHERE ticket = ANY($1))
    INSERT INTO intake.idempotency_key (tenant, source, key, fingerprint, answer, ticket, reference, created_at)
    SELECT t.tenant, t.source, t.key || '-' || k, t.fingerprint, t.answer, {_COPY.format(id="t.ticket")},
        {_REFERENCE}, t.created_at
    FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM intake.raw_event WHERE ticket = ANY($1))
    INSERT INTO intake.raw_event (tenant, id, source, key, ticket, body, received_at)
    SELECT t.tenant, {_TICKET}, t.source, t.key || '-' || k, {_COPY.format(id="t.ticket")}, t.body, t.received_at
    FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM router.ticket WHERE id = ANY($1))
    INSERT INTO router.ticket (tenant, id, reference, status, tier, group_id, category, priority, requester_id, opened_at,
        sequence, policy_version, offer_due_at, close_due_at, record)
    SELECT t.tenant, {_TICKET}, {_REFERENCE}, 'closed', t.tier, t.group_id, t.category, t.priority,
        t.requester_id, t.opened_at, t.sequence, t.policy_version, NULL, NULL,
        t.record || jsonb_build_object('id', {_TICKET}, 'status', 'closed')
    FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM router.ticket_log WHERE ticket_id = ANY($1))
    INSERT INTO router.ticket_log (tenant, ticket_id, sequence, kind, at, event)
    SELECT t.tenant, {_COPY.format(id="t.ticket_id")}, t.sequence, t.kind, t.at, t.event
    FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM router.assignment WHERE ticket_id = ANY($1))
    INSERT INTO router.assignment (tenant, id, ticket_id, token, tier, group_id, vendor, worker, offered_at, accepted_at,
        ended_at, ended_by)
    SELECT t.tenant, {_TICKET}, {_COPY.format(id="t.ticket_id")}, t.token, t.tier, t.group_id, t.vendor, 'someone',
        t.offered_at, t.offered_at, t.offered_at, 'resolved'
    FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM sla.ticket WHERE ticket_id = ANY($1))
    INSERT INTO sla.ticket (tenant, ticket_id, reference, policy_version, sequence, category, priority, waiting)
    SELECT t.tenant, {_COPY.format(id="t.ticket_id")}, {_REFERENCE}, t.policy_version, t.sequence, t.category,
        t.priority, NULL
    FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM sla.ticket_change WHERE ticket_id = ANY($1))
    INSERT INTO sla.ticket_change (tenant, ticket_id, first_sequence, sequence, policy_version, events)
    SELECT t.tenant, {_COPY.format(id="t.ticket_id")}, t.first_sequence, t.sequence, t.policy_version, t.events
    FROM t, generate_series($2::int, $3::int) k
    """,
    f"""
    WITH t AS MATERIALIZED (SELECT * FROM sla.clock WHERE ticket_id = ANY($1))
    INSERT INTO sla.clock (tenant, id, ticket_id, place, kind, tier, group_id, vendor, assignment_id, started_at,
        within_seconds, calendar, warn_at, promised_by, holds, warnings, state, due_at, ended_at, cycle, warned,
        breach_due_at, next_at)
    SELECT t.tenant, {_TICKET}, {_COPY.format(id="t.ticket_id")}, t.place, t.kind, t.tier, t.group_id, t.vendor,
        t.assignment_id, t.started_at, t.within_seconds, t.calendar, t.warn_at, t.promised_by, t.holds, t.warnings, 'met',
        t.due_at, t.started_at, t.cycle, t.warned, NULL, NULL
    FROM t, generate_series($2::int, $3::int) k
    """,
    *(
        f"""
        WITH t AS MATERIALIZED (SELECT * FROM {schema}.applied WHERE subject = ANY($1::uuid[]::text[]))
        INSERT INTO {schema}.applied (consumer, tenant, subject, stream, sequence)
        SELECT t.consumer, t.tenant, md5(t.subject || k), t.stream, t.sequence
        FROM t, generate_series($2::int, $3::int) k
        """
        for schema in ("router", "sla", "kb")
    ),
    *(
        f"""
        WITH t AS MATERIALIZED (SELECT * FROM {schema}.outbox WHERE subject = ANY($1::uuid[]::text[])),
        written AS (
            INSERT INTO {schema}.outbox (partition, id, tenant, subject, namespace, exchange, key, type, body, created_at)
            SELECT t.partition, {_TICKET}, t.tenant, md5(t.subject || k), t.namespace, t.exchange, t.key, t.type, t.body,
                t.created_at
            FROM t, generate_series($2::int, $3::int) k
            RETURNING partition, position, created_at
        )
        INSERT INTO {schema}.dispatch (partition, position, published_at) SELECT * FROM written
        """
        for schema in ("intake", "router")
    ),
)


def load_history(database_url: str, count: int, *, told: Callable[[int], None] = lambda _: None) -> None:
    """Add `count` closed tickets; `told` hears how many there are so far. Then let PostgreSQL look at what it has."""
    asyncio.run(_load(database_url, count, told))


async def _load(database_url: str, count: int, told: Callable[[int], None]) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        patterns = [row["id"] for row in await connection.fetch("SELECT id FROM intake.ticket ORDER BY id LIMIT 100")]
        each = CHUNK // len(patterns)
        await connection.execute("SET synchronous_commit = off")  # history is loaded, not measured
        for first in range(0, count // len(patterns), each):
            last = min(first + each, count // len(patterns)) - 1
            for statement in _STATEMENTS:
                await connection.execute(statement, patterns, first, last)
            told((last + 1) * len(patterns))
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
