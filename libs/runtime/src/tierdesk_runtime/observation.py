"""The gauges of a service, brought up to date every few seconds, and its reconciliation each minute."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

import structlog
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tierdesk_runtime.consumers import QueueConsumer
from tierdesk_runtime.metrics import Metrics
from tierdesk_store import Database, DatabaseUnavailableError, Relay
from tierdesk_store.observation import outbox_state, parked_count, waiting_state
from tierdesk_store.pausing import wait_for_any

_ROUND_SECONDS: Final = 5.0
_RECONCILE_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


class Observer:
    """Reads the counts of one service into its metrics, and looks after its consumers."""

    def __init__(
        self, database: Database, relay: Relay, metrics: Metrics, consumers: Mapping[tuple[str, str], QueueConsumer]
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._consumers = consumers
        self._reconciliations: dict[str, Callable[[], Awaitable[int]]] = {}
        metrics.registry.register(_RelayCollector(relay))

    def add_reconciliation(self, kind: str, count: Callable[[], Awaitable[int]]) -> None:
        """Count this each minute."""
        self._reconciliations[kind] = count

    async def run(self, stop: asyncio.Event) -> None:
        """Observe until `stop` is set."""
        loop = asyncio.get_running_loop()
        reconcile_at = loop.time() + _RECONCILE_SECONDS
        while not stop.is_set():
            try:
                await self._count()
                if loop.time() >= reconcile_at:
                    reconcile_at = loop.time() + _RECONCILE_SECONDS
                    await self._reconcile()
            except DatabaseUnavailableError as error:
                log.warning("not_observed", reason=error.reason)
            for consumer in list(self._consumers.values()):
                await consumer.observe()
            await wait_for_any(stop, timeout_seconds=_ROUND_SECONDS)

    async def _count(self) -> None:
        tables = self._database.tables
        async with self._database.read() as connection:
            outbox = await outbox_state(connection, tables)
            waiting = await waiting_state(connection, tables)
            parked = await parked_count(connection, tables)
        self._metrics.outbox_pending.set(outbox.pending)
        self._metrics.outbox_oldest_seconds.set(outbox.oldest_seconds)
        self._metrics.waiting_messages.set(waiting.pending)
        self._metrics.waiting_oldest_seconds.set(waiting.oldest_seconds)
        self._metrics.parked_messages.set(parked)

    async def _reconcile(self) -> None:
        for kind, count in self._reconciliations.items():
            found = await count()
            self._metrics.reconciler_findings.labels(kind).set(found)
            if found:
                log.error("reconciler_finding", kind=kind, count=found)


class _RelayCollector(Collector):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def collect(self) -> Iterator[Metric]:
        """The relay's own counters, as they stand."""
        fates = CounterMetricFamily(
            "tierdesk_relay_messages", "Messages by what the bus answered to their publication.", labels=("fate",)
        )
        for fate in ("published", "returned", "nacked", "unknown"):
            fates.add_metric((fate,), getattr(self._relay, fate))
        yield fates
        held = GaugeMetricFamily("tierdesk_relay_held_destinations", "Destinations that refuse, and are held back.")
        held.add_metric((), self._relay.held_destinations)
        yield held
