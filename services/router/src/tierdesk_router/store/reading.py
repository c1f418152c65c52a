"""What the HTTP endpoints read. Each statement names the tenant first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_router.domain.ticket import Ticket

_OPEN = "status NOT IN ('closed', 'cancelled', 'merged')"
"""As the partial indexes say it, word for word, so that closed tickets cost these statements nothing."""
_LIST = """
    SELECT CAST(record AS text) AS record FROM router.ticket
    WHERE tenant = :tenant {filters} ORDER BY opened_at DESC, id DESC LIMIT :limit
"""
_FILTERS = {
    "status": "status = :status",
    "tier": "tier = :tier",
    "group": "group_id = :group",
    "after": "(opened_at, id) < (:after_at, :after_id)",
}
_ONE = "SELECT CAST(record AS text) AS record FROM router.ticket WHERE tenant = :tenant AND {}"
_BY_ID = text(_ONE.format("id = :id"))
_BY_REFERENCE = text(_ONE.format("reference = :reference"))
_LOG = text(
    "SELECT CAST(event AS text) AS event FROM router.ticket_log WHERE tenant = :tenant AND ticket_id = :id "
    "ORDER BY sequence"
)
_COUNT = text(
    f"SELECT status, tier, count(*) AS number FROM router.ticket WHERE tenant = :tenant AND {_OPEN} "  # noqa: S608 - ours
    "GROUP BY status, tier ORDER BY status, tier"
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended."""

    opened_at: datetime
    ticket_id: UUID


async def list_tickets(
    connection: AsyncConnection,
    tenant: str,
    *,
    limit: int,
    status: str | None = None,
    tier: str | None = None,
    group: str | None = None,
    after: Cursor | None = None,
) -> list[Ticket]:
    """The tenant's tickets, the newest first. Without a status, those of a tier or group are the open ones."""
    given: dict[str, Any] = {"status": status, "tier": tier, "group": group, "after": after}
    used = [name for name, value in given.items() if value is not None]
    conditions = [_FILTERS[name] for name in used]
    if status is None and (tier or group):
        conditions.append(_OPEN)
    filters = "".join(f" AND {condition}" for condition in conditions)
    values: dict[str, Any] = {"tenant": tenant, "limit": limit}
    values |= {name: given[name] for name in used if name != "after"}
    if after is not None:
        values |= {"after_at": after.opened_at, "after_id": after.ticket_id}
    rows = await connection.execute(text(_LIST.format(filters=filters)), values)
    return [Ticket.model_validate_json(row.record) for row in rows]


async def read_ticket(connection: AsyncConnection, tenant: str, name: str) -> Ticket | None:
    """The tenant's ticket of this identifier or reference."""
    try:
        rows = await connection.execute(_BY_ID, {"tenant": tenant, "id": UUID(name)})
    except ValueError:
        rows = await connection.execute(_BY_REFERENCE, {"tenant": tenant, "reference": name.upper()})
    row = rows.one_or_none()
    return None if row is None else Ticket.model_validate_json(row.record)


async def read_log(connection: AsyncConnection, ticket: Ticket) -> list[dict[str, Any]]:
    """All that happened to the ticket, in order."""
    rows = await connection.execute(_LOG, {"tenant": ticket.tenant, "id": ticket.id})
    return [json.loads(row.event) for row in rows]


async def count_tickets(connection: AsyncConnection, tenant: str) -> list[tuple[str, str | None, int]]:
    """How many of the tenant's open tickets stand where: (status, tier, number)."""
    rows = await connection.execute(_COUNT, {"tenant": tenant})
    return [(row.status, row.tier, row.number) for row in rows]
