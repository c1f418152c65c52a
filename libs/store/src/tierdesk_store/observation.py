"""Counts of what has not reached its end, for metrics, readiness and the reconciler.

Each reads an index that does not grow with what is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, extract, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_store.schema import LibraryTables


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Unpublished rows, and the age of the oldest; 0.0 when there is none."""

    pending: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class WaitingState:
    """Waiting messages, and how long ago the first of them was first seen; 0.0 when there is none."""

    pending: int
    oldest_seconds: float


async def outbox_state(connection: AsyncConnection, tables: LibraryTables) -> OutboxState:
    """What the outbox still holds."""
    outbox = tables.outbox
    return OutboxState(*await _count(connection, outbox, outbox.c.created_at, outbox.c.published_at.is_(None)))


async def waiting_state(connection: AsyncConnection, tables: LibraryTables) -> WaitingState:
    """What waits for a predecessor or a retry."""
    return WaitingState(*await _count(connection, tables.waiting, tables.waiting.c.first_seen_at))


async def parked_count(connection: AsyncConnection, tables: LibraryTables) -> int:
    """How many parked messages nobody has resolved yet."""
    open_ones = select(func.count()).select_from(tables.parked).where(tables.parked.c.resolution.is_(None))
    count: int = (await connection.execute(open_ones)).scalar_one()
    return count


async def _count(
    connection: AsyncConnection, table: Table, since: ColumnElement[Any], *which: ColumnElement[bool]
) -> tuple[int, float]:
    age = extract("epoch", func.now() - func.min(since))
    row = (await connection.execute(select(func.count(), age).select_from(table).where(*which))).one()
    return row[0], max(0.0, float(row[1] or 0))
