"""Counts of what has not reached its end, for metrics, readiness and the reconciler.

Each reads an index that does not grow with what is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import extract, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_store.schema import LibraryTables

_OUTBOX: Final = """
    SELECT CAST(coalesce(sum(first.pending), 0) AS bigint) AS pending, extract(epoch FROM now() - min(
        (SELECT o.created_at FROM "{schema}".outbox AS o
         WHERE o.partition = first.partition AND o.position = first.position)
    )) AS age
    FROM (
        SELECT partition, count(*) AS pending, min(position) AS position FROM "{schema}".dispatch
        WHERE published_at IS NULL GROUP BY partition
    ) AS first
"""


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Unpublished rows, and the age of the oldest; 0.0 when there is none.

    That of the lowest position of a partition: another row there may be older by as long as a transaction takes.
    """

    pending: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class WaitingState:
    """Waiting messages, and how long ago the first of them was first seen; 0.0 when there is none."""

    pending: int
    oldest_seconds: float


async def outbox_state(connection: AsyncConnection, tables: LibraryTables) -> OutboxState:
    """What the outbox still holds."""
    row = (await connection.execute(text(_OUTBOX.format(schema=tables.outbox.schema)))).one()
    return OutboxState(row.pending, max(0.0, float(row.age or 0)))


async def waiting_state(connection: AsyncConnection, tables: LibraryTables) -> WaitingState:
    """What waits for a predecessor or a retry."""
    age = extract("epoch", func.now() - func.min(tables.waiting.c.first_seen_at))
    row = (await connection.execute(select(func.count(), age).select_from(tables.waiting))).one()
    return WaitingState(row[0], max(0.0, float(row[1] or 0)))


async def parked_count(connection: AsyncConnection, tables: LibraryTables) -> int:
    """How many parked messages nobody has resolved yet."""
    open_ones = select(func.count()).select_from(tables.parked).where(tables.parked.c.resolution.is_(None))
    count: int = (await connection.execute(open_ones)).scalar_one()
    return count
