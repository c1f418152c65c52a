"""Where each ticket stands, as its events tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.people import Place
from tierdesk_desk.store.tables import ticket as tickets

TicketKey = tuple[str, str]
"""A tenant and a ticket."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a ticket stands. `owner` is None while nobody has it."""

    tenant: str
    id: str
    reference: str
    status: str
    tier: str | None
    group_id: str | None
    owner: str | None
    priority: int | None
    category: str | None
    sequence: int
    changed_at: datetime


_SAVE: Final = text("""
    INSERT INTO desk.ticket
        (tenant, id, reference, status, tier, group_id, owner, priority, category, sequence, changed_at)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:id AS text[]), CAST(:reference AS text[]), CAST(:status AS text[]),
        CAST(:tier AS text[]), CAST(:group_id AS text[]), CAST(:owner AS text[]), CAST(:priority AS integer[]),
        CAST(:category AS text[]), CAST(:sequence AS bigint[]), CAST(:changed_at AS timestamptz[])
    )
    ON CONFLICT (tenant, id) DO UPDATE SET
        status = excluded.status, tier = excluded.tier, group_id = excluded.group_id, owner = excluded.owner,
        priority = excluded.priority, category = excluded.category, sequence = excluded.sequence,
        changed_at = excluded.changed_at
    WHERE ticket.sequence < excluded.sequence
""")
_COLUMNS: Final = (
    "tenant", "id", "reference", "status", "tier", "group_id", "owner", "priority", "category", "sequence", "changed_at",
)  # fmt: skip
_HAD_WORK: Final = text("""
    SELECT DISTINCT w.tenant, w.ticket, w.tier, w.group_id
    FROM unnest(CAST(:tenants AS text[]), CAST(:tickets AS text[])) AS k(tenant, ticket)
    JOIN desk.work AS w ON w.tenant = k.tenant AND w.ticket = k.ticket
    ORDER BY 1, 2, 3, 4
""")


async def find_standings(connection: AsyncConnection, keys: Collection[TicketKey]) -> dict[TicketKey, Standing]:
    """Where these tickets stand, as far as they are known."""
    if not keys:
        return {}
    rows = await connection.execute(select(tickets).where(tuple_(tickets.c.tenant, tickets.c.id).in_(sorted(keys))))
    return {(row["tenant"], row["id"]): Standing(**row) for row in rows.mappings()}


async def find_by_reference(connection: AsyncConnection, tenant: str, reference: str) -> Standing | None:
    """The ticket of this reference."""
    rows = await connection.execute(
        select(tickets).where(tickets.c.tenant == tenant, tickets.c.reference == reference).limit(1)
    )
    row = rows.mappings().first()
    return None if row is None else Standing(**row)


async def save_standings(connection: AsyncConnection, standings: Sequence[Standing]) -> None:
    """Write where tickets stand, in one statement. What is older than what is known changes nothing."""
    if standings:
        ordered = sorted(standings, key=lambda one: (one.tenant, one.id))
        await connection.execute(_SAVE, {name: [getattr(one, name) for one in ordered] for name in _COLUMNS})


async def find_places(connection: AsyncConnection, keys: Collection[TicketKey]) -> dict[TicketKey, tuple[Place, ...]]:
    """The groups here that have had work on these tickets; a ticket that nobody here knows is left out."""
    if not keys:
        return {}
    tenants, ids = zip(*sorted(keys), strict=True)
    rows = await connection.execute(_HAD_WORK, {"tenants": list(tenants), "tickets": list(ids)})
    places: dict[TicketKey, tuple[Place, ...]] = {}
    for tenant, ticket, tier, group in rows:
        places[tenant, ticket] = (*places.get((tenant, ticket), ()), (tier, group))
    return places
