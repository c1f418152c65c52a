"""Forgets work that has long been over: its story stands in the ticket's log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

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
        async with self._database.transaction() as tx:
            forgotten = await forget_works(tx.connection, self._publisher.now(), after=self._after, limit=self._batch)
        return forgotten if forgotten == self._batch else 0
