"""A bus that remembers when each consumer last got a message, and otherwise is the bus that it wraps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tierdesk_bus.port import HOME, Bus, Consumer, Delivery, Message, PublishResult, Topology

_VERSION_7: Final = 7


class WatchedBus:
    """The view of the bus that one consumption gets."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.last_delivery_at: float | None = None
        """Loop time of the last message; None before the first."""
        self.lag_seconds = 0.0
        """How old the oldest message of the last delivery was; 0.0 once nothing waits any more."""

    async def declare(self, topology: Topology) -> None:
        """As the bus."""
        await self._bus.declare(topology)

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float) -> list[PublishResult]:
        """As the bus."""
        return await self._bus.publish(batch, timeout_seconds=timeout_seconds)

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> Consumer:
        """As the bus, watched."""
        return _WatchedConsumer(await self._bus.consume(queue, prefetch=prefetch, namespace=namespace), self)

    async def depth(self, queue: str, *, namespace: str = HOME) -> int:
        """As the bus."""
        return await self._bus.depth(queue, namespace=namespace)

    async def ping(self) -> None:
        """As the bus."""
        await self._bus.ping()

    async def close(self) -> None:
        """Nothing: the bus belongs to the service."""


class _WatchedConsumer:
    def __init__(self, consumer: Consumer, watch: WatchedBus) -> None:
        self._consumer = consumer
        self._watch = watch

    @property
    def queue(self) -> str:
        return self._consumer.queue

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        deliveries = await self._consumer.receive(limit, timeout_seconds=timeout_seconds)
        if deliveries:
            self._watch.last_delivery_at = asyncio.get_running_loop().time()
            self._watch.lag_seconds = age_seconds(deliveries[0].id)
        elif timeout_seconds:
            self._watch.lag_seconds = 0.0
        return deliveries

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await self._consumer.ack(deliveries)

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        await self._consumer.requeue(deliveries)

    async def close(self) -> None:
        await self._consumer.close()


def age_seconds(message_id: str) -> float:
    """Since the message was made, as its identifier says (UUIDv7, RFC 9562); 0.0 for an identifier of another kind."""
    try:
        identifier = UUID(message_id)
    except ValueError:
        return 0.0
    return max(0.0, time.time() - (identifier.int >> 80) / 1000) if identifier.version == _VERSION_7 else 0.0
