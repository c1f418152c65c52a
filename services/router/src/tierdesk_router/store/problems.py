"""Problems, their tickets and their log. A problem is locked before any of its tickets is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_router.domain.problems import Link, ProblemDraft, ProblemNote, ProblemRecord
from tierdesk_router.store.tickets import Key
from tierdesk_store import Transaction

_LOCK = text(
    """
    SELECT CAST(found.record AS text) AS record
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS k(tenant, id)
    CROSS JOIN LATERAL (
        SELECT p.record FROM router.problem p WHERE p.tenant = k.tenant AND p.id = k.id FOR UPDATE
    ) AS found
    """
)
_LOCK_OPENING = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:id AS text), 0))")
_SAVE = text(
    """
    WITH saved AS (
        INSERT INTO router.problem (tenant, id, reference, kind, status, version, opened_at, record)
        SELECT * FROM unnest(
            CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:references AS text[]), CAST(:kinds AS text[]),
            CAST(:statuses AS text[]), CAST(:versions AS bigint[]), CAST(:opened AS timestamptz[]),
            CAST(:records AS jsonb[]))
        ON CONFLICT (tenant, id) DO UPDATE SET
            kind = excluded.kind, status = excluded.status, version = excluded.version, record = excluded.record
    )
    INSERT INTO router.problem_log (tenant, problem_id, sequence, kind, at, note)
    SELECT * FROM unnest(
        CAST(:log_tenants AS text[]), CAST(:log_ids AS uuid[]), CAST(:log_sequences AS bigint[]),
        CAST(:log_kinds AS text[]), CAST(:log_at AS timestamptz[]), CAST(:log_notes AS jsonb[]))
    """
)
_LINK = text(
    """
    INSERT INTO router.problem_link AS known (tenant, problem_id, ticket_id, linked_at, released_at, announced_at)
    SELECT * FROM unnest(
        CAST(:tenants AS text[]), CAST(:problems AS uuid[]), CAST(:tickets AS uuid[]), CAST(:linked AS timestamptz[]),
        CAST(:released AS timestamptz[]), CAST(:announced AS timestamptz[]))
    ON CONFLICT (tenant, problem_id, ticket_id) DO UPDATE SET
        released_at = excluded.released_at, announced_at = coalesce(excluded.announced_at, known.announced_at)
    """
)
_LINKS = text(
    "SELECT ticket_id, linked_at, released_at, announced_at FROM router.problem_link "
    "WHERE tenant = :tenant AND problem_id = :id"
)
_ONE = "SELECT CAST(record AS text) AS record FROM router.problem WHERE tenant = :tenant AND {} = :name"
_BY_ID, _BY_REFERENCE = text(_ONE.format("id")), text(_ONE.format("reference"))
_LOG = text(
    "SELECT CAST(note AS text) AS note FROM router.problem_log WHERE tenant = :tenant AND problem_id = :id "
    "ORDER BY sequence"
)
_TICKETS = text(
    """
    SELECT t.id, t.reference, t.status, t.tier, t.group_id, t.record ->> 'title' AS title
    FROM router.problem_link l JOIN router.ticket t ON t.tenant = l.tenant AND t.id = l.ticket_id
    WHERE l.tenant = :tenant AND l.problem_id = :id AND l.released_at IS NULL ORDER BY t.opened_at, t.id
    """
)
_FIND_TICKETS = text(
    "SELECT id, reference FROM router.ticket WHERE tenant = :tenant AND "
    "(id = ANY(CAST(:ids AS uuid[])) OR reference = ANY(CAST(:references AS text[])))"
)
_LIST = """
    SELECT CAST(record AS text) AS record FROM router.problem WHERE tenant = :tenant{filters}
    ORDER BY opened_at DESC, id DESC LIMIT :limit
"""
_FILTERS = {
    "status": " AND status = :status",
    "kind": " AND kind = :kind",
    "after": " AND (opened_at, id) < (SELECT opened_at, id FROM router.problem WHERE tenant = :tenant AND id = :after)",
}


@dataclass(frozen=True, slots=True)
class LinkedTicket:
    """A ticket of a problem, as far as a list shows it."""

    id: UUID
    reference: str
    status: str
    tier: str | None
    group: str | None
    title: str


async def lock_opening(tx: Transaction, problem_id: UUID) -> None:
    """Have those take turns, until the commit, who open a problem under this identifier, or split this ticket."""
    await tx.execute(_LOCK_OPENING, {"id": str(problem_id)})


async def lock_problems(tx: Transaction, keys: Iterable[Key]) -> dict[Key, ProblemRecord]:
    """Load problems and lock them, in one order everywhere."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await tx.execute(_LOCK, {"tenants": [key[0] for key in wanted], "ids": [key[1] for key in wanted]})
    problems = [ProblemRecord.model_validate_json(row.record) for row in rows]
    return {(problem.tenant, problem.id): problem for problem in problems}


