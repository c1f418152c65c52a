"""A bus and a consumer that pass everything on: for who changes one thing of another bus."""

from __future__ import annotations

from collections.abc import Sequence

from tierdesk_bus.port import HOME, Bus, Consumer, Delivery, Message, PublishResult, Topology


class WrappedBus:
    """The bus that it wraps, until a subclass says otherwise."""

    def __init__(self, bus: Bus) -> None:
        """Around `bus`, which its owner closes."""
        self._bus = bus

    async def declare(self, topology: Topology) -> None:
        """As the bus."""
        await self._bus.declare(topology)

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float) -> list[PublishResult]:
        """As the bus."""
        return await self._bus.publish(batch, timeout_seconds=timeout_seconds)

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> Consumer:
        """As the bus."""
        return await self._bus.consume(queue, prefetch=prefetch, namespace=namespace)

    async def depth(self, queue: str, *, namespace: str = HOME) -> int:
        """As the bus."""
        return await self._bus.depth(queue, namespace=namespace)

    async def ping(self) -> None:
        """As the bus."""
        await self._bus.ping()

    async def close(self) -> None:
        """Nothing: the bus belongs to its owner."""


class WrappedConsumer:
    """The consumer that it wraps, until a subclass says otherwise."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    @property
    def queue(self) -> str:
        """As the consumer."""
        return self._consumer.queue

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        """As the consumer."""
        return await self._consumer.receive(limit, timeout_seconds=timeout_seconds)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As the consumer."""
        await self._consumer.ack(deliveries)

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """As the consumer."""
        await self._consumer.requeue(deliveries)

    async def close(self) -> None:
        """As the consumer."""
        await self._consumer.close()
