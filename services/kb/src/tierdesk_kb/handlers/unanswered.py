"""Writes down, at most once a second, for which questions nothing was found, and forgets them in time."""

from __future__ import annotations

import asyncio
from typing import Final

from tierdesk_kb.domain.unanswered import Tally
from tierdesk_kb.search.analysis import words
from tierdesk_kb.store.unanswered import add_unanswered, forget_unanswered
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, is_redo
from tierdesk_store.pausing import wait_for_any

WRITE_SECONDS: Final = 1.0
FORGET_EVERY: Final = 60
"""So many writings apart what is old is forgotten."""


class UnansweredQuestions:
    """Counts questions while searches run, who wait for nothing. A crash loses the counts of a second at the most."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._tally = Tally()

    def note(self, tenant: str, question: str, *, typing: bool) -> None:
        """Count a question by its words, as they are compared; with `typing`, it was being typed."""
        self._tally.note(tenant, " ".join(words().analyze(question)), typing=typing)

    async def run(self, stop: asyncio.Event) -> None:
        """Write each second until `stop` is set, and once more then. Raises what the database raises; no count is lost by it."""
        turn = 0
        while not stop.is_set():
            try:
                await self.write()
                if turn % FORGET_EVERY == 0:
                    await self.forget()
            except Exception as error:
                if not is_redo(error):
                    raise
            turn += 1
            await wait_for_any(stop, timeout_seconds=WRITE_SECONDS)
        await self.write()

    async def write(self) -> None:
        """Write what was counted since the last time."""
        counts = self._tally.take()
        if not counts:
            return
        try:
            async with self._database.transaction() as tx:
                await add_unanswered(tx.connection, counts, self._publisher.now())
        except Exception:
            self._tally.put_back(counts)
            raise

    async def forget(self) -> int:
        """Forget what is old, and what is too much; answers how many."""
        async with self._database.transaction() as tx:
            return await forget_unanswered(tx.connection, self._publisher.now())
