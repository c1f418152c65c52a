"""Recordings that are to be fetched: rows with a due time, taken by one process at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_intake.domain.phone_routes import CallName
from tierdesk_intake.store.tables import recording
from tierdesk_store import Transaction

LEASE: Final = timedelta(minutes=5)
"""So long whoever has taken one may be at it; then another tries."""
MOST_LISTED: Final = 200

_ADD: Final = text("""
    INSERT INTO intake.recording
        (tenant, provider, call_id, digest, ticket, locator, stage, due_at, attempts, detail, told_at)
    VALUES (:tenant, :provider, :call_id, :digest, :ticket, :locator, 'due', now(), 0, '', now())
    ON CONFLICT DO NOTHING
""")
_TAKE: Final = text("""
    UPDATE intake.recording AS r SET due_at = now() + :lease, attempts = r.attempts + 1
    FROM (
        SELECT tenant, provider, call_id, digest FROM intake.recording
        WHERE stage = 'due' AND due_at <= now() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS d
    WHERE r.tenant = d.tenant AND r.provider = d.provider AND r.call_id = d.call_id AND r.digest = d.digest
    RETURNING r.*
""")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. `stage` is `due`, `stored` (as `attachment`), `refused` or `failed`; `detail` says why."""

    tenant: str
    provider: str
    call_id: str
    digest: bytes
    ticket: UUID
    locator: str
    stage: str
    due_at: datetime
    attempts: int
    detail: str
    attachment: UUID | None
    told_at: datetime
    settled_at: datetime | None


async def add_recording(tx: Transaction, name: CallName, ticket: UUID, locator: str) -> None:
    """Have this recording of a call fetched, once."""
    tenant, provider, call_id = name
    given: dict[str, Any] = {"tenant": tenant, "provider": provider, "call_id": call_id, "ticket": ticket}
    await tx.execute(_ADD, given | {"locator": locator, "digest": hashlib.sha256(locator.encode()).digest()})


async def take_recordings(tx: Transaction, *, limit: int) -> list[Recording]:
    """Take up to `limit` of those that are due. Until the lease ends no other process takes them."""
    return [_read(row) for row in (await tx.execute(_TAKE, {"lease": LEASE, "limit": limit})).mappings()]


async def settle(tx: Transaction, one: Recording, stage: str, detail: str, attachment: UUID | None = None) -> bool:
    """Say what became of it. False, with nothing changed, when another has taken it meanwhile."""
    values: dict[str, Any] = {"stage": stage, "detail": detail, "attachment": attachment, "settled_at": func.now()}
    return await _change(tx, one, values)


async def put_off(tx: Transaction, one: Recording, detail: str, *, pause: timedelta) -> bool:
    """Have it tried again later; else as `settle`."""
    return await _change(tx, one, {"detail": detail, "due_at": func.now() + pause})


async def list_recordings(connection: AsyncConnection, tenant: str, ticket: UUID) -> list[Recording]:
    """The recordings of a ticket's calls, the oldest first."""
    statement = (
        select(recording)
        .where(recording.c.tenant == tenant, recording.c.ticket == ticket)
        .order_by(recording.c.told_at, recording.c.digest)
        .limit(MOST_LISTED)
    )
    return [_read(row) for row in (await connection.execute(statement)).mappings()]


async def _change(tx: Transaction, one: Recording, values: dict[str, Any]) -> bool:
    changed = await tx.execute(
        update(recording)
        .where(
            recording.c.tenant == one.tenant,
            recording.c.provider == one.provider,
            recording.c.call_id == one.call_id,
            recording.c.digest == one.digest,
            recording.c.stage == "due",
            recording.c.attempts == one.attempts,
        )
        .values(values)
    )
    return changed.rowcount > 0


def _read(row: RowMapping) -> Recording:
    return Recording(**row)
