"""Programs between exchange and queue: one that repeats every message, one that shuffles a queue."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage, AbstractQueue

from tierdesk_contracts.names import EVENTS, OUTCOMES, WORK

from .broker_access import Broker
from .field import Ground
from .scale import SEED

EXCHANGES = (EVENTS, OUTCOMES, WORK)
BLOCK = 50
BLOCK_SECONDS = 0.3
_MARK = "x-repeated"


@contextlib.asynccontextmanager
async def repeating(ground: Ground, copies: int) -> AsyncIterator[list[int]]:
    """Publish each message `copies` times more; answers a list of one number: how many copies so far."""
    count = [0]
    async with _channel(ground) as channel:
        queue = await channel.declare_queue("test.repeated", exclusive=True)
        for name in EXCHANGES:
            await queue.bind(name, routing_key="#")

        async def repeat(message: AbstractIncomingMessage) -> None:
            if _MARK not in message.headers:
                exchange = await channel.get_exchange(message.exchange or "", ensure=False)
                for _ in range(copies):
                    await exchange.publish(_copy(message), routing_key=message.routing_key or "", mandatory=False)
                    count[0] += 1
            await message.ack()

        tag = await queue.consume(repeat)
        yield count
        while (await queue.declare()).message_count:  # noqa: ASYNC110 - nothing tells of an empty queue
            await asyncio.sleep(0.1)
        await queue.cancel(tag)


@contextlib.asynccontextmanager
async def shuffling(ground: Ground, queues: Sequence[str]) -> AsyncIterator[list[int]]:
    """Put what goes into these queues out of order within 50 messages; answers how many were, as `repeating` does."""
    count = [0]
    broker = Broker(ground)
    stop = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(broker.close)
        tasks = [
            asyncio.create_task(_shuffle(await stack.enter_async_context(_channel(ground)), broker, queue, stop, count))
            for queue in queues
        ]
        try:
            yield count
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def _shuffle(
    channel: AbstractChannel, broker: Broker, queue_name: str, stop: asyncio.Event, count: list[int]
) -> None:
    """Take the queue's bindings over, and hand on block by block; give them back at the end."""
    dice = random.Random(f"{SEED} {queue_name}")
    exchange = OUTCOMES if queue_name == "router.outcomes" else EVENTS
    patterns = await broker.bindings_of(queue_name, exchange)
    detour = await channel.declare_queue(f"test.shuffled.{queue_name}", exclusive=True)
    target = await channel.get_queue(queue_name, ensure=False)
    # A way of its own, since the routing key must stay what it is.
    way = await channel.declare_exchange(f"test.way.{queue_name}", aio_pika.ExchangeType.FANOUT)
    await target.bind(way)
    for pattern in patterns:
        await detour.bind(exchange, routing_key=pattern)
    loop = asyncio.get_running_loop()
    unbind_at = 0.0
    while not stop.is_set():
        if loop.time() >= unbind_at:  # the services declare their bindings again now and then
            for pattern in patterns:
                await broker.unbind(queue_name, exchange, pattern)
            unbind_at = loop.time() + 2
        count[0] += await _hand_on(detour, way, dice)
    for pattern in patterns:
        await target.bind(exchange, routing_key=pattern)
        await detour.unbind(exchange, routing_key=pattern)
    while handed := await _hand_on(detour, way, dice):
        count[0] += handed


async def _hand_on(detour: AbstractQueue, way: AbstractExchange, dice: random.Random) -> int:
    """One block, shuffled; it is full, or has waited long enough."""
    loop = asyncio.get_running_loop()
    end = loop.time() + BLOCK_SECONDS
    block: list[AbstractIncomingMessage] = []
    while len(block) < BLOCK and loop.time() < end:
        message = await detour.get(no_ack=True, fail=False)
        if message is None:
            await asyncio.sleep(0.02)
        else:
            block.append(message)
    dice.shuffle(block)
    for message in block:
        await way.publish(_copy(message), routing_key=message.routing_key or "")
    return len(block)


def _copy(message: AbstractIncomingMessage) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        headers={**message.headers, _MARK: "1"},
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        type=message.type,
    )


@contextlib.asynccontextmanager
async def _channel(ground: Ground) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(ground.amqp_url)
    async with connection:
        yield await connection.channel(on_return_raises=False)
