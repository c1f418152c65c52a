"""What happens to consumers and publishes when connections, processes and queues go away."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bus.driving import (
    bodies,
    depth_becomes,
    message,
    numbered,
    one_queue,
    publish,
    publish_at_last,
    receive,
    receive_and_ack,
)
from bus.operators import Operator
from servers.proxy import FaultProxy
from tierdesk_bus import Bus, BusUnavailableError, connect
from tierdesk_bus.amqp.consuming import AmqpConsumer


async def test_after_all_connections_were_cut_consumers_come_back_and_nothing_confirmed_is_lost(
    bus: Bus, operator: Operator
) -> None:
    await bus.declare(one_queue("many") + one_queue("one", single_active=True))
    consumers = [await bus.consume(name, prefetch=50) for name in ("many", "one")]
    seen: list[set[int]] = [set(), set()]
    confirmed: set[int] = set()
    stop, published = asyncio.Event(), asyncio.Event()

    async def consume(index: int) -> None:
        while not (published.is_set() and seen[index] >= confirmed):
            batch = await consumers[index].receive(20, timeout_seconds=0.5)
            await asyncio.sleep(0.01)
            await consumers[index].ack(batch)
            seen[index] |= {int(body) for body in bodies(batch)}

    async def publish_on() -> None:
        first = 0
        while not stop.is_set():
            batch = numbered(20, first=first)
            await publish_at_last(bus, batch)
            confirmed.update(range(first, first + 20))
            first += 20
            await asyncio.sleep(0.02)
        published.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(publish_on())
        for index in range(2):
            tasks.create_task(consume(index))
        for _ in range(2):
            await asyncio.sleep(0.5)
            await operator.cut_all_connections()
        await asyncio.sleep(0.5)
        stop.set()
    assert len(confirmed) >= 40
    assert seen[0] >= confirmed
    assert seen[1] >= confirmed


async def test_a_deleted_queue_ends_no_consumer_and_one_of_its_name_is_served_again(
    bus: Bus, operator: Operator
) -> None:
    await bus.declare(one_queue())
    consumer = await bus.consume("q", prefetch=10)
    await publish(bus, numbered(2))
    out = await receive(consumer, 2)
    await operator.delete_queue("q")
    assert await consumer.receive(10, timeout_seconds=1.0) == []
    await consumer.ack(out)
    await bus.declare(one_queue())
    await publish(bus, numbered(2, first=2))
    assert bodies(await receive_and_ack(consumer, 2)) == [b"2", b"3"]


async def test_publishes_to_a_deleted_queue_are_returned(bus: Bus, operator: Operator) -> None:
    await bus.declare(one_queue())
    await publish(bus, [message("a")])
    await operator.delete_queue("q")
    assert await bus.publish([message("a")], timeout_seconds=5) == ["returned"]


@pytest.mark.parametrize("adapter", ["amqp"], indirect=True)
async def test_a_consumer_whose_channel_the_broker_closes_gets_its_messages_again(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(4))
    consumer, other = await bus.consume("q", prefetch=4), await bus.consume("other", prefetch=4)
    out = await receive(consumer, 4)
    assert isinstance(consumer, AmqpConsumer)
    # An acknowledgement of something unknown ends the channel as one that comes too late does, but at once.
    assert consumer._channel is not None
    await consumer._channel.basic_ack(4711)
    again = await receive(consumer, 4)
    assert bodies(again) == bodies(out)
    await consumer.ack(out)  # numbers of the old channel, which mean other messages on the new one
    assert await other.receive(1, timeout_seconds=0.2) == []
    await consumer.close()
    await depth_becomes(bus, "q", 4)


async def test_a_consumer_whose_network_stalls_comes_back_when_it_flows(connect_bus, bus_url: str) -> None:
    async with FaultProxy(bus_url) as proxy:
        bus = await connect_bus(proxy.url)
        direct = await connect_bus(bus_url)
        await bus.declare(one_queue())
        consumer = await bus.consume("q", prefetch=10)
        await publish(direct, numbered(3))
        out = await receive(consumer, 3)
        proxy.stall()
        started = time.monotonic()
        assert await consumer.receive(10, timeout_seconds=0.5) == []
        await asyncio.wait_for(consumer.ack(out[:1]), 20)
        assert time.monotonic() - started < 20
        await publish(direct, numbered(3, first=3))
        proxy.flow()
        seen: set[int] = set()
        async with asyncio.timeout(30):
            while not seen >= {3, 4, 5}:
                batch = await consumer.receive(10, timeout_seconds=1.0)
                await consumer.ack(batch)
                seen |= {int(body) for body in bodies(batch)}


@pytest.mark.parametrize("scheme", ["amqp", "postgresql"])
async def test_a_bus_without_a_server_receives_nothing_and_says_so_when_asked(
    connect_bus, scheme: str, unused_port: int
) -> None:
    started = time.monotonic()
    bus = await connect_bus(f"{scheme}://u:p@127.0.0.1:{unused_port}/x", wait_seconds=0.2)
    consumer = await bus.consume("q", prefetch=10)
    assert await consumer.receive(10, timeout_seconds=0.2) == []
    with pytest.raises(BusUnavailableError):
        await bus.ping()
    await consumer.close()
    assert time.monotonic() - started < 6


async def test_a_bus_that_was_made_before_its_server_answers_serves_when_it_does(connect_bus, bus_url: str) -> None:
    async with FaultProxy(bus_url) as proxy:
        proxy.stall()
        bus = await connect_bus(proxy.url, wait_seconds=0.2)
        consumer = await bus.consume("q", prefetch=10)
        assert await bus.publish([message("a")], timeout_seconds=0.2) == ["unknown"]
        proxy.flow()
        await bus.declare(one_queue())
        await publish_at_last(bus, [message("a", b"late")])
        assert set(bodies(await receive(consumer, 1))) == {b"late"}


async def test_ping_is_answered_while_the_server_is_there(bus: Bus) -> None:
    await bus.ping()


async def test_another_kind_of_url_is_refused() -> None:
    with pytest.raises(ValueError, match="redis"):
        await connect("redis://localhost", name="test")


CONSUMER = textwrap.dedent("""
    import asyncio, sys
    from tierdesk_bus import connect
    from tierdesk_bus.postgres import PostgresBus

    async def main() -> None:
        url, lease_seconds = sys.argv[1:]
        if url.startswith("postgresql"):
            bus = PostgresBus(url, name="child", namespace_prefix="", lease_seconds=float(lease_seconds))
        else:
            bus = await connect(url, name="child")
        consumer = await bus.consume("q", prefetch=5)
        deliveries = []
        while len(deliveries) < 5:
            deliveries += await consumer.receive(5, timeout_seconds=10)
        print("holding", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await consumer.ack(deliveries)
        print("acknowledged", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

    asyncio.run(main())
""")


@asynccontextmanager
async def _consumer_process(url: str, *, lease_seconds: float = 30) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CONSUMER,
        url,
        str(lease_seconds),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _says(process: asyncio.subprocess.Process, word: bytes) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert (await process.stdout.readline()).strip() == word


@pytest.mark.parametrize("single_active", [False, True])
async def test_what_a_killed_process_held_comes_to_another_within_seconds(
    bus: Bus, bus_url: str, single_active: bool
) -> None:
    await bus.declare(one_queue(single_active=single_active))
    await publish(bus, numbered(5))
    async with _consumer_process(bus_url) as process:
        await _says(process, b"holding")
        consumer = await bus.consume("q", prefetch=10)
        assert await consumer.receive(10, timeout_seconds=1.5) == []
        process.kill()
        started = time.monotonic()
        again = await receive_and_ack(consumer, 5)
        assert time.monotonic() - started < 5
        assert [int(body) for body in bodies(again)] == list(range(5))
        assert all(delivery.redeliveries > 0 for delivery in again)


@pytest.mark.parametrize("single_active", [False, True])
async def test_a_stalled_process_loses_its_lease_and_its_late_acknowledgement_does_nothing(
    connect_bus, postgres_url: str, single_active: bool
) -> None:
    bus = await connect_bus(postgres_url)
    await bus.declare(one_queue(single_active=single_active))
    await publish(bus, numbered(5))
    async with _consumer_process(postgres_url, lease_seconds=2) as process:
        await _says(process, b"holding")
        consumer = await bus.consume("q", prefetch=10)
        os.kill(process.pid, signal.SIGSTOP)
        again = await receive(consumer, 5)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdin is not None
        process.stdin.write(b"\n")
        await _says(process, b"acknowledged")
        await consumer.requeue(again)
        assert len(await receive_and_ack(consumer, 5)) == 5
        await depth_becomes(bus, "q", 0)


async def test_a_process_that_is_only_busy_keeps_its_lease(connect_bus, postgres_url: str) -> None:
    bus = await connect_bus(postgres_url)
    await bus.declare(one_queue())
    await publish(bus, numbered(5))
    async with _consumer_process(postgres_url, lease_seconds=1.5) as process:
        await _says(process, b"holding")
        consumer = await bus.consume("q", prefetch=10)
        assert await consumer.receive(10, timeout_seconds=4) == []
        assert process.stdin is not None
        process.stdin.write(b"\n")
        await _says(process, b"acknowledged")
        await depth_becomes(bus, "q", 0)
        assert await consumer.receive(10, timeout_seconds=1.5) == []
