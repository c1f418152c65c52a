"""Consumers of every work queue, as one process: notes when the offer of each ticket came, and acknowledges.

`python -m bench.sink` reads one JSON object from standard input (`url`, `queues`, `count`), prints `ready`, and when all
offers are there, one JSON object. As cheap as a consumer can be, since it is part of the load, not of what is measured.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

import orjson
import uvloop

from tierdesk_bus import Consumer, connect

SILENCE_SECONDS = 60.0
PREFETCH = 2000
POLL_SECONDS = 0.1


async def take(url: str, queues: list[str], count: int) -> dict[str, Any]:
    """The offers of `count` tickets. Raises `TimeoutError` when none comes for a minute."""
    arrived: dict[str, float] = {}
    bus = await connect(url, name="bench sink")
    consumers = [await bus.consume(name, prefetch=PREFETCH) for name in queues]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        async with asyncio.TaskGroup() as group:
            for consumer in consumers:
                group.create_task(_note(consumer, arrived, count))
    finally:
        await bus.close()  # answered by the broker after it has taken the acknowledgements
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"arrived": arrived, "processor_seconds": used.ru_utime + used.ru_stime}


async def _note(consumer: Consumer, arrived: dict[str, float], count: int) -> None:
    """Take what comes to one queue, until all are there that shall come to any."""
    silent_since = time.monotonic()
    while len(arrived) < count:
        deliveries = await consumer.receive(PREFETCH, timeout_seconds=POLL_SECONDS)
        now = time.monotonic()
        for delivery in deliveries:
            arrived.setdefault(orjson.loads(delivery.body)["subject"], now)
        await consumer.ack(deliveries)
        if deliveries:
            silent_since = now
        elif now - max([silent_since, *arrived.values()]) > SILENCE_SECONDS:
            raise TimeoutError(f"{count - len(arrived)} of {count} offers did not come")


def main() -> None:
    """Do as standard input says."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(take(**json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main()
