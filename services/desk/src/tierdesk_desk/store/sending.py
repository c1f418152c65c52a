"""Mails on their way: claimed under a lease, and written down when the server has answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.mailing import Kind, Reason, State, due_at, note_sent
from tierdesk_desk.store.mail_tables import mail as mails
from tierdesk_desk.store.mails import lock_boxes, save_box, set_open_due
from tierdesk_policy import Mail
from tierdesk_store import Transaction

LEASE_SECONDS: Final = 300
"""Far longer than it takes to send what is claimed at once. After it another replica sends again what one that died was sending."""
KEPT_DAYS: Final = 30
"""So long mails that have ended are kept, failed ones too: they hold addresses, and what people wrote."""
LONGEST_DETAIL: Final = 500

_IS_FIRST: Final = """
    (NOT m.is_open OR NOT EXISTS (
        SELECT FROM desk.mail AS before
        WHERE before.tenant = m.tenant AND before.address = m.address AND before.kind = m.kind
            AND before.state = 'queued' AND NOT before.is_open
    ))
"""
"""One that is open waits for the one before it to the same address: so they arrive in order, and what gathers meanwhile goes together."""
_CLAIM: Final = f"""
    WITH due AS (
        SELECT m.tenant, m.id FROM desk.mail AS m
        WHERE m.state = 'queued' AND m.due_at <= now() AND (m.leased_until IS NULL OR m.leased_until <= now())
            AND {_IS_FIRST} AND %s
        ORDER BY m.due_at, m.id LIMIT :limit
        FOR UPDATE OF m SKIP LOCKED
    )
    UPDATE desk.mail AS m
    SET is_open = false, lease = gen_random_uuid(), leased_until = now() + make_interval(secs => :lease_seconds),
        message_id = coalesce(m.message_id, '<' || m.id || '@' || :domain || '>')
    FROM due WHERE m.tenant = due.tenant AND m.id = due.id
    RETURNING m.tenant, m.id, m.kind, m.address, m.ticket, m.reference, m.locale, m."values", m.message_id, m.attempts,
        m.added_at, m.due_at, m.lease
"""  # noqa: S608 - made of this module's own text
_CLAIM_URGENT: Final = text(_CLAIM % "m.kind <> 'news'").columns(values=JSONB)
_CLAIM_ANY: Final = text(_CLAIM % "true").columns(values=JSONB)
_SUPPRESS_DUE: Final = text("""
    UPDATE desk.mail SET state = 'suppressed', reason = :reason, ended_at = now(), is_open = false, lease = NULL,
        leased_until = NULL
    WHERE (tenant, id) IN (
        SELECT tenant, id FROM desk.mail
        WHERE state = 'queued' AND due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
        ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
""")
_FORGET: Final = text(f"""
    WITH forgotten AS (
        DELETE FROM desk.mail WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM desk.mail
            WHERE state <> 'queued' AND ended_at < now() - make_interval(days => {KEPT_DAYS})
            ORDER BY ended_at LIMIT :limit
        ))
        RETURNING tenant, address, kind
    ), idle AS (
        SELECT b.tenant, b.address, b.kind FROM desk.mail_box AS b
        WHERE (b.tenant, b.address, b.kind) IN (SELECT tenant, address, kind FROM forgotten) AND b.verified_at IS NULL
            AND coalesce(b.sent[cardinality(b.sent)] < now() - make_interval(days => {KEPT_DAYS}), true)
        FOR UPDATE SKIP LOCKED
    ), unused AS (
        DELETE FROM desk.mail_box AS b USING idle AS i
        WHERE b.tenant = i.tenant AND b.address = i.address AND b.kind = i.kind
    )
    SELECT count(*) FROM forgotten
""")  # noqa: S608 - a number of our own
"""With the last mail of an address its box goes too, unless it is known whose it is. One in somebody's hand stays."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail that this replica is to send now. `attempts` are those before, and `lease` proves the claim."""

    tenant: str
    id: UUID
    kind: Kind
    address: str
    ticket: str | None
    reference: str | None
    locale: str | None
    values: dict[str, Any]
    message_id: str
    attempts: int
    added_at: datetime
    due_at: datetime
    lease: UUID


class Counts(NamedTuple):
    """What waits, since when what could leave is due, and what failed: over all tenants."""

    waiting: int
    overdue_seconds: float
    failed: int


