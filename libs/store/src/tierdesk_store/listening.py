"""Being told by other processes, through PostgreSQL's LISTEN and NOTIFY, on a connection of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from tierdesk_store import driver
from tierdesk_store.database import Database
from tierdesk_store.errors import as_unavailable
from tierdesk_store.pausing import pause, wait_for_any

CHECK_SECONDS: Final = 5.0
"""How often the connection is tried: one that a network has dropped without a word tells of nothing either."""
LONGEST_PAUSE_SECONDS: Final = 5.0
_LOG = logging.getLogger(__name__)


class Listener:
    """Hears what is told on one channel of the service's database, to which it connects again when it is cut off.

    `hear` is called with each payload. It is called with None when listening begins and when it ends, since what was
    told meanwhile is not known: look then. What is told comes when the transaction that told it has committed, and
    at most once; so nobody may rely on it for more than being quick.
    """

    def __init__(self, database: Database, channel: str, hear: Callable[[str | None], None]) -> None:
        self._database = database
        self._channel = channel
        self._hear = hear
        self.is_listening = False
        """Whether what is told now will be heard, as far as is known."""
        self._pause_seconds = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set. Outlives lost connections."""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except Exception as error:
                unavailable = as_unavailable(error)
                if unavailable is None:
                    raise
                if not self._pause_seconds:
                    _LOG.warning("%s hears nothing on %s: %s", self._database.name, self._channel, unavailable)
                self._pause_seconds = min(max(0.2, self._pause_seconds * 2), LONGEST_PAUSE_SECONDS)
                await pause(self._pause_seconds, unless=stop)

    async def _listen(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set. Raises what the driver raises, which tells a lost connection."""
        database = self._database
        connection = await driver.connect(database.url, schema=database.schema, name=f"{database.name} listener")
        over = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: over.set())
            await connection.add_listener(self._channel, lambda _c, _p, _n, payload: self._hear(str(payload)))
            self._tell(listening=True)
            self._pause_seconds = 0.0
            while not stop.is_set():
                await wait_for_any(stop, over, timeout_seconds=CHECK_SECONDS)
                if stop.is_set():
                    break
                await connection.execute("SELECT 1", timeout=CHECK_SECONDS)  # raises when it is over
        finally:
            self._tell(listening=False)
            await driver.close(connection)

    def _tell(self, *, listening: bool) -> None:
        if self.is_listening != listening:
            self.is_listening = listening
            self._hear(None)
