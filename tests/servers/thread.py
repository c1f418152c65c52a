"""Services served by a thread of the test process, on an event loop of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import asyncpg

from tierdesk_runtime.clock import Clock
from tierdesk_runtime.service import ServiceDefinition
from tierdesk_runtime.serving import serve
from tierdesk_runtime.settings import Settings

READY_SECONDS = 60.0
STOP_SECONDS = 40.0


class ServingThread:
    """Serves these services from `start` to `stop`; `url` is where, once they are ready."""

    def __init__(self, definitions: Sequence[ServiceDefinition], settings: Settings, clock: Clock) -> None:
        self.definitions = definitions
        self.settings = settings
        self.url = ""
        self._clock = clock
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        """Return when every service is ready. Raises what the services raised instead."""
        self._thread.start()
        assert self._ready.wait(READY_SECONDS), f"not ready within {READY_SECONDS:.0f} s"
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Drain, and wait for the end."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_SECONDS)
        assert not self._thread.is_alive()

    def query(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows, as the administrator of the database sees them."""
        return asyncio.run(_fetch(self.settings.database_url, statement, arguments))

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to the test
            self._failed = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()

        async def on_ready(url: str) -> None:
            self.url = url
            self._ready.set()

        await serve(self.definitions, self.settings, clock=self._clock, on_ready=on_ready, stop=self._stopping)


async def _fetch(url: str, statement: str, arguments: Sequence[object]) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()
