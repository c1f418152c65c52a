"""The loop that consumes one queue: receive, apply, commit, and only then acknowledge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from tierdesk_bus.port import HOME, Bus, BusError, Consumer, Delivery
from tierdesk_store.application import Application
from tierdesk_store.arrival import Arrival, Order, read_arrival
from tierdesk_store.attempts import HOPELESS, MAX_ATTEMPTS, SUSPECT_REDELIVERIES, count_attempt
from tierdesk_store.batch import Counts
from tierdesk_store.database import Database
from tierdesk_store.errors import DatabaseUnavailableError
from tierdesk_store.failpoints import failpoint
from tierdesk_store.handler import Handler
from tierdesk_store.negative_controls import UNSAFE
from tierdesk_store.pausing import pause

RECEIVE_SECONDS: Final = 0.5
STALE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 1.0
_GATHER_STEP_SECONDS: Final = 0.01
_LOG = logging.getLogger(__name__)


class Consumption:
    """Consumes one queue with one handler, up to `batch` messages a transaction, twice that fetched ahead.

    A batch that is not full waits `gather_seconds` for others: every transaction has a price of its own, so that whoever
    nobody waits for does well to gather.

    Each message ends as applied, superseded (it was accounted for before), waiting as a row, or parked; then it is
    acknowledged. A message that the bus has delivered more than three times again is handled alone, its attempt
    recorded before; after five recorded attempts without an end it is parked, since it may kill its consumer.
    A consumer that has received nothing for 30 seconds from a queue that is not empty is made anew.
    """

    def __init__(
        self,
        bus: Bus,
        database: Database,
        handler: Handler[Any],
        queue: str,
        *,
        namespace: str = HOME,
        batch: int = 200,
        gather_seconds: float = 0.0,
    ) -> None:
        self.queue = queue
        self.namespace = namespace
        self.last_receive_at = 0.0
        """Loop time of the last answer of the bus, an empty one too; 0.0 before the first. For readiness."""
        self._bus = bus
        self._database = database
        self._handler = handler
        self._batch = batch
        self._gather_seconds = gather_seconds
        self._application = Application(database, handler)

    @property
    def counts(self) -> Counts:
        """What became of the messages so far."""
        return self._application.counts

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set and the batch in flight is finished.

        What was fetched ahead goes back to the queue, as does a batch that cannot be finished since the database is
        away. Outlives lost connections, to the bus and to the database; a queue that does not exist yet is waited for.
        """
        waits = False
        while not stop.is_set():
            try:
                consumer = await self._bus.consume(self.queue, prefetch=2 * self._batch, namespace=self.namespace)
            except BusError as error:
                if not waits:
                    _LOG.warning("%s cannot consume %s: %s", self._handler.name, self.queue, error)
                waits = True
                await pause(_PAUSE_SECONDS, unless=stop)
                continue
            waits = False
            try:
                await self._consume(consumer, stop)
            finally:
                await consumer.close()

    async def _consume(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """Until `stop`, or until the consumer is stale."""
        loop = asyncio.get_running_loop()
        delivered_at = loop.time()
        while not stop.is_set():
            deliveries = await consumer.receive(self._batch, timeout_seconds=RECEIVE_SECONDS)
            self.last_receive_at = loop.time()
            if deliveries:
                await self._gather(consumer, deliveries, stop)
                await self._handle(consumer, deliveries, stop)
                delivered_at = loop.time()
            elif loop.time() - delivered_at > STALE_SECONDS:
                delivered_at = loop.time()
                if await self._is_stale():
                    return

    async def _gather(self, consumer: Consumer, deliveries: list[Delivery], stop: asyncio.Event) -> None:
        """Add what else comes, until the batch is full, the time is over or `stop` is set."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._gather_seconds
        # In steps: to be woken by every single message would cost what gathering saves.
        while len(deliveries) < self._batch and loop.time() < end and not stop.is_set():
            await pause(_GATHER_STEP_SECONDS, unless=stop)
            deliveries += await consumer.receive(self._batch - len(deliveries), timeout_seconds=0.0)
            self.last_receive_at = loop.time()

    async def _is_stale(self) -> bool:
        try:
            depth = await self._bus.depth(self.queue, namespace=self.namespace)
        except BusError:
            return False
        if depth:
            _LOG.warning("%s gets nothing of %s messages in %s: consuming anew", self._handler.name, depth, self.queue)
        return depth > 0

    async def _handle(self, consumer: Consumer, deliveries: Sequence[Delivery], stop: asyncio.Event) -> None:
        if UNSAFE.ack_before_commit:
            await consumer.ack(deliveries)
        for group in _group(deliveries):
            arrivals = [self._read(index, delivery) for index, delivery in enumerate(group)]
            doomed = None
            if group[0].redeliveries > SUSPECT_REDELIVERIES:
                doomed = await self._suspect(arrivals[0], stop)
                if doomed is None:
                    await consumer.requeue(group)
                    continue

            async def done(part: Sequence[Arrival], group: Sequence[Delivery] = group) -> None:
                failpoint("consumer.before_ack")
                if not UNSAFE.ack_before_commit:
                    await consumer.ack([group[arrival.order[1]] for arrival in part])
                failpoint("consumer.after_ack")

            left = await self._application.apply(arrivals, stop, done=done, doomed=doomed)
            if left:
                await consumer.requeue([group[arrival.order[1]] for arrival in left])

    def _read(self, index: int, delivery: Delivery) -> Arrival:
        return read_arrival(
            delivery.body,
            order=(1, index),
            namespace=delivery.namespace,
            queue=delivery.queue,
            accepts=self._handler.accepts,
            type_hint=delivery.key.partition(".")[2],  # facts and outcomes go under `<tenant>.<type>`
        )

    async def _suspect(self, arrival: Arrival, stop: asyncio.Event) -> dict[Order, str] | None:
        """Record that this message is begun once more; names it as doomed when that was too often.

        Answers None when the database is away and a stop is wanted.
        """
        while not stop.is_set():
            try:
                count = await count_attempt(self._database, self._handler.name, arrival.body)
            except DatabaseUnavailableError:
                await pause(_PAUSE_SECONDS, unless=stop)
                continue
            if count <= MAX_ATTEMPTS:
                return {}
            return {arrival.order: HOPELESS}
        return None


def _group(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Cut into batches, in order: each message that was delivered too often stands alone."""
    groups: list[list[Delivery]] = []
    was_alone = True
    for delivery in deliveries:
        is_alone = delivery.redeliveries > SUSPECT_REDELIVERIES
        if is_alone or was_alone:
            groups.append([])
        groups[-1].append(delivery)
        was_alone = is_alone
    return groups
