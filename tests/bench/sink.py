"""Consumers of every work queue, as one process: notes when the offer of each ticket came, and acknowledges.

`python -m bench.sink` reads one JSON object from standard input (`url`, `queues`, `count`), prints `ready`, and when all
offers are there, one JSON object. Written on aio-pika directly and cheaply, since it is part of the load, not of the desk.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage

SILENCE_SECONDS = 60.0


async def take(url: str, queues: list[str], count: int) -> dict[str, Any]:
    """The offers of `count` tickets. Raises `TimeoutError` when none comes for a minute."""
    arrived: dict[str, float] = {}
    changed = asyncio.Event()
    tags: dict[Any, list[int]] = {}

    def note(message: AbstractIncomingMessage) -> None:
        ticket = json.loads(message.body)["subject"]
        arrived.setdefault(ticket, time.monotonic())
        changed.set()

    connection = await aio_pika.connect(url)
    for name in queues:
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=2000)
        queue = await channel.get_queue(name, ensure=False)
        pending = tags.setdefault(channel, [])

        async def on_message(message: AbstractIncomingMessage, pending: list[int] = pending) -> None:
            note(message)
            assert message.delivery_tag is not None
            pending.append(message.delivery_tag)

        await queue.consume(on_message)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while len(arrived) < count:
        async with asyncio.timeout(SILENCE_SECONDS):
            await changed.wait()
        changed.clear()
        await _acknowledge(tags)
        await asyncio.sleep(0.05)
    await _acknowledge(tags)
    for channel in tags:
        await channel.close()  # answered by the broker after it has taken the acknowledgements
    await connection.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"arrived": arrived, "processor_seconds": used.ru_utime + used.ru_stime}


async def _acknowledge(tags: dict[Any, list[int]]) -> None:
    for channel, pending in tags.items():
        if pending:
            last = max(pending)
            pending.clear()  # before anything is awaited: more may come meanwhile
            underlying = await channel.get_underlay_channel()
            await underlying.basic_ack(last, multiple=True)


def main() -> None:
    """Do as standard input says."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(take(**json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main()
