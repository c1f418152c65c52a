"""The sweep: waiting messages that are due, and what is old enough to be forgotten."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy.exc import DBAPIError

from tierdesk_store.application import Application
from tierdesk_store.attempts import delete_old_attempts
from tierdesk_store.batch import Counts
from tierdesk_store.database import Database
from tierdesk_store.errors import DatabaseUnavailableError, is_redo
from tierdesk_store.handler import Handler
from tierdesk_store.inbox import delete_old_keys
from tierdesk_store.pausing import pause

SWEEP_SECONDS: Final = 1.0
CLEAN_SECONDS: Final = 60.0
CLEAN_LIMIT: Final = 5000


class Sweep:
    """Tries the waiting messages of one handler that are due, each second: one sweep per handler name.

    Several processes may sweep for the same handler; each time one of them does. Deletes inbox entries and counts
    of attempts that are older than 30 days, in batches, once a minute.
    """

    def __init__(self, database: Database, handler: Handler[Any], *, batch: int = 200) -> None:
        self.last_sweep_at = 0.0
        """Loop time of the last finished sweep; 0.0 before the first. For readiness."""
        self._database = database
        self._batch = batch
        self._application = Application(database, handler)

    @property
    def counts(self) -> Counts:
        """What became of the messages so far."""
        return self._application.counts

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until `stop` is set and the batch in flight is finished."""
        loop = asyncio.get_running_loop()
        clean_at = loop.time() + CLEAN_SECONDS
        while not stop.is_set():
            more = await self._application.sweep(self._batch, stop)
            self.last_sweep_at = loop.time()
            if loop.time() >= clean_at:
                clean_at = loop.time() + await self._clean()
            if not more:
                await pause(SWEEP_SECONDS, unless=stop)

    async def _clean(self) -> float:
        """Delete what is old; answers when to do it again."""
        try:
            async with self._database.transaction() as tx:
                deleted = await delete_old_keys(tx, limit=CLEAN_LIMIT)
                deleted = max(deleted, await delete_old_attempts(tx, limit=CLEAN_LIMIT))
        except (DatabaseUnavailableError, DBAPIError) as error:
            if not is_redo(error):
                raise
            return CLEAN_SECONDS
        return SWEEP_SECONDS if deleted == CLEAN_LIMIT else CLEAN_SECONDS
