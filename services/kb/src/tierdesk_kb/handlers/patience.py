"""Level 0 waits for a requester so long and no longer: then its work goes on to people."""

from __future__ import annotations

import asyncio
from typing import Final

from tierdesk_kb.domain.self_service import give_up
from tierdesk_kb.store.jobs import claim_due_jobs, save_jobs
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database
from tierdesk_store.pausing import wait_for_any

BATCH: Final = 200
SETTLING_SECONDS: Final = 5.0
"""So long after the start replies that came meanwhile are read first, in real time."""
LOOK_SECONDS: Final = 1.0


class Patience:
    """Hands on what is due. Any number of replicas may run it: each claims jobs that no other holds.

    The job and its outcome are written together; a reply that is read at the same time waits for the job's lock, and
    finds the work done, or comes first.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        *,
        batch: int = BATCH,
        settling_seconds: float = SETTLING_SECONDS,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._batch = batch
        self._settling_seconds = settling_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second until `stop` is set."""
        await wait_for_any(stop, timeout_seconds=self._settling_seconds)
        await keep_looking(self.look, stop, rest_seconds=LOOK_SECONDS)

    async def look(self) -> int:
        """Hand on some of what is due; answers how many."""
        now = self._publisher.now()
        async with self._database.transaction() as tx:
            due = await claim_due_jobs(tx.connection, now, limit=self._batch)
            steps = [give_up(job, now) for job in due]
            await save_jobs(tx.connection, [job for job, _ in steps])
            for job, outcomes in steps:
                for outcome in outcomes:
                    self._publisher.send(tx, outcome, tenant=job.tenant, subject=job.ticket)
            return len(due)
