"""The loop that consumes one queue: receive, apply, commit, and only then acknowledge."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tierdesk_bus.port import HOME, Bus, BusError, Consumer, Delivery
from tierdesk_store.application import Application
from tierdesk_store.arrival import Arrival, Order, read_arrival
from tierdesk_store.attempts import (
    HOPELESS,
    SUSPECT_REDELIVERIES,
    count_attempts,
    find_attempts,
    group_limit,
    is_hopeless,
)
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
    acknowledged. Messages that the bus has delivered more than three times again are handled in smaller groups each
    time, their attempts recorded before, and at last alone; one that five such did not bring to an end is parked, since it
    may kill its consumer.
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
        self.last_handled_at = 0.0
        """Loop time at which it was last done with a part of what it had received; 0.0 before the first."""
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
        attempts = await self._find_attempts(deliveries, stop)
        if attempts is None:
            await consumer.requeue(deliveries)
            return
        for group in _cut(deliveries, attempts):
            if not await self._begin([one.body for one in group if _is_suspect(one)], stop):
                await consumer.requeue(group)
                continue
            arrivals = [self._read(index, delivery) for index, delivery in enumerate(group)]
            doomed = _doom(arrivals[0], attempts) if _limit(group[0], attempts) == 1 else None

            async def done(part: Sequence[Arrival], group: Sequence[Delivery] = group) -> None:
                failpoint("consumer.before_ack")
                if not UNSAFE.ack_before_commit:
                    await consumer.ack([group[arrival.order[1]] for arrival in part])
                failpoint("consumer.after_ack")

            left = await self._application.apply(arrivals, stop, done=done, doomed=doomed)
            if left:
                await consumer.requeue([group[arrival.order[1]] for arrival in left])
            self.last_handled_at = asyncio.get_running_loop().time()

    def _read(self, index: int, delivery: Delivery) -> Arrival:
        return read_arrival(
            delivery.body,
            order=(1, index),
            namespace=delivery.namespace,
            queue=delivery.queue,
            accepts=self._handler.accepts,
            type_hint=delivery.key.partition(".")[2],  # facts and outcomes go under `<tenant>.<type>`
        )

    async def _find_attempts(self, deliveries: Sequence[Delivery], stop: asyncio.Event) -> Mapping[bytes, int] | None:
        """How often each suspect was begun. Answers None when the database is away and a stop is wanted."""
        suspects = {delivery.body: 0 for delivery in deliveries if _is_suspect(delivery)}
        while suspects:
            try:
                return suspects | await find_attempts(self._database, self._handler.name, suspects)
            except DatabaseUnavailableError:
                if stop.is_set():
                    return None
                await pause(_PAUSE_SECONDS, unless=stop)
        return {}

    async def _begin(self, suspects: Sequence[bytes], stop: asyncio.Event) -> bool:
        """Record that these are begun once more; False when the database is away and a stop is wanted."""
        while suspects:
            try:
                await count_attempts(self._database, self._handler.name, suspects)
            except DatabaseUnavailableError:
                if stop.is_set():
                    return False
                await pause(_PAUSE_SECONDS, unless=stop)
            else:
                break
        return True


def _is_suspect(delivery: Delivery) -> bool:
    return delivery.redeliveries > SUSPECT_REDELIVERIES


def _limit(delivery: Delivery, attempts: Mapping[bytes, int]) -> float:
    """How many messages a group may hold that this one is in."""
    known = attempts.get(delivery.body)
    return math.inf if known is None else group_limit(known)


def _doom(arrival: Arrival, attempts: Mapping[bytes, int]) -> dict[Order, str]:
    return {arrival.order: HOPELESS} if is_hopeless(attempts[arrival.body]) else {}


def _cut(deliveries: Sequence[Delivery], attempts: Mapping[bytes, int]) -> list[list[Delivery]]:
    """Cut into groups, none of which holds more messages than each of them allows, the least suspected first.

    So a process that dies of something else spreads the blame over all that waits, and a message that does kill is begun
    when the others are through. Among equals the order stays.
    """
    groups: list[list[Delivery]] = []
    room = 0.0
    for delivery in sorted(deliveries, key=lambda one: attempts.get(one.body, -1)):
        limit = _limit(delivery, attempts)
        if not groups or len(groups[-1]) >= min(room, limit):
            groups.append([])
            room = math.inf
        groups[-1].append(delivery)
        room = min(room, limit)
    return groups
