"""What is to be delivered: taken in order, claimed by one replica at a time, written down when it has ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_bridge.domain.answers import State, Step
from tierdesk_bridge.domain.schedule import room_for
from tierdesk_bridge.store.tables import delivery as deliveries
from tierdesk_store import Transaction

LEASE_SECONDS: Final = 60
"""Far longer than a request may take. After it another replica sends again what one that died was sending."""
KEPT_DAYS: Final = 30


class Taken(NamedTuple):
    """A message for a vendor, to its byte."""

    tenant: str
    vendor: str
    id: UUID
    subject: str
    type: str
    body: bytes


class Claim(NamedTuple):
    """A delivery that this replica is to send now. `attempts` are those before."""

    tenant: str
    vendor: str
    url: str
    set_at: datetime
    id: UUID
    subject: str
    body: bytes
    attempts: int
    lease: UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a delivery stands."""

    id: UUID
    position: int
    subject: str
    type: str
    state: State
    attempts: int
    taken_at: datetime
    due_at: datetime
    ended_at: datetime | None
    last_status: int | None
    last_detail: str | None


_take: Final = text("""
    INSERT INTO bridge.delivery
        (tenant, vendor, id, subject, type, body, state, attempts, taken_at, due_at, first_in_line)
    SELECT r.tenant, r.vendor, r.id, r.subject, r.type, r.body, 'pending', 0, now(), now(), false
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:vendor AS text[]), CAST(:id AS uuid[]), CAST(:subject AS text[]),
        CAST(:type AS text[]), CAST(:body AS bytea[])
    ) WITH ORDINALITY AS r(tenant, vendor, id, subject, type, body, ordinal)
    ORDER BY r.ordinal
    ON CONFLICT DO NOTHING
""")
_lock_lines: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:vendor, hashtextextended(:tenant, 0)))")
"""Held by who changes which delivery is the first of its ticket: a vendor's are changed by one at a time."""
_line_up: Final = text("""
    UPDATE bridge.delivery SET first_in_line = true
    WHERE tenant = :tenant AND vendor = :vendor AND NOT first_in_line AND id = ANY(ARRAY(
        SELECT found.id FROM unnest(CAST(:subjects AS text[])) AS line(subject)
        CROSS JOIN LATERAL (
            SELECT d.id FROM bridge.delivery AS d
            WHERE d.tenant = :tenant AND d.vendor = :vendor AND d.subject = line.subject AND d.state = 'pending'
            ORDER BY d.position LIMIT 1
        ) AS found
    ))
""")
"""No join: one that was planned while the table was empty would be kept for a full one."""
_step_back: Final = text("""
    UPDATE bridge.delivery SET first_in_line = false
    WHERE tenant = :tenant AND vendor = :vendor AND subject = :subject AND state = 'pending' AND first_in_line
""")
_lock_endpoints: Final = text("""
    SELECT e.tenant, e.vendor, e.url, e.set_at, e.failures FROM bridge.endpoint AS e
    CROSS JOIN LATERAL (
        SELECT FROM bridge.delivery AS d
        WHERE d.tenant = e.tenant AND d.vendor = e.vendor AND d.state = 'pending' AND d.first_in_line
          AND d.due_at <= now() AND (d.leased_until IS NULL OR d.leased_until <= now())
        ORDER BY d.due_at LIMIT 1
    ) AS due
    WHERE e.enabled AND (e.rests_until IS NULL OR e.rests_until <= now())
    ORDER BY e.tenant, e.vendor
    FOR UPDATE OF e SKIP LOCKED
""")
"""Whoever claims for an endpoint holds its row, so that what is in flight, counted after, is counted truly."""
_count_in_flight: Final = text("""
    SELECT count(*) FROM bridge.delivery
    WHERE tenant = :tenant AND vendor = :vendor AND lease IS NOT NULL AND leased_until > now()
""")
_claim: Final = text("""
    WITH due AS (
        SELECT d.tenant, d.vendor, d.id FROM bridge.delivery AS d
        WHERE d.tenant = :tenant AND d.vendor = :vendor AND d.state = 'pending' AND d.first_in_line
          AND d.due_at <= now() AND (d.leased_until IS NULL OR d.leased_until <= now())
        ORDER BY d.due_at, d.position LIMIT :room
        FOR UPDATE SKIP LOCKED
    )
    UPDATE bridge.delivery AS d
    SET lease = gen_random_uuid(), leased_until = now() + make_interval(secs => :lease_seconds)
    FROM due WHERE d.tenant = due.tenant AND d.vendor = due.vendor AND d.id = due.id
    RETURNING d.id, d.subject, d.body, d.attempts, d.lease
""")
_forget: Final = text(f"""
    DELETE FROM bridge.delivery WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM bridge.delivery
        WHERE state = 'delivered' AND ended_at < now() - make_interval(days => {KEPT_DAYS})
        ORDER BY ended_at LIMIT :limit
    ))
""")  # noqa: S608 - a number of our own
_counts: Final = text("""
    SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'failed') AS failed,
        coalesce(extract(epoch FROM now() - min(taken_at) FILTER (WHERE state = 'pending')), 0) AS oldest_seconds
    FROM bridge.delivery WHERE state <> 'delivered'
""")


