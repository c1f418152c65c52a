"""What the tests of the bus say again and again."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

from tierdesk_bus import (
    HOME,
    Address,
    Binding,
    Bus,
    Consumer,
    Delivery,
    Exchange,
    Message,
    PublishResult,
    Queue,
    Topology,
)

PATIENCE_SECONDS = 20.0
EVENTS = Exchange("events")

_numbers = itertools.count(1)


def message(
    key: str, body: bytes = b"{}", *, name: str | None = None, exchange: str = "events", namespace: str = HOME
) -> Message:
    """A message with an identifier of its own."""
    return Message(name or f"m{next(_numbers)}", "test.v1", Address(namespace, exchange, key), body)


def numbered(count: int, key: str = "a", *, first: int = 0, exchange: str = "events") -> list[Message]:
    """Messages whose bodies are consecutive numbers."""
    return [message(key, str(number).encode(), exchange=exchange) for number in range(first, first + count)]


def one_queue(name: str = "q", *, pattern: str = "#", namespace: str = HOME, **options: object) -> Topology:
    """A queue that takes all events."""
    return Topology(
        (Exchange("events", namespace=namespace),),
        (Queue(name, namespace=namespace, **options),),  # type: ignore[arg-type]  # the options are those of Queue
        (Binding(name, "events", pattern, namespace=namespace),),
    )


async def publish(bus: Bus, messages: Sequence[Message]) -> None:
    """Publish what must be confirmed."""
    fates = await bus.publish(messages, timeout_seconds=PATIENCE_SECONDS)
    assert fates == [PublishResult.CONFIRMED] * len(messages)


async def publish_at_last(bus: Bus, messages: Sequence[Message]) -> None:
    """Publish what is not confirmed again until it is, as a relay does."""
    waiting = list(messages)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while waiting:
            fates = await bus.publish(waiting, timeout_seconds=2.0)
            waiting = [message for message, fate in zip(waiting, fates, strict=True) if fate != PublishResult.CONFIRMED]
            await asyncio.sleep(0.05 if waiting else 0)


async def receive(consumer: Consumer, count: int, *, limit: int = 1000) -> list[Delivery]:
    """Receive exactly so many; what is late is a failure."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(deliveries) < count:
            deliveries += await consumer.receive(min(limit, count - len(deliveries)), timeout_seconds=1.0)
    return deliveries


async def receive_and_ack(consumer: Consumer, count: int, *, limit: int = 1000) -> list[Delivery]:
    """Receive exactly so many and acknowledge each batch as it comes."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(deliveries) < count:
            batch = await consumer.receive(limit, timeout_seconds=1.0)
            await consumer.ack(batch)
            deliveries += batch
    assert len(deliveries) == count
    return deliveries


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so that the server does in its own time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def depth_becomes(bus: Bus, queue: str, expected: int) -> None:
    """Wait until a queue holds so many."""

    async def holds() -> bool:
        return await bus.depth(queue) == expected

    await eventually(holds)


def bodies(deliveries: Sequence[Delivery]) -> list[bytes]:
    """What was said."""
    return [delivery.body for delivery in deliveries]
