"""Outcomes that were refused: an append-only record of them, bounded for vendors, and a count of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_store import Transaction

KEPT_PER_HOUR: Final = 1_000
"""So many refusals of one vendor for one reason are recorded and answered in an hour; what is more is counted alone."""

_KEEP = text(
    """
    WITH told AS (
        SELECT * FROM unnest(
            CAST(:tenant AS text[]), CAST(:outcome_id AS uuid[]), CAST(:namespace AS text[]), CAST(:vendor AS text[]),
            CAST(:assignment_id AS uuid[]), CAST(:ticket_id AS uuid[]), CAST(:worker AS text[]),
            CAST(:ordinal AS integer[]), CAST(:reason AS text[]), CAST(:detail AS text[]),
            CAST(:at AS timestamptz[]), CAST(:hour AS timestamptz[]), CAST(:behind AS integer[])
        ) AS r(tenant, outcome_id, namespace, vendor, assignment_id, ticket_id, worker, ordinal, reason, detail, at,
               hour, behind)
    ), tallied AS (
        INSERT INTO router.refusal_tally AS t (tenant, namespace, hour, reason, number)
        SELECT tenant, namespace, hour, reason, count(*) FROM told WHERE vendor IS NOT NULL
        GROUP BY tenant, namespace, hour, reason ORDER BY tenant, namespace, hour, reason
        ON CONFLICT (tenant, namespace, hour, reason) DO UPDATE SET number = t.number + excluded.number
        RETURNING tenant, namespace, hour, reason, number
    )
    INSERT INTO router.refused_outcome (
        tenant, outcome_id, namespace, vendor, assignment_id, ticket_id, worker, ordinal, reason, detail, at)
    SELECT told.tenant, told.outcome_id, told.namespace, told.vendor, told.assignment_id, told.ticket_id, told.worker,
           told.ordinal, told.reason, told.detail, told.at
    FROM told LEFT JOIN tallied USING (tenant, namespace, hour, reason)
    WHERE told.vendor IS NULL OR tallied.number - told.behind <= :limit
    RETURNING namespace, outcome_id
    """
)
_LIST = """
    SELECT outcome_id, namespace, assignment_id, ticket_id, worker, ordinal, reason, detail, at, recorded_at
    FROM router.refused_outcome WHERE tenant = :tenant AND vendor = :vendor {after}
    ORDER BY at DESC, outcome_id DESC LIMIT :limit
"""
_FIRST_PAGE = text(_LIST.format(after=""))
_NEXT_PAGE = text(_LIST.format(after="AND (at, outcome_id) < (:after_at, :after_id)"))
_COUNT = text(
    """
    SELECT reason, sum(number) AS number FROM router.refusal_tally
    WHERE tenant = :tenant AND namespace = :namespace AND hour >= :since AND hour < :until
    GROUP BY reason ORDER BY reason
    """
)


@dataclass(frozen=True, slots=True)
class RefusedOutcome:
    """An outcome that changed nothing. `ticket_id` is that of the claimed assignment, if the tenant has such a one."""

    tenant: str
    outcome_id: UUID
    namespace: str
    vendor: str | None
    assignment_id: UUID
    ticket_id: UUID | None
    worker: str
    ordinal: int
    reason: RejectReason
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """What is read of one refusal of a vendor's outcome."""

    outcome_id: UUID
    namespace: str
    assignment_id: UUID
    ticket_id: UUID | None
    worker: str
    ordinal: int
    reason: str
    detail: str
    at: datetime
    recorded_at: datetime


async def keep_refusals(tx: Transaction, refused: Sequence[RefusedOutcome]) -> set[tuple[str, UUID]]:
    """Record these, in one statement; answers which, as (namespace, outcome), were recorded.

    All of parties in house are. A vendor's are as long as it has had no more than `KEPT_PER_HOUR` of that reason in
    that hour; so a flood writes a bounded number of rows, and its real size stands in the tally.
    """
    if not refused:
        return set()
    buckets = [(one.tenant, one.namespace, one.reason, hour_of(one.at)) for one in refused]
    left = Counter(buckets)
    behind = []
    for bucket in buckets:
        left[bucket] -= 1
        behind.append(left[bucket])
    rows = await tx.execute(
        _KEEP,
        {
            "tenant": [one.tenant for one in refused],
            "outcome_id": [one.outcome_id for one in refused],
            "namespace": [one.namespace for one in refused],
            "vendor": [one.vendor for one in refused],
            "assignment_id": [one.assignment_id for one in refused],
            "ticket_id": [one.ticket_id for one in refused],
            "worker": [one.worker for one in refused],
            "ordinal": [one.ordinal for one in refused],
            "reason": [one.reason.value for one in refused],
            "detail": [one.detail for one in refused],
            "at": [one.at for one in refused],
            "hour": [bucket[3] for bucket in buckets],
            "behind": behind,
            "limit": KEPT_PER_HOUR,
        },
    )
    return {(row.namespace, row.outcome_id) for row in rows}


async def list_refusals(
    connection: AsyncConnection, tenant: str, vendor: str, *, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[RefusalRow]:
    """The recorded refusals of this vendor's outcomes, the newest first; `after` is where the page before ended."""
    values: dict[str, Any] = {"tenant": tenant, "vendor": vendor, "limit": limit}
    if after is None:
        rows = await connection.execute(_FIRST_PAGE, values)
    else:
        rows = await connection.execute(_NEXT_PAGE, values | {"after_at": after[0], "after_id": after[1]})
    return [RefusalRow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented name


async def count_refusals(
    connection: AsyncConnection, tenant: str, namespace: str, *, since: datetime, until: datetime
) -> dict[str, int]:
    """How many outcomes that came in this namespace were refused, by reason, in all hours that the window touches."""
    values = {"tenant": tenant, "namespace": namespace, "since": hour_of(since), "until": until}
    return {row.reason: int(row.number) for row in await connection.execute(_COUNT, values)}


def hour_of(at: datetime) -> datetime:
    """The beginning of the hour."""
    return at.replace(minute=0, second=0, microsecond=0)
