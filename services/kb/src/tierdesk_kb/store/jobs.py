"""Work of level 0 that the knowledge base accepted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.self_service import Job, JobState
from tierdesk_kb.store.tables import job as jobs

JobKey = tuple[str, UUID]
"""A tenant and an assignment."""


async def lock_jobs(connection: AsyncConnection, keys: Iterable[JobKey]) -> dict[JobKey, Job]:
    """The jobs of these assignments that exist, locked in order until the transaction ends."""
    sought = sorted(set(keys))
    if not sought:
        return {}
    statement = (
        select(jobs)
        .where(tuple_(jobs.c.tenant, jobs.c.assignment_id).in_(sought))
        .order_by(jobs.c.tenant, jobs.c.assignment_id)
        .with_for_update()
    )
    rows = (await connection.execute(statement)).mappings()
    found = [Job(**{**row, "state": JobState(row["state"])}) for row in rows]
    return {(job.tenant, job.assignment_id): job for job in found}


async def claim_due_jobs(connection: AsyncConnection, now: datetime, *, limit: int) -> list[Job]:
    """Up to `limit` jobs that wait no longer and that no other process is at, locked, those first that were due first."""
    statement = (
        select(jobs).where(jobs.c.due_at <= now).order_by(jobs.c.due_at).limit(limit).with_for_update(skip_locked=True)
    )
    rows = (await connection.execute(statement)).mappings()
    return [Job(**{**row, "state": JobState(row["state"])}) for row in rows]


async def save_jobs(connection: AsyncConnection, changed: Collection[Job]) -> None:
    """Write jobs, new and old."""
    if not changed:
        return
    statement = insert(jobs)
    key = [jobs.c.tenant, jobs.c.assignment_id]
    changes = {column.name: statement.excluded[column.name] for column in jobs.c if not column.primary_key}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changes), [asdict(job) for job in changed]
    )