async def save_problems(tx: Transaction, drafts: Sequence[ProblemDraft]) -> None:
    """Write problems and their log, in one statement."""
    problems = [draft.problem for draft in drafts if draft.is_changed]
    if not problems:
        return
    notes = [(draft.problem, note) for draft in drafts for note in draft.notes]
    await tx.execute(
        _SAVE,
        {
            "tenants": [problem.tenant for problem in problems],
            "ids": [problem.id for problem in problems],
            "references": [problem.reference for problem in problems],
            "kinds": [problem.kind.value for problem in problems],
            "statuses": [problem.status.value for problem in problems],
            "versions": [problem.version for problem in problems],
            "opened": [problem.opened_at for problem in problems],
            "records": [problem.model_dump_json(exclude_none=True) for problem in problems],
            "log_tenants": [problem.tenant for problem, _ in notes],
            "log_ids": [problem.id for problem, _ in notes],
            "log_sequences": [note.sequence for _, note in notes],
            "log_kinds": [note.kind for _, note in notes],
            "log_at": [note.at for _, note in notes],
            "log_notes": [note.model_dump_json() for _, note in notes],
        },
    )


async def save_links(tx: Transaction, links: Sequence[tuple[Key, Link]]) -> None:
    """Write which tickets belong to which problems. A problem's key and a ticket come once."""
    if links:
        await tx.execute(
            _LINK,
            {
                "tenants": [key[0] for key, _ in links],
                "problems": [key[1] for key, _ in links],
                "tickets": [link.ticket_id for _, link in links],
                "linked": [link.linked_at for _, link in links],
                "released": [link.released_at for _, link in links],
                "announced": [link.announced_at for _, link in links],
            },
        )


async def read_links(tx: Transaction, problem: ProblemRecord) -> dict[UUID, Link]:
    """Every ticket that is or was linked to a problem."""
    rows = await tx.execute(_LINKS, {"tenant": problem.tenant, "id": problem.id})
    return {row.ticket_id: Link(row.ticket_id, row.linked_at, row.released_at, row.announced_at) for row in rows}


async def read_problem(connection: AsyncConnection, tenant: str, name: str) -> ProblemRecord | None:
    """The tenant's problem of this identifier or reference."""
    if "\x00" in name:
        return None
    try:
        rows = await connection.execute(_BY_ID, {"tenant": tenant, "name": UUID(name)})
    except ValueError:
        rows = await connection.execute(_BY_REFERENCE, {"tenant": tenant, "name": name.upper()})
    row = rows.one_or_none()
    return None if row is None else ProblemRecord.model_validate_json(row.record)


async def read_problem_log(connection: AsyncConnection, problem: ProblemRecord) -> list[ProblemNote]:
    """All that was done about a problem, in order."""
    rows = await connection.execute(_LOG, {"tenant": problem.tenant, "id": problem.id})
    return [ProblemNote.model_validate_json(row.note) for row in rows]


async def read_tickets(connection: AsyncConnection, problem: ProblemRecord) -> list[LinkedTicket]:
    """The tickets that are linked to a problem, the oldest first."""
    rows = await connection.execute(_TICKETS, {"tenant": problem.tenant, "id": problem.id})
    return [LinkedTicket(row.id, row.reference, row.status, row.tier, row.group_id, row.title) for row in rows]


async def find_tickets(connection: AsyncConnection, tenant: str, names: Iterable[str]) -> dict[str, UUID]:
    """The tenant's tickets by the identifiers or references given; what is none is left out."""
    ids: dict[str, UUID] = {}
    references: dict[str, str] = {}
    for name in names:
        if "\x00" in name:
            continue
        try:
            ids[name] = UUID(name)
        except ValueError:
            references[name] = name.upper()
    rows = await connection.execute(
        _FIND_TICKETS, {"tenant": tenant, "ids": list(ids.values()), "references": list(references.values())}
    )
    found = {row.reference: row.id for row in rows}
    there = set(found.values())
    return {name: one for name, one in ids.items() if one in there} | {
        name: found[reference] for name, reference in references.items() if reference in found
    }


async def list_problems(connection: AsyncConnection, tenant: str, *, limit: int, **filters: Any) -> list[ProblemRecord]:
    """The tenant's problems, the newest first; `status`, `kind`, and `after`, the last of the page before."""
    used = {name: value for name, value in filters.items() if value is not None}
    statement = text(_LIST.format(filters="".join(_FILTERS[name] for name in used)))
    rows = await connection.execute(statement, {"tenant": tenant, "limit": limit} | used)
    return [ProblemRecord.model_validate_json(row.record) for row in rows]
