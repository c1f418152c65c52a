"""Delivery: once to one consumer, in order, again if it was not acknowledged."""

import asyncio
import time

import pytest

from bus.driving import (
    bodies,
    depth_becomes,
    message,
    numbered,
    one_queue,
    publish,
    receive,
    receive_and_ack,
)
from tierdesk_bus import Bus, BusError, Consumer


async def test_a_message_comes_at_once_to_a_consumer_that_waits(bus: Bus) -> None:
    await bus.declare(one_queue())
    consumer = await bus.consume("q", prefetch=10)
    for _ in range(5):
        waiting = asyncio.create_task(consumer.receive(10, timeout_seconds=10))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await publish(bus, [message("a")])
        assert len(await waiting) == 1
        assert time.monotonic() - started < 0.5  # sooner than anything that looks once a second


async def test_receive_answers_nothing_when_its_time_is_over(bus: Bus) -> None:
    await bus.declare(one_queue())
    consumer = await bus.consume("q", prefetch=10)
    started = time.monotonic()
    assert await consumer.receive(10, timeout_seconds=0.3) == []
    assert 0.2 < time.monotonic() - started < 2
    await publish(bus, [message("a")])
    assert len(await receive_and_ack(consumer, 1)) == 1


async def test_one_consumer_gets_thousands_in_order_while_they_are_published(bus: Bus) -> None:
    await bus.declare(one_queue())
    consumer = await bus.consume("q", prefetch=400)

    async def publish_all() -> None:
        for first in range(0, 5000, 250):
            await publish(bus, numbered(250, first=first))

    publishing = asyncio.create_task(publish_all())
    arrived = await receive_and_ack(consumer, 5000, limit=200)
    await publishing
    assert [int(body) for body in bodies(arrived)] == list(range(5000))
    assert {delivery.redeliveries for delivery in arrived} == {0}
    await depth_becomes(bus, "q", 0)


async def test_competing_consumers_share_the_messages_and_each_comes_once(bus: Bus, connect_bus, bus_url: str) -> None:
    await bus.declare(one_queue())
    consumers = [await (await connect_bus(bus_url)).consume("q", prefetch=20) for _ in range(2)]
    consumers += [await bus.consume("q", prefetch=20) for _ in range(2)]
    seen: list[tuple[int, int]] = []
    done = asyncio.Event()

    async def work(number: int, consumer: Consumer) -> None:
        while not done.is_set():
            batch = await consumer.receive(10, timeout_seconds=0.2)
            seen.extend((number, int(body)) for body in bodies(batch))
            await asyncio.sleep(0.02)  # as work takes: else the first to come may take all
            await consumer.ack(batch)
            if len(seen) >= 1000:
                done.set()

    workers = [asyncio.create_task(work(number, consumer)) for number, consumer in enumerate(consumers)]
    for first in range(0, 1000, 50):
        await publish(bus, numbered(50, first=first))
    async with asyncio.timeout(20):
        await asyncio.gather(*workers)
    assert sorted(body for _, body in seen) == list(range(1000))
    assert {number for number, _ in seen} == {0, 1, 2, 3}
    await depth_becomes(bus, "q", 0)


async def test_looks_without_waiting_find_what_is_there(bus: Bus) -> None:
    await bus.declare(one_queue())
    consumer = await bus.consume("q", prefetch=20)
    found: list[int] = []
    async with asyncio.timeout(20):
        for number in range(5):
            await publish(bus, numbered(1, first=number))
            while len(found) <= number:
                batch = await consumer.receive(10, timeout_seconds=0.0)
                found += [int(body) for body in bodies(batch)]
                await asyncio.sleep(0.01)
    assert found == [0, 1, 2, 3, 4]


async def test_no_more_than_the_prefetch_is_out_until_something_is_acknowledged(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(30))
    consumer = await bus.consume("q", prefetch=8)
    out = await receive(consumer, 8)
    assert await consumer.receive(100, timeout_seconds=0.5) == []
    await depth_becomes(bus, "q", 22)
    await consumer.ack(out[:3])
    more = await receive(consumer, 3)
    assert await consumer.receive(100, timeout_seconds=0.5) == []
    assert bodies(more) == [b"8", b"9", b"10"]


async def test_receive_answers_no_more_than_asked_for(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(10))
    consumer = await bus.consume("q", prefetch=100)
    assert bodies(await receive(consumer, 3)) == [b"0", b"1", b"2"]
    assert bodies(await receive(consumer, 7)) == [str(number).encode() for number in range(3, 10)]


async def test_what_a_closed_consumer_did_not_acknowledge_comes_again_in_order_and_counted(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(10))
    first = await bus.consume("q", prefetch=6)
    out = await receive(first, 6)
    await first.ack([out[0], out[1], out[3]])
    await first.close()
    await depth_becomes(bus, "q", 7)
    second = await bus.consume("q", prefetch=100)
    again = await receive_and_ack(second, 7)
    assert bodies(again) == [b"2", b"4", b"5", b"6", b"7", b"8", b"9"]
    assert all(delivery.redeliveries > 0 for delivery in again[:3])
    assert again[-1].redeliveries == 0, "this one was still waiting"


async def test_acknowledgements_out_of_order_settle_what_they_name_and_nothing_else(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(12))
    consumer = await bus.consume("q", prefetch=100)
    out = await receive(consumer, 12)
    await consumer.ack([out[7], out[2]])
    await consumer.ack([out[1], out[0], out[3]])
    await consumer.ack([out[11]])
    await consumer.close()
    await depth_becomes(bus, "q", 6)
    rest = await receive_and_ack(await bus.consume("q", prefetch=100), 6)
    assert bodies(rest) == [b"4", b"5", b"6", b"8", b"9", b"10"]


