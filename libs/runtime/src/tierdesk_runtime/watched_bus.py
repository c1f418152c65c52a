"""A bus that remembers when each consumer last got a message, and otherwise is the bus that it wraps."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from uuid import UUID

from tierdesk_bus.port import HOME, Bus, Consumer, Delivery
from tierdesk_bus.wrapping import WrappedBus, WrappedConsumer

_VERSION_7: Final = 7


class WatchedBus(WrappedBus):
    """The view of the bus that one consumption gets."""

    def __init__(self, bus: Bus) -> None:
        """Around the service's bus."""
        super().__init__(bus)
        self.last_delivery_at: float | None = None
        """Loop time of the last message; None before the first."""
        self.lag_seconds = 0.0
        """How old the oldest message of the last delivery was; 0.0 once nothing waits any more."""

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> Consumer:
        """As the bus, watched."""
        return _WatchedConsumer(await super().consume(queue, prefetch=prefetch, namespace=namespace), self)


class _WatchedConsumer(WrappedConsumer):
    def __init__(self, consumer: Consumer, watch: WatchedBus) -> None:
        super().__init__(consumer)
        self._watch = watch

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        deliveries = await super().receive(limit, timeout_seconds=timeout_seconds)
        if deliveries:
            self._watch.last_delivery_at = asyncio.get_running_loop().time()
            self._watch.lag_seconds = age_seconds(deliveries[0].id)
        elif timeout_seconds:
            self._watch.lag_seconds = 0.0
        return deliveries


def age_seconds(message_id: str) -> float:
    """Since the message was made, as its identifier says (UUIDv7, RFC 9562); 0.0 for an identifier of another kind."""
    try:
        identifier = UUID(message_id)
    except ValueError:
        return 0.0
    return max(0.0, time.time() - (identifier.int >> 80) / 1000) if identifier.version == _VERSION_7 else 0.0
