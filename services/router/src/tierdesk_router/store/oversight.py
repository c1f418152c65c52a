"""What is read of vendors' assignments: by vendor and time, never by going through all assignments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_router.domain.scorecard import VendorVisit

_VISITS = text(
    """
    SELECT a.offered_at, a.accepted_at, a.ended_at, a.ended_by, ending.why AS ended_why,
           coalesce(ending.by_desk, false) AS by_desk,
           coalesce(again.reopened, false) AS reopened
    FROM router.assignment a
    LEFT JOIN LATERAL (
        SELECT l.sequence, l.event ->> 'reason' AS why, l.event -> 'actor' ->> 'kind' = 'desk' AS by_desk
        FROM router.ticket_log l
        WHERE a.ended_by IS NOT NULL AND l.tenant = a.tenant AND l.ticket_id = a.ticket_id
            AND l.kind = a.ended_by AND l.event ->> 'assignment_id' = CAST(a.id AS text)
        LIMIT 1
    ) AS ending ON true
    LEFT JOIN LATERAL (
        SELECT true AS reopened FROM router.ticket_log l
        WHERE a.ended_by = 'resolved' AND l.tenant = a.tenant AND l.ticket_id = a.ticket_id
            AND l.sequence > ending.sequence AND l.kind = 'reopened'
        LIMIT 1
    ) AS again ON true
    WHERE a.tenant = :tenant AND a.vendor = :vendor AND a.offered_at >= :since AND a.offered_at < :until
    ORDER BY a.offered_at
    """
)
_OPEN = text(
    """
    SELECT a.ticket_id, t.reference, a.group_id, a.worker, a.offered_at, a.accepted_at
    FROM router.assignment a
    CROSS JOIN LATERAL (
        SELECT reference FROM router.ticket WHERE tenant = a.tenant AND id = a.ticket_id LIMIT 1
    ) AS t
    WHERE a.tenant = :tenant AND a.vendor = :vendor AND a.vendor IS NOT NULL AND a.ended_at IS NULL
    ORDER BY a.offered_at LIMIT :limit
    """
)
_COUNTS = text(
    """
    SELECT vendor, count(*) FILTER (WHERE accepted_at IS NULL) AS offered,
           count(*) FILTER (WHERE accepted_at IS NOT NULL) AS accepted
    FROM router.assignment WHERE tenant = :tenant AND vendor IS NOT NULL AND ended_at IS NULL
    GROUP BY vendor ORDER BY vendor
    """
)
_EVER = text("SELECT true FROM router.assignment WHERE tenant = :tenant AND vendor = :vendor LIMIT 1")


@dataclass(frozen=True, slots=True)
class OpenWork:
    """An assignment that a vendor has now; without `accepted_at` it has only been offered."""

    ticket_id: UUID
    reference: str
    group: str
    worker: str | None
    offered_at: datetime
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenCount:
    """How much a vendor has now: offered and not accepted yet, and accepted."""

    offered: int = 0
    accepted: int = 0


async def read_visits(
    connection: AsyncConnection, tenant: str, vendor: str, *, since: datetime, until: datetime
) -> list[VendorVisit]:
    """The vendor's assignments that were offered from `since` on and before `until`."""
    rows = await connection.execute(_VISITS, {"tenant": tenant, "vendor": vendor, "since": since, "until": until})
    return [
        VendorVisit(
            row.offered_at, row.accepted_at, row.ended_at, row.ended_by, row.ended_why, row.by_desk, row.reopened
        )
        for row in rows
    ]


async def read_open_work(connection: AsyncConnection, tenant: str, vendor: str, *, limit: int) -> list[OpenWork]:
    """What the vendor has now, whenever it was offered, the oldest first, up to `limit`."""
    rows = await connection.execute(_OPEN, {"tenant": tenant, "vendor": vendor, "limit": limit})
    return [
        OpenWork(row.ticket_id, row.reference, row.group_id, row.worker, row.offered_at, row.accepted_at)
        for row in rows
    ]


async def count_open_work(connection: AsyncConnection, tenant: str) -> dict[str, OpenCount]:
    """How much each vendor of the tenant has now; those that have nothing are left out."""
    rows = await connection.execute(_COUNTS, {"tenant": tenant})
    return {row.vendor: OpenCount(row.offered, row.accepted) for row in rows}


async def was_ever_offered(connection: AsyncConnection, tenant: str, vendor: str) -> bool:
    """Whether this vendor was ever offered anything, under whatever policy."""
    return (await connection.execute(_EVER, {"tenant": tenant, "vendor": vendor})).one_or_none() is not None