async def test_acknowledging_twice_or_after_the_end_does_nothing(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(3))
    consumer = await bus.consume("q", prefetch=2)
    out = await receive(consumer, 2)
    await consumer.ack(out[:1])
    await consumer.ack(out[:1])
    await consumer.close()
    await consumer.ack(out)
    await consumer.requeue(out)
    await depth_becomes(bus, "q", 2)


async def test_what_is_requeued_comes_again(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(3))
    consumer = await bus.consume("q", prefetch=3)
    out = await receive(consumer, 3)
    await consumer.requeue([out[0], out[2]])
    again = await receive(consumer, 2)
    assert bodies(again) == [b"0", b"2"]
    assert all(delivery.redeliveries > 0 for delivery in again)
    await consumer.ack(out[:1])  # the first delivery of it was given back: this settles nothing
    await consumer.ack([again[1], out[1]])
    await consumer.close()
    await depth_becomes(bus, "q", 1)


async def test_a_receive_that_was_cancelled_loses_nothing(bus: Bus) -> None:
    await bus.declare(one_queue())
    consumer = await bus.consume("q", prefetch=50)
    seen: list[bytes] = []
    for round_number in range(20):
        await publish(bus, numbered(5, first=5 * round_number))
        receiving = asyncio.create_task(consumer.receive(5, timeout_seconds=5))
        await asyncio.sleep(0.0005 * round_number)
        receiving.cancel()
        await asyncio.wait([receiving])
        if not receiving.cancelled():
            await consumer.ack(receiving.result())
            seen += bodies(receiving.result())
    seen += bodies(await receive_and_ack(consumer, 100 - len(seen)))
    assert [int(body) for body in seen] == list(range(100))


async def test_only_one_consumer_of_a_single_active_queue_is_served_until_it_closes(
    bus: Bus, connect_bus, bus_url: str
) -> None:
    await bus.declare(one_queue(single_active=True))
    first = await bus.consume("q", prefetch=5)
    second = await (await connect_bus(bus_url)).consume("q", prefetch=5)
    third = await bus.consume("q", prefetch=5)
    await publish(bus, numbered(10))
    out = await receive(first, 5)
    for standby in (second, third):
        assert await standby.receive(5, timeout_seconds=1.5) == []
    await first.ack(out[:2])
    await first.close()
    started = time.monotonic()
    batches = [(consumer, await consumer.receive(5, timeout_seconds=3)) for consumer in (second, third)]
    assert time.monotonic() - started < 8
    ((successor, batch),) = [(consumer, batch) for consumer, batch in batches if batch]
    batch += await receive(successor, 5 - len(batch))
    assert bodies(batch) == [b"2", b"3", b"4", b"5", b"6"]


async def test_a_single_active_queue_keeps_the_order_through_a_change_of_consumer(
    bus: Bus, connect_bus, bus_url: str
) -> None:
    await bus.declare(one_queue(single_active=True))
    await publish(bus, numbered(60))
    seen: list[int] = []
    for _ in range(3):
        consumer = await (await connect_bus(bus_url)).consume("q", prefetch=15)
        out = await receive(consumer, 15)
        await consumer.ack(out[:10])
        seen += [int(body) for body in bodies(out[:10])]
        await consumer.close()
    seen += [int(body) for body in bodies(await receive_and_ack(await bus.consume("q", prefetch=50), 30))]
    assert seen == list(range(60))


async def test_closing_the_bus_gives_back_what_its_consumers_hold(connect_bus, bus_url: str, bus: Bus) -> None:
    await bus.declare(one_queue("one") + one_queue("two", single_active=True))
    other = await connect_bus(bus_url)
    await publish(bus, numbered(4))
    for name in ("one", "two"):
        assert len(await receive(await other.consume(name, prefetch=4), 4)) == 4
        await depth_becomes(bus, name, 0)
    await other.close()
    for name in ("one", "two"):
        await depth_becomes(bus, name, 4)
        assert len(await receive_and_ack(await bus.consume(name, prefetch=4), 4)) == 4


async def test_a_consumer_of_a_queue_that_is_not_there_yet_is_served_once_it_is(bus: Bus) -> None:
    consumer = await bus.consume("q", prefetch=10)
    assert await consumer.receive(10, timeout_seconds=0.2) == []
    await bus.declare(one_queue())
    await publish(bus, [message("a")])
    assert len(await receive_and_ack(consumer, 1)) == 1


async def test_many_consumers_of_one_bus_are_all_served(bus: Bus) -> None:
    names = [f"work.{number}" for number in range(40)]
    for name in names:
        await bus.declare(one_queue(name, pattern=name, single_active=True))
    consumers = [await bus.consume(name, prefetch=10) for name in names]
    await publish(bus, [message(name, name.encode()) for name in names])
    arrived = await asyncio.gather(*(receive_and_ack(consumer, 1) for consumer in consumers))
    assert [bodies(deliveries) for deliveries in arrived] == [[name.encode()] for name in names]


async def test_depth_counts_what_waits_and_not_what_is_out(bus: Bus) -> None:
    await bus.declare(one_queue())
    assert await bus.depth("q") == 0
    await publish(bus, numbered(7))
    await depth_becomes(bus, "q", 7)
    await receive(await bus.consume("q", prefetch=3), 3)
    await depth_becomes(bus, "q", 4)


async def test_the_depth_of_a_queue_that_does_not_exist_is_an_error_and_the_bus_works_on(bus: Bus) -> None:
    with pytest.raises(BusError, match="nothing-here"):
        await bus.depth("nothing-here")
    await bus.declare(one_queue())
    await publish(bus, [message("a")])
    await depth_becomes(bus, "q", 1)