_COUNTS: Final = text(f"""
    SELECT
        (SELECT count(*) FROM desk.mail WHERE state = 'queued') AS waiting,
        coalesce(extract(epoch FROM now() - (
            SELECT m.due_at FROM desk.mail AS m
            WHERE m.state = 'queued' AND m.due_at <= now() AND {_IS_FIRST}
            ORDER BY m.due_at LIMIT 1
        )), 0) AS overdue_seconds,
        (SELECT count(*) FROM desk.mail WHERE state = 'failed') AS failed
""")  # noqa: S608 - made of this module's own text
"""What waits behind another to the same address is not overdue, though its server puts that off for days."""
_COUNT_UNSENT: Final = text("SELECT count(*) FROM desk.mail WHERE state = 'suppressed' AND reason = 'no-server'")


async def claim_due(tx: Transaction, *, limit: int, domain: str) -> list[Claim]:
    """Lease what is due: links and escalations before news, which may be thousands; of each the longest due first.

    What is claimed takes nothing more in. `domain` is that of new message identifiers.
    """
    found: list[Claim] = []
    for statement in (_CLAIM_URGENT, _CLAIM_ANY):
        parameters = {"limit": limit - len(found), "lease_seconds": LEASE_SECONDS, "domain": domain}
        rows = (await tx.execute(statement, parameters)).mappings()
        claims = [Claim(**{**row, "kind": Kind(row["kind"])}) for row in rows]
        found += sorted(claims, key=lambda one: (one.due_at, one.id))
    return found


async def write_sent(tx: Transaction, claim: Claim, rules: Mail) -> bool:
    """The server is in charge of it. Answers False, and changes nothing, when the lease was lost.

    What gathered meanwhile for the address leaves when the policy has room for it.
    """
    ((_, box),), now = await lock_boxes(tx.connection, [(claim.tenant, claim.address, claim.kind.value)])
    values: dict[str, Any] = {"values": {}} if claim.kind is Kind.LINK else {}
    if not await _end(tx, claim, State.SENT, attempts=claim.attempts + 1, detail=None, **values):
        return False
    if claim.kind is not Kind.LINK:  # of those it was noted when they were asked for
        box = note_sent(box, rules, now)
        await save_box(tx.connection, box)
        due = due_at(box, rules, now)
        if due is not None:
            await set_open_due(tx.connection, box, due)
    return True


async def put_off(tx: Transaction, claim: Claim, *, pause_seconds: float, detail: str) -> bool:
    """Try it again then, the same mail. Answers False when the lease was lost."""
    return await _write(
        tx,
        claim,
        attempts=claim.attempts + 1,
        detail=detail[:LONGEST_DETAIL],
        due_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, pause_seconds),
    )


async def give_up(tx: Transaction, claim: Claim, reason: Reason, detail: str) -> bool:
    """It fails for good, and is kept for whoever looks after the desk. Answers False when the lease was lost."""
    return await _end(
        tx, claim, State.FAILED, reason=reason.value, attempts=claim.attempts + 1, detail=detail[:LONGEST_DETAIL]
    )


async def release(tx: Transaction, claims: Collection[Claim]) -> None:
    """These were not tried: whoever comes next may."""
    for claim in claims:
        await _write(tx, claim)


async def suppress_due(tx: Transaction, *, limit: int) -> int:
    """The desk has no mail server: what is due is never sent. Answers how much that was."""
    return (await tx.execute(_SUPPRESS_DUE, {"reason": Reason.NO_SERVER.value, "limit": limit})).rowcount


async def forget_ended(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` that ended more than `KEPT_DAYS` ago; answers how many."""
    return int((await tx.execute(_FORGET, {"limit": limit})).scalar_one())


async def count_mails(connection: AsyncConnection) -> Counts:
    """For metrics and the doctor."""
    row = (await connection.execute(_COUNTS)).one()
    return Counts(row.waiting, float(row.overdue_seconds), row.failed)


async def count_unsent(connection: AsyncConnection) -> int:
    """What was not sent for want of a server, over all tenants. It reads all that was suppressed: not for each few seconds."""
    return int((await connection.execute(_COUNT_UNSENT)).scalar_one())


async def _end(tx: Transaction, claim: Claim, state: State, **values: Any) -> bool:
    return await _write(tx, claim, state=state.value, ended_at=func.now(), **values)


async def _write(tx: Transaction, claim: Claim, **values: Any) -> bool:
    changed = await tx.execute(
        update(mails)
        .where(mails.c.tenant == claim.tenant, mails.c.id == claim.id, mails.c.lease == claim.lease)
        .values(lease=None, leased_until=None, **values)
    )
    return changed.rowcount == 1
