"""A consumer that subscribes again whenever its subscription ends, whatever ended it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial

import aiormq
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.abc import DeliveredMessage

from tierdesk_bus.amqp.framing import BASIC_DELIVER
from tierdesk_bus.amqp.link import Link, translate_loss
from tierdesk_bus.amqp.tap import divert, write
from tierdesk_bus.amqp.wire import AmqpTag, acks_of, delivery_of, requeues_of
from tierdesk_bus.port import BusUnavailableError, Delivery

log = logging.getLogger(__name__)

SUBSCRIBE_SECONDS = 10.0
SETTLE_SECONDS = 5.0
"""How long an acknowledgement may take to leave; then the channel is given up and the messages come again."""
RETRY_SECONDS = 1.0
"""Pause before subscribing again where the broker refused, as for a queue that does not exist yet."""


class AmqpConsumer:
    """A subscription to one queue on a channel of its own.

    Each channel is a generation. Deliveries of an older one went back to the queue with it; settling them does nothing.
    """

    def __init__(self, link: Link, *, queue: str, namespace: str, prefetch: int) -> None:
        self._link = link
        self._queue = queue
        self._namespace = namespace
        self._prefetch = prefetch
        self._generation = 0
        self._channel: aiormq.Channel | None = None
        self._waiting: deque[Delivery] = deque()
        self._unsettled: dict[int, None] = {}
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()
        self._tried = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep(), name=f"bus consumer {queue}")

    @property
    def queue(self) -> str:
        """The name of the queue."""
        return self._queue

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._keeper.done()

    async def wait_for_attempt(self) -> None:
        """Wait until the first subscription has succeeded or failed."""
        await self._tried.wait()

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        """See `tierdesk_bus.port.Consumer.receive`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See `tierdesk_bus.port.Consumer.ack`."""
        numbers = self._take_unsettled(deliveries)
        if not numbers:
            return
        done = set(numbers)
        # All up to a number can be acknowledged in one frame, if nothing that is not done lies before it.
        front = list(itertools.takewhile(done.__contains__, self._unsettled))
        channel = self._channel
        assert channel is not None
        for number in numbers:
            del self._unsettled[number]
        up_to = front[-1] if front else 0
        await self._settle(
            channel, acks_of(channel.number, up_to=up_to, numbers=[each for each in numbers if each > up_to])
        )

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """See `tierdesk_bus.port.Consumer.requeue`."""
        numbers = self._take_unsettled(deliveries)
        channel = self._channel
        if not numbers or channel is None:
            return
        for number in numbers:
            del self._unsettled[number]
        await self._settle(channel, requeues_of(channel.number, numbers))

    async def close(self) -> None:
        """Close the channel, after the acknowledgements that were sent on it; what is unsettled goes back."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    def _take_unsettled(self, deliveries: Sequence[Delivery]) -> list[int]:
        """Answer the numbers, in order, of those that are still out on the present channel."""
        tags = (delivery.tag for delivery in deliveries)
        return sorted(
            {
                tag.number
                for tag in tags
                if isinstance(tag, AmqpTag) and tag.generation == self._generation and tag.number in self._unsettled
            }
        )

    async def _settle(self, channel: aiormq.Channel, frames: bytes) -> None:
        """Send acknowledgements in bounded time; where it fails, give the channel up with all that is out on it."""
        if self._ended.is_set():
            return  # they went back to the queue; what follows the end of a channel would cost the connection
        try:
            with translate_loss():
                async with asyncio.timeout(SETTLE_SECONDS):
                    await write(channel, frames)
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            log.info("%s: could not settle deliveries, they come again: %s", self._queue, error)
            self._end(channel)
        except asyncio.CancelledError:
            self._end(channel)  # nobody knows which of them left
            raise

    async def _keep(self) -> None:
        said = ""
        while True:
            await self._link.wait_for_connection()
            try:
                with translate_loss():
                    await self._serve()
                said = ""
            except (*CONNECTION_EXCEPTIONS, BusUnavailableError, TimeoutError) as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("%s: cannot subscribe, trying on: %s", self._queue, error)
                self._tried.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self) -> None:
        """Subscribe on a new channel and stay until it is closed or the broker cancels the subscription."""
        async with asyncio.timeout(SUBSCRIBE_SECONDS):
            channel = await self._link.open_channel(confirms=False)
        try:
            self._ended.clear()
            channel.closing.add_done_callback(lambda _: self._end(channel))
            channel.on_consumer_cancel_callbacks.add(lambda _: self._end(channel))
            self._generation += 1
            self._channel = channel
            divert(channel, partial(self._take, channel))
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await channel.basic_qos(prefetch_count=self._prefetch)
                await channel.basic_consume(self._queue, _refuse)
            self._tried.set()
            await self._ended.wait()
        finally:
            self._channel = None
            self._waiting.clear()
            self._unsettled.clear()
            await asyncio.wait([self._link.discard(channel)])  # until then its messages are not back in the queue

    def _end(self, channel: aiormq.Channel) -> None:
        if channel is self._channel:
            self._ended.set()

    def _take(self, channel: aiormq.Channel, method: bytes, header: bytes, body: bytes) -> None:
        if channel is not self._channel:
            return  # it went back to the queue with its channel
        if not method.startswith(BASIC_DELIVER):
            self._end(channel)
            return
        delivery = delivery_of(
            method, header, body, namespace=self._namespace, queue=self._queue, generation=self._generation
        )
        assert isinstance(delivery.tag, AmqpTag)
        self._unsettled[delivery.tag.number] = None
        self._waiting.append(delivery)
        self._arrived.set()


async def _refuse(message: DeliveredMessage) -> None:
    """Stand for the consumer with aiormq, which must know it to answer when the broker cancels it."""
    raise AssertionError(f"a delivery was not taken from the stream: {message.delivery_tag}")
