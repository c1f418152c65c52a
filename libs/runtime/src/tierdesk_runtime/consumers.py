"""The consumers of a service: each watched, and made anew when it stands still before a queue that is not empty."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import structlog

from tierdesk_bus.port import HOME, Bus, BusError
from tierdesk_runtime.health import OK, Check, State
from tierdesk_runtime.metrics import Metrics
from tierdesk_runtime.supervision import SupervisedTask
from tierdesk_runtime.watched_bus import WatchedBus
from tierdesk_store import Consumption, Database, Handler
from tierdesk_store.pausing import wait_for_any

STALE_SECONDS: Final = 30.0
"""A consumer that for so long got nothing from a queue that is not empty, or did not come round, is taken for dead."""
_DEPTH_SECONDS: Final = 2.0
_HANDOVER_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConsumedQueue:
    """What is consumed, by whom, and how many at once."""

    handler: Handler[Any]
    queue: str
    namespace: str = HOME
    batch: int = 200
    gather_seconds: float = 0.0

    @property
    def label(self) -> str:
        """The name in logs, metrics and checks."""
        return f"{self.namespace}/{self.queue}" if self.namespace else self.queue


class QueueConsumer:
    """One consumed queue: a `Consumption` in a supervised task, begun once `declared` is set, replaced when stale."""

    def __init__(
        self, source: ConsumedQueue, bus: Bus, database: Database, metrics: Metrics, declared: asyncio.Event
    ) -> None:
        self.source = source
        self._bus = bus
        self._database = database
        self._metrics = metrics
        self._declared = declared
        self._delivered_at = 0.0
        self._unserved_since: float | None = None
        self._stale = False
        self._retired = False
        self._begin()

    def _begin(self) -> None:
        self._watch = WatchedBus(self._bus)
        self._consumption: Consumption | None = None
        self._begun_at = 0.0
        self._task = SupervisedTask(f"consume {self.source.label}", self._consume, self._metrics)

    async def _consume(self, stop: asyncio.Event) -> None:
        await wait_for_any(stop, self._declared)
        if stop.is_set():
            return
        source = self.source
        self._begun_at = asyncio.get_running_loop().time()
        self._consumption = Consumption(
            self._watch,
            self._database,
            source.handler,
            source.queue,
            namespace=source.namespace,
            batch=source.batch,
            gather_seconds=source.gather_seconds,
        )
        await self._consumption.run(stop)

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task.start()

    async def finish(self, *, timeout_seconds: float) -> bool:
        """Finish the batch in flight and stop; cut it off after `timeout_seconds`."""
        return await self._task.finish(timeout_seconds=timeout_seconds)

    async def retire(self, *, timeout_seconds: float) -> None:
        """Finish for good, and leave no metrics behind that would go on to tell of the queue."""
        self._retired = True
        await self.finish(timeout_seconds=timeout_seconds)
        metrics = self._metrics
        for gauge in (metrics.queue_messages, metrics.consumer_silent_seconds, metrics.consumer_lag_seconds):
            gauge.remove(self.source.label)

    def check(self) -> Check:
        """Whether it consumes."""
        if self._task.failing:
            state = State.DEGRADED if self._task.outage else State.FAILED
            return Check(state, "it raised and is begun anew; see the log")
        if self._stale:
            return Check(State.FAILED, f"nothing received for {STALE_SECONDS:.0f} s while messages wait; made anew")
        if self._consumption is None:
            return Check(State.DEGRADED, "waits for the bus")
        return OK

    async def observe(self) -> None:
        """Look at the queue; replace the consumption when it is stale. Never raises for a bus that is away."""
        now = asyncio.get_running_loop().time()
        consumption = self._consumption
        if consumption is None:
            return
        # Who is at work on what it has received, however slowly, is not dead.
        delivered_at = max(self._watch.last_delivery_at or self._begun_at, consumption.last_handled_at)
        if delivered_at > self._delivered_at:
            self._delivered_at, self._unserved_since, self._stale = delivered_at, None, False
        try:
            async with asyncio.timeout(_DEPTH_SECONDS):
                depth = await self._bus.depth(self.source.queue, namespace=self.source.namespace)
        except (BusError, TimeoutError):
            self._unserved_since = None  # with the bus away, silence says nothing
            return
        if self._retired:  # meanwhile
            return
        self._metrics.queue_messages.labels(self.source.label).set(depth)
        self._metrics.consumer_silent_seconds.labels(self.source.label).set(now - delivered_at)
        self._metrics.consumer_lag_seconds.labels(self.source.label).set(self._watch.lag_seconds)
        if depth == 0:
            self._unserved_since, self._stale = None, False
        elif self._unserved_since is None:
            self._unserved_since = now
        came_round_at = max(consumption.last_receive_at, consumption.last_handled_at, self._begun_at)
        unserved = self._unserved_since is not None and now - self._unserved_since >= STALE_SECONDS
        if unserved or now - came_round_at >= STALE_SECONDS:
            await self._replace()

    async def _replace(self) -> None:
        log.error("consumer_stale", queue=self.source.label)
        await self._task.finish(timeout_seconds=_HANDOVER_SECONDS)
        if self._retired:
            return
        self._begin()
        self._stale, self._unserved_since = True, None
        self._task.start()
