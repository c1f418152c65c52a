"""Forgets what has long been over: work, callbacks, visits and repairs, whose story stands in the ticket's log, shifts, what nobody counts any more,
and keys under which work was taken.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from tierdesk_desk.domain.records import MONTHS
from tierdesk_desk.store.call_guard import forget_calls
from tierdesk_desk.store.callbacks import forget_callbacks
from tierdesk_desk.store.records import first_month, forget_records
from tierdesk_desk.store.shifts import forget_shifts
from tierdesk_desk.store.takings import forget_takings
from tierdesk_desk.store.visits import forget_visits
from tierdesk_desk.store.works import forget_works
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database

BATCH: Final = 1_000
REST_SECONDS: Final = 60.0


class Forgetting:
    """Deletes in batches, so that nobody waits for it."""

    def __init__(self, database: Database, publisher: Publisher, *, after: timedelta, batch: int = BATCH) -> None:
        self._database = database
        self._publisher = publisher
        self._after = after
        self._batch = batch

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        await keep_looking(self.forget, stop, rest_seconds=REST_SECONDS)

    async def forget(self) -> int:
        """Forget some of it; answers how much, or 0 when that was all."""
        now = self._publisher.now()
        async with self._database.transaction() as tx:
            await forget_records(tx.connection, first_month(now, MONTHS))
            forgotten = [
                await forget_works(tx.connection, now, after=self._after, limit=self._batch),
                await forget_callbacks(tx.connection, now, after=self._after, limit=self._batch),
                await forget_visits(tx.connection, now, after=self._after, limit=self._batch),
                await forget_calls(tx.connection, now, after=self._after, limit=self._batch),
                await forget_shifts(tx.connection, now - self._after, limit=self._batch),
                await forget_takings(tx.connection, limit=self._batch),
            ]
        return sum(forgotten) if self._batch in forgotten else 0
