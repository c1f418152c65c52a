"""Tickets, their log and their assignments: loaded under lock, saved in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts import ticket as events
from tierdesk_router.domain.effects import assignment_of
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.ticket import Assignment, Ticket
from tierdesk_store import Transaction

Key = tuple[str, UUID]
"""(tenant, identifier)."""

_LOCK = text(
    """
    SELECT CAST(found.record AS text) AS record
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS k(tenant, id)
    CROSS JOIN LATERAL (
        SELECT t.record FROM router.ticket t WHERE t.tenant = k.tenant AND t.id = k.id FOR UPDATE
    ) AS found
    """
)
_FIND_ASSIGNMENTS = text(
    """
    SELECT found.tenant, found.id, found.ticket_id, found.tier, found.group_id, found.vendor, found.worker, found.last_ordinal
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS k(tenant, id)
    CROSS JOIN LATERAL (
        SELECT a.* FROM router.assignment a WHERE a.tenant = k.tenant AND a.id = k.id LIMIT 1
    ) AS found
    """
)
_SAVE = text(
    """
    WITH saved AS (
        INSERT INTO router.ticket (
            tenant, id, reference, status, tier, group_id, category, priority, requester_id, opened_at, sequence,
            policy_version, offer_due_at, close_due_at, chain_due_at, record)
        SELECT * FROM unnest(
            CAST(:ticket_tenant AS text[]), CAST(:ticket_id AS uuid[]), CAST(:ticket_reference AS text[]),
            CAST(:ticket_status AS text[]), CAST(:ticket_tier AS text[]), CAST(:ticket_group_id AS text[]),
            CAST(:ticket_category AS text[]), CAST(:ticket_priority AS smallint[]),
            CAST(:ticket_requester_id AS uuid[]), CAST(:ticket_opened_at AS timestamptz[]),
            CAST(:ticket_sequence AS bigint[]), CAST(:ticket_policy_version AS text[]),
            CAST(:ticket_offer_due_at AS timestamptz[]), CAST(:ticket_close_due_at AS timestamptz[]),
            CAST(:ticket_chain_due_at AS timestamptz[]), CAST(:ticket_record AS jsonb[]))
        ON CONFLICT (tenant, id) DO UPDATE SET
            status = excluded.status, tier = excluded.tier, group_id = excluded.group_id,
            category = excluded.category, priority = excluded.priority, sequence = excluded.sequence,
            policy_version = excluded.policy_version, offer_due_at = excluded.offer_due_at,
            close_due_at = excluded.close_due_at, chain_due_at = excluded.chain_due_at, record = excluded.record
    ), logged AS (
        INSERT INTO router.ticket_log (tenant, ticket_id, sequence, kind, at, event)
        SELECT * FROM unnest(
            CAST(:log_tenant AS text[]), CAST(:log_ticket_id AS uuid[]), CAST(:log_sequence AS bigint[]),
            CAST(:log_kind AS text[]), CAST(:log_at AS timestamptz[]), CAST(:log_event AS jsonb[]))
    )
    INSERT INTO router.assignment (
        tenant, id, ticket_id, token, tier, group_id, vendor, worker, offered_at, accepted_at, ended_at, ended_by)
    SELECT * FROM unnest(
        CAST(:assignment_tenant AS text[]), CAST(:assignment_id AS uuid[]), CAST(:assignment_ticket_id AS uuid[]),
        CAST(:assignment_token AS bigint[]), CAST(:assignment_tier AS text[]),
        CAST(:assignment_group_id AS text[]), CAST(:assignment_vendor AS text[]),
        CAST(:assignment_worker AS text[]), CAST(:assignment_offered_at AS timestamptz[]),
        CAST(:assignment_accepted_at AS timestamptz[]), CAST(:assignment_ended_at AS timestamptz[]),
        CAST(:assignment_ended_by AS text[]))
    ON CONFLICT (tenant, id) DO UPDATE SET
        worker = coalesce(excluded.worker, assignment.worker),
        accepted_at = coalesce(excluded.accepted_at, assignment.accepted_at),
        ended_at = coalesce(excluded.ended_at, assignment.ended_at),
        ended_by = coalesce(excluded.ended_by, assignment.ended_by)
    """
)
_ASSIGNMENT_COLUMNS = (
    "tenant", "id", "ticket_id", "token", "tier", "group_id", "vendor", "worker", "offered_at", "accepted_at",
    "ended_at", "ended_by",
)  # fmt: skip
_SAVE_ORDINALS = text(
    """
    UPDATE router.assignment a SET last_ordinal = taken.ordinal
    FROM (
        SELECT found.ctid AS at, k.ordinal
        FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:ordinals AS integer[])) AS k(tenant, id, ordinal)
        CROSS JOIN LATERAL (
            SELECT ctid FROM router.assignment WHERE tenant = k.tenant AND id = k.id LIMIT 1
        ) AS found
    ) AS taken
    WHERE a.ctid = taken.at
    """
)
_CLAIM_DUE = text(
    """
    SELECT * FROM (
        SELECT tenant, id FROM router.ticket
        WHERE offer_due_at <= :now ORDER BY offer_due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS unaccepted
    UNION
    SELECT * FROM (
        SELECT tenant, id FROM router.ticket
        WHERE close_due_at <= :now ORDER BY close_due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS unopposed
    UNION
    SELECT * FROM (
        SELECT tenant, id FROM router.ticket
        WHERE chain_due_at <= :now ORDER BY chain_due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS escalating
    ORDER BY tenant, id
    """
)
_CLAIM_THESE_DUE = text(
    """
    SELECT found.tenant, found.id
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS k(tenant, id)
    CROSS JOIN LATERAL (
        SELECT t.tenant, t.id FROM router.ticket t
        WHERE t.tenant = k.tenant AND t.id = k.id
            AND (t.offer_due_at <= :now OR t.close_due_at <= :now OR t.chain_due_at <= :now)
        FOR UPDATE SKIP LOCKED
    ) AS found
    ORDER BY found.tenant, found.id
    """
)
_PUT_OFF = text(
    """
    UPDATE router.ticket SET
        offer_due_at = CASE WHEN offer_due_at <= :now THEN CAST(:until AS timestamptz) ELSE offer_due_at END,
        close_due_at = CASE WHEN close_due_at <= :now THEN CAST(:until AS timestamptz) ELSE close_due_at END,
        chain_due_at = CASE WHEN chain_due_at <= :now THEN CAST(:until AS timestamptz) ELSE chain_due_at END
    WHERE tenant = :tenant AND id = :id
    """
)
_FIND_OFFERED = text("SELECT tenant, id FROM router.ticket WHERE status = 'offered' ORDER BY tenant, id")


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """An assignment, live or ended, as far as the fence needs it."""

    tenant: str
    id: UUID
    ticket_id: UUID
    tier: str
    group: str
    vendor: str | None
    worker: str | None
    last_ordinal: int


@dataclass(frozen=True, slots=True)
class Saving:
    """A ticket to save: the events since it was loaded, and when its timers are due."""

    draft: Draft
    offer_due_at: datetime | None
    close_due_at: datetime | None
    chain_due_at: datetime | None


async def lock_tickets(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Ticket]:
    """Load tickets and lock them, in one order everywhere so that two batches never wait for each other."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await tx.execute(_LOCK, {"tenants": [key[0] for key in wanted], "ids": [key[1] for key in wanted]})
    tickets = [Ticket.model_validate_json(row.record) for row in rows]
    return {(ticket.tenant, ticket.id): ticket for ticket in tickets}


async def find_assignments(tx: Transaction, keys: Iterable[Key]) -> dict[Key, AssignmentRow]:
    """Assignments by their identifiers. Unlocked: read again under their tickets' locks before deciding."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await tx.execute(
        _FIND_ASSIGNMENTS, {"tenants": [key[0] for key in wanted], "ids": [key[1] for key in wanted]}
    )
    found = [
        AssignmentRow(
            row.tenant, row.id, row.ticket_id, row.tier, row.group_id, row.vendor, row.worker, row.last_ordinal
        )
        for row in rows
    ]
    return {(row.tenant, row.id): row for row in found}


async def claim_due(tx: Transaction, now: datetime, *, limit: int, among: Sequence[Key] | None = None) -> list[Key]:
    """Lock tickets whose offer or time to object has run out or whose escalation goes on, the longest first, up to `limit` of each; or `among` these.

    Those that others hold are left to them.
    """
    if among is None:
        rows = await tx.execute(_CLAIM_DUE, {"now": now, "limit": limit})
    else:
        keys = {"tenants": [key[0] for key in among], "ids": [key[1] for key in among]}
        rows = await tx.execute(_CLAIM_THESE_DUE, {"now": now, **keys})
    return [(row.tenant, row.id) for row in rows]


async def put_off(tx: Transaction, key: Key, now: datetime, until: datetime) -> None:
    """Look at what is due of this ticket again at `until`, not before. The ticket itself stays as it is."""
    await tx.execute(_PUT_OFF, {"tenant": key[0], "id": key[1], "now": now, "until": until})


async def find_offered(connection: AsyncConnection) -> list[Key]:
    """All tickets that are offered and that nobody has accepted. Reads an index of the open tickets alone."""
    return [(row.tenant, row.id) for row in await connection.execute(_FIND_OFFERED)]


async def save_tickets(tx: Transaction, savings: Sequence[Saving]) -> None:
    """Write rows, log and assignments of a batch, in one statement: a small batch pays for each question it asks."""
    changed = [saving for saving in savings if saving.draft.events]
    if not changed:
        return
    tickets = [_ticket_row(saving) for saving in changed]
    log = [row for saving in changed for row in _log_rows(saving.draft)]
    assignments = {row["id"]: row for saving in changed for row in _assignment_rows(saving.draft)}
    await tx.execute(
        _SAVE,
        {
            **_columns("ticket", tuple(tickets[0]), tickets),
            **_columns("log", tuple(log[0]), log),
            **_columns("assignment", _ASSIGNMENT_COLUMNS, list(assignments.values())),
        },
    )


async def save_ordinals(tx: Transaction, ordinals: dict[Key, int]) -> None:
    """Remember the last outcome applied of each assignment."""
    if ordinals:
        keys = sorted(ordinals)
        await tx.execute(
            _SAVE_ORDINALS,
            {
                "tenants": [key[0] for key in keys],
                "ids": [key[1] for key in keys],
                "ordinals": [ordinals[key] for key in keys],
            },
        )


def _columns(table: str, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {f"{table}_{name}": [row[name] for row in rows] for name in names}


def _ticket_row(saving: Saving) -> dict[str, Any]:
    ticket = saving.draft.ticket
    return {
        "tenant": ticket.tenant,
        "id": ticket.id,
        "reference": ticket.reference,
        "status": ticket.status.value,
        "tier": ticket.tier,
        "group_id": ticket.group,
        "category": ticket.category,
        "priority": ticket.priority,
        "requester_id": ticket.requester_id,
        "opened_at": ticket.opened_at,
        "sequence": ticket.sequence,
        "policy_version": ticket.policy_version,
        "offer_due_at": saving.offer_due_at,
        "close_due_at": saving.close_due_at,
        "chain_due_at": saving.chain_due_at,
        "record": ticket.model_dump_json(exclude_none=True),
    }


def _log_rows(draft: Draft) -> list[dict[str, Any]]:
    ticket = draft.ticket
    return [
        {
            "tenant": ticket.tenant,
            "ticket_id": ticket.id,
            "sequence": event.sequence,
            "kind": event.kind,
            "at": event.at,
            "event": event.model_dump_json(exclude_none=True),
        }
        for event in draft.events
    ]


_ENDINGS = (
    events.Escalated, events.Transferred, events.Returned, events.Withdrawn, events.Resolved, events.Contributed,
    events.Declined, events.Released,
)  # fmt: skip


def _assignment_rows(draft: Draft) -> list[dict[str, Any]]:
    """The assignments that the draft's events touched, each as it is after them."""
    rows: dict[UUID, dict[str, Any]] = {}
    for live in (draft.before.assignment, *draft.before.contributions):
        if live is not None:
            rows[live.id] = _assignment_row(draft, live)
    touched: set[UUID] = set()
    for event in draft.events:
        if isinstance(event, events.Offered | events.Invited):
            rows[event.assignment_id] = _assignment_row(draft, assignment_of(event))
        elif isinstance(event, events.Accepted | events.Joined):
            rows[event.assignment_id] |= {"worker": event.worker, "accepted_at": event.at}
        elif isinstance(event, _ENDINGS):
            rows[event.assignment_id] |= {"ended_at": event.at, "ended_by": event.kind}
        else:
            continue
        touched.add(event.assignment_id)
    return [rows[key] for key in touched]


def _assignment_row(draft: Draft, assignment: Assignment) -> dict[str, Any]:
    return {
        "tenant": draft.ticket.tenant,
        "id": assignment.id,
        "ticket_id": draft.ticket.id,
        "token": assignment.token,
        "tier": assignment.tier,
        "group_id": assignment.group,
        "vendor": assignment.vendor,
        "worker": None,
        "offered_at": assignment.offered_at,
        "accepted_at": None,
        "ended_at": None,
        "ended_by": None,
    }