async def take(tx: Transaction, messages: Sequence[Taken]) -> None:
    """Have these delivered, in this order."""
    if messages:
        columns = zip(Taken._fields, zip(*messages, strict=True), strict=True)
        await tx.execute(_take, {name: list(values) for name, values in columns})
        for tenant, vendor in sorted({(one.tenant, one.vendor) for one in messages}):
            subjects = {one.subject for one in messages if (one.tenant, one.vendor) == (tenant, vendor)}
            await _line_up_tickets(tx, tenant, vendor, subjects)


async def claim_due(tx: Transaction) -> list[Claim]:
    """Lease what is due and may be sent now: of each ticket the oldest, of each endpoint no more than it may get."""
    claims: list[Claim] = []
    for one in (await tx.execute(_lock_endpoints)).all():
        key = {"tenant": one.tenant, "vendor": one.vendor}
        room = room_for(one.failures, (await tx.execute(_count_in_flight, key)).scalar_one())
        if room == 0:
            continue
        found = await tx.execute(_claim, key | {"room": room, "lease_seconds": LEASE_SECONDS})
        claims += [
            Claim(one.tenant, one.vendor, one.url, one.set_at, row.id, row.subject, row.body, row.attempts, row.lease)
            for row in found
        ]
    return claims


async def write_step(tx: Transaction, claim: Claim, step: Step, *, status: int | None, detail: str) -> bool:
    """Write how a claimed delivery goes on. Answers False, and changes nothing, when its lease was lost."""
    ended = step.state is not State.PENDING
    changed = await tx.execute(
        update(deliveries)
        .where(deliveries.c.tenant == claim.tenant, deliveries.c.vendor == claim.vendor, deliveries.c.id == claim.id)
        .where(deliveries.c.lease == claim.lease)
        .values(
            state=step.state,
            attempts=step.attempts,
            due_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, step.pause_seconds),
            ended_at=func.now() if ended else None,
            lease=None,
            leased_until=None,
            last_status=status,
            last_detail=detail or None,
        )
    )
    if changed.rowcount == 0:
        return False
    if ended:
        await _line_up_tickets(tx, claim.tenant, claim.vendor, [claim.subject])
    return True


async def send_again(tx: Transaction, tenant: str, vendor: str, delivery_id: UUID) -> bool:
    """Try a failed delivery anew, from its first attempt. Answers whether it was a failed one."""
    await tx.execute(_lock_lines, {"tenant": tenant, "vendor": vendor})
    changed = await tx.execute(
        update(deliveries)
        .where(deliveries.c.tenant == tenant, deliveries.c.vendor == vendor, deliveries.c.id == delivery_id)
        .where(deliveries.c.state == State.FAILED)
        .values(state=State.PENDING, attempts=0, due_at=func.now(), ended_at=None)
        .returning(deliveries.c.subject)
    )
    subject = changed.scalar_one_or_none()
    if subject is None:
        return False
    await tx.execute(_step_back, {"tenant": tenant, "vendor": vendor, "subject": subject})
    await _line_up_tickets(tx, tenant, vendor, [subject])
    return True


async def find_delivery(connection: AsyncConnection, tenant: str, vendor: str, delivery_id: UUID) -> Delivery | None:
    """How this delivery stands."""
    statement = _described(tenant, vendor).where(deliveries.c.id == delivery_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _delivery(row)


async def list_deliveries(
    connection: AsyncConnection, tenant: str, vendor: str, *, state: State | None, before: int | None, limit: int
) -> list[Delivery]:
    """The newest first; those before this position."""
    statement = _described(tenant, vendor).order_by(deliveries.c.position.desc()).limit(limit)
    if state is not None:
        statement = statement.where(deliveries.c.state == state)
    if before is not None:
        statement = statement.where(deliveries.c.position < before)
    return [_delivery(row) for row in (await connection.execute(statement)).mappings()]


async def count_states(connection: AsyncConnection, tenant: str, vendor: str) -> dict[State, int]:
    """How many deliveries of this vendor stand how."""
    rows = await connection.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.tenant == tenant, deliveries.c.vendor == vendor)
        .group_by(deliveries.c.state)
    )
    return {State(state): number for state, number in rows}


class Counts(NamedTuple):
    """Over all vendors: what waits, what failed for good, and how long ago the oldest was taken that waits."""

    pending: int
    failed: int
    oldest_seconds: float


async def count_all(connection: AsyncConnection) -> Counts:
    """For metrics."""
    row = (await connection.execute(_counts)).one()
    return Counts(row.pending, row.failed, float(row.oldest_seconds))


async def forget_delivered(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` that were delivered more than 30 days ago; answers how many."""
    return (await tx.execute(_forget, {"limit": limit})).rowcount


async def _line_up_tickets(tx: Transaction, tenant: str, vendor: str, subjects: Collection[str]) -> None:
    """Let the oldest that is pending of each ticket be its first, after what was written in this transaction."""
    await tx.execute(_lock_lines, {"tenant": tenant, "vendor": vendor})
    await tx.execute(_line_up, {"tenant": tenant, "vendor": vendor, "subjects": sorted(subjects)})


_DESCRIPTION: Final = [deliveries.c[name] for name in Delivery.__dataclass_fields__]


def _described(tenant: str, vendor: str) -> Any:
    return select(*_DESCRIPTION).where(deliveries.c.tenant == tenant, deliveries.c.vendor == vendor)


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**{**row, "state": State(row["state"])})
