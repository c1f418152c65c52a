"""Background tasks that come back: a raise is logged and the task begun anew, later each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog

from tierdesk_bus.port import BusError
from tierdesk_runtime.metrics import Metrics
from tierdesk_store import DatabaseUnavailableError, is_redo
from tierdesk_store.pausing import wait_for_any

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
SETTLED_SECONDS: Final = 5.0
"""A task that has run this long since it raised counts as well again."""

Run = Callable[[asyncio.Event], Awaitable[None]]

log = structlog.get_logger(__name__)


class SupervisedTask:
    """One background task. A normal return ends it; a raise begins it anew after a pause."""

    def __init__(self, name: str, run: Run, metrics: Metrics) -> None:
        self.name = name
        self.stop = asyncio.Event()
        self._run = run
        self._failures = metrics.task_failures.labels(name)
        self._task: asyncio.Task[None] | None = None
        self._failed_at: float | None = None
        self._begun_at = 0.0
        self.outage = False
        """Whether the last raise said that bus or database are away, which their own checks report."""

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.create_task(self._supervise(), name=self.name)

    @property
    def failing(self) -> bool:
        """Whether it raised, and has not since run for `SETTLED_SECONDS`."""
        if self._failed_at is None:
            return False
        now = asyncio.get_running_loop().time()
        return self._begun_at <= self._failed_at or now - self._begun_at < SETTLED_SECONDS

    async def finish(self, *, timeout_seconds: float) -> bool:
        """Ask it to stop and wait; cut it off after `timeout_seconds`. Answers whether it stopped by itself."""
        self.stop.set()
        if self._task is None:
            return True
        done, _ = await asyncio.wait([self._task], timeout=max(0.0, timeout_seconds))
        if done:
            return True
        self._task.cancel()
        await asyncio.wait([self._task], timeout=1.0)
        return False

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_SECONDS
        while not self.stop.is_set():
            self._begun_at = loop.time()
            try:
                await self._run(self.stop)
            except Exception as error:
                self._failed_at = loop.time()
                if self._failed_at - self._begun_at > SETTLED_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                self.outage = isinstance(error, (BusError, DatabaseUnavailableError))
                self._failures.inc()
                log.exception("task_failed", task=self.name, again_in_seconds=pause)
                await wait_for_any(self.stop, timeout_seconds=pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                return


async def keep_looking(look: Callable[[], Awaitable[int]], stop: asyncio.Event, *, rest_seconds: float) -> None:
    """Look until `stop` is set: at once again while a look answers that it did something, else after `rest_seconds`.

    A look that is worth another try (`is_redo`) is made again after the rest. Raises what any other raises.
    """
    while not stop.is_set():
        done = 0
        try:
            done = await look()
        except Exception as error:
            if not is_redo(error):
                raise
        if not done:
            await wait_for_any(stop, timeout_seconds=rest_seconds)


async def wait_unless(work: Coroutine[Any, Any, None], *events: asyncio.Event) -> None:
    """Wait for `work`, a mere waiting, and cancel it once one of `events` is set. Raises what it raises."""
    waiters = [asyncio.ensure_future(work), *(asyncio.ensure_future(event.wait()) for event in events)]
    try:
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        if waiters[0].done():
            waiters[0].result()
    finally:
        for waiter in waiters:
            waiter.cancel()
