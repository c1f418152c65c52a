"""What a watched consumer tells: when it last got a message, and how old that was."""

import time
from uuid import uuid4

import pytest

from tierdesk_bus.port import HOME, Delivery
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.watched_bus import WatchedBus


class Scripted:
    """A consumer that hands out what it is told to."""

    queue = "q"

    def __init__(self, *batches: list[str]) -> None:
        self.batches = list(batches)

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        ids = self.batches.pop(0)
        return [Delivery(HOME, "q", "k", name, b"", "application/json", {}, 0, None) for name in ids]


class OneQueue:
    def __init__(self, consumer: Scripted) -> None:
        self.consumer = consumer

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> Scripted:
        return self.consumer


@pytest.mark.parametrize(
    ("made", "lag"),
    [
        (lambda: Identifiers(now_ms=lambda: int(time.time() * 1000) - 90_000).new(), 90),
        (lambda: Identifiers(now_ms=lambda: int(time.time() * 1000) + 90_000).new(), 0),
        (uuid4, 0),
        (lambda: "not an identifier", 0),
    ],
    ids=["old", "from the future", "of another kind", "none"],
)
async def test_the_lag_is_the_age_of_the_first_message_as_far_as_its_identifier_tells(made, lag):
    watch = WatchedBus(OneQueue(Scripted([str(made()), str(Identifiers().new())], [], [])))
    consumer = await watch.consume("q", prefetch=10)
    await consumer.receive(10, timeout_seconds=1)
    assert watch.last_delivery_at is not None
    assert watch.lag_seconds == pytest.approx(lag, abs=5)
    await consumer.receive(10, timeout_seconds=0.0)
    assert watch.lag_seconds == pytest.approx(lag, abs=5), "a look without waiting says nothing"
    await consumer.receive(10, timeout_seconds=1)
    assert watch.lag_seconds == 0
