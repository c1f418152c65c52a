"""What publish answers, and that it never says more than is so."""

import asyncio
import time

import pytest

from bus.driving import (
    EVENTS,
    bodies,
    eventually,
    message,
    numbered,
    one_queue,
    publish,
    publish_at_last,
    receive_and_ack,
)
from servers.proxy import FaultProxy
from tierdesk_bus import Address, Bus, Exchange, Message, PublishResult, Topology
from tierdesk_bus.amqp import AmqpBus
from tierdesk_bus.port import HOME, MAX_BODY_BYTES

C, R, N, U = PublishResult.CONFIRMED, PublishResult.RETURNED, PublishResult.NACKED, PublishResult.UNKNOWN


async def test_an_unroutable_message_is_returned_and_its_neighbours_are_confirmed(bus: Bus) -> None:
    await bus.declare(one_queue(pattern="a"))
    fates = await bus.publish([message("a"), message("nobody"), message("a")], timeout_seconds=5)
    assert fates == [C, R, C]
    assert len(await receive_and_ack(await bus.consume("q", prefetch=10), 2)) == 2


async def test_messages_of_one_id_in_one_batch_each_get_their_own_answer(bus: Bus) -> None:
    await bus.declare(one_queue(pattern="a"))
    keys = ["a", "nobody", "a", "nobody", "nobody", "a"]
    fates = await bus.publish([message(key, name="same") for key in keys], timeout_seconds=5)
    assert fates == [C if key == "a" else R for key in keys]


async def test_messages_of_one_id_in_batches_at_once_each_get_their_own_answer(bus: Bus) -> None:
    await bus.declare(one_queue(pattern="a"))
    good, bad = [message("a", name="same")] * 20, [message("nobody", name="same")] * 20
    fates = await asyncio.gather(*(bus.publish(batch, timeout_seconds=10) for batch in (good, bad, good, bad)))
    assert fates == [[C] * 20, [R] * 20, [C] * 20, [R] * 20]


async def test_a_missing_exchange_spares_the_messages_to_others(bus: Bus) -> None:
    await bus.declare(one_queue())
    fates = await bus.publish([message("a"), message("a", exchange="missing"), message("a")], timeout_seconds=5)
    assert fates[0] == fates[2] == C
    assert fates[1] in {R, U}


@pytest.mark.parametrize("adapter", ["amqp"], indirect=True)
async def test_a_large_batch_to_a_missing_exchange_costs_the_others_no_connection(bus: Bus) -> None:
    """What is written to a channel after its close was answered would end the connection, and all publishes on it."""
    await bus.declare(one_queue())
    await publish(bus, [message("a")])
    assert isinstance(bus, AmqpBus)
    connection = bus._host(HOME).publishing.connection
    done = asyncio.Event()

    async def publish_to_nowhere() -> None:
        for _ in range(10):
            fates = await bus.publish(numbered(400, exchange="missing"), timeout_seconds=10)
            assert set(fates) == {U}
        done.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish_to_nowhere())
        while not done.is_set():
            await publish(bus, numbered(20))
    assert connection is not None
    assert not connection.is_closed
    assert bus._host(HOME).publishing.connection is connection


async def test_an_exchange_that_was_missing_works_once_it_is_declared(bus: Bus) -> None:
    await bus.declare(one_queue())
    assert await bus.publish([message("a", exchange="late")], timeout_seconds=5) != [C]
    await bus.declare(Topology((Exchange("late"),)) + one_queue())
    assert await bus.publish([message("a", exchange="late")], timeout_seconds=5) == [R]


async def test_a_full_queue_refuses_what_is_too_much_and_keeps_what_it_has(bus: Bus) -> None:
    await bus.declare(one_queue("small", max_length=5, pattern="small") + one_queue("large", pattern="large"))

    async def one_more_is(fate: PublishResult) -> bool:
        return await bus.publish([message("small")], timeout_seconds=5) == [fate]

    await eventually(lambda: one_more_is(N))  # RabbitMQ counts, and applies a policy, in its own time
    held = await bus.depth("small")
    fates = await bus.publish([message("small"), message("large"), message("small")], timeout_seconds=5)
    assert fates == [N, C, N]
    assert await bus.depth("small") == held
    consumer = await bus.consume("small", prefetch=100)
    await receive_and_ack(consumer, held)
    await eventually(lambda: one_more_is(C))


async def test_a_limit_counts_within_a_batch(connect_bus, postgres_url: str) -> None:
    bus = await connect_bus(postgres_url)
    await bus.declare(one_queue(max_length=3))
    assert await bus.publish(numbered(5), timeout_seconds=5) == [C, C, C, N, N]
    assert bodies(await receive_and_ack(await bus.consume("q", prefetch=9), 3)) == [b"0", b"1", b"2"]


async def test_a_message_refused_by_one_of_its_queues_is_stored_in_none(connect_bus, postgres_url: str) -> None:
    bus = await connect_bus(postgres_url)
    await bus.declare(one_queue("small", max_length=0) + one_queue("large"))
    assert await bus.publish([message("a")], timeout_seconds=5) == [N]
    assert await bus.depth("large") == 0


async def test_an_empty_batch_has_no_answers(bus: Bus) -> None:
    assert await bus.publish([], timeout_seconds=1) == []


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_072, 1024 * 1024])
async def test_a_body_of_any_size_arrives_as_it_was(bus: Bus, size: int) -> None:
    await bus.declare(one_queue())
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await publish(bus, [message("a", body), message("a", b"after")])
    assert bodies(await receive_and_ack(await bus.consume("q", prefetch=10), 2)) == [body, b"after"]


async def test_a_message_arrives_with_all_that_was_said_of_it(bus: Bus) -> None:
    await bus.declare(one_queue())
    sent = Message(
        "id-ü", "ticket.opened.v1", Address("", "events", "ticket.opened.v1"), b"\x00\xff", {"traceparent": "00-ä"}
    )
    await publish(bus, [sent])
    (delivery,) = await receive_and_ack(await bus.consume("q", prefetch=10), 1)
    assert (delivery.namespace, delivery.queue, delivery.key) == ("", "q", "ticket.opened.v1")
    assert (delivery.id, delivery.body, delivery.content_type) == (sent.id, sent.body, sent.content_type)
    assert dict(delivery.headers) == {"traceparent": "00-ä"}
    assert delivery.redeliveries == 0


async def test_a_batch_beyond_the_window_is_confirmed_whole_and_in_order(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, numbered(2500))
    arrived = await receive_and_ack(await bus.consume("q", prefetch=500), 2500, limit=100)
    assert [int(body) for body in bodies(arrived)] == list(range(2500))


async def test_many_publish_at_once_and_each_keeps_its_own_order(bus: Bus) -> None:
    await bus.declare(one_queue())

    async def publish_all(key: str) -> None:
        for first in range(0, 100, 20):
            await publish(bus, numbered(20, key, first=first))

    await asyncio.gather(*(publish_all(f"k{index}") for index in range(8)))
    arrived = await receive_and_ack(await bus.consume("q", prefetch=400), 800)
    for index in range(8):
        assert [int(delivery.body) for delivery in arrived if delivery.key == f"k{index}"] == list(range(100))


async def test_publishing_goes_on_after_a_publish_was_cancelled(bus: Bus) -> None:
    await bus.declare(one_queue())
    for pause in (0.0, 0.001, 0.01):
        task = asyncio.create_task(bus.publish(numbered(300, "cancelled"), timeout_seconds=5))
        await asyncio.sleep(pause)
        task.cancel()
        await asyncio.wait([task])
    assert set(await bus.publish([message("a"), message("a")], timeout_seconds=10)) == {C}


@pytest.mark.parametrize("scheme", ["amqp", "postgresql"])
async def test_publish_answers_unknown_in_time_while_the_server_is_unreachable(
    connect_bus, scheme: str, unused_port: int
) -> None:
    bus = await connect_bus(f"{scheme}://u:p@127.0.0.1:{unused_port}/x", wait_seconds=0.1)
    started = time.monotonic()
    assert await bus.publish([message("a"), message("b")], timeout_seconds=0.5) == [U, U]
    assert time.monotonic() - started < 1.5


async def test_publish_answers_unknown_in_time_while_the_network_stalls_and_confirms_after(
    connect_bus, bus_url: str
) -> None:
    async with FaultProxy(bus_url) as proxy:
        bus = await connect_bus(proxy.url)
        await bus.declare(one_queue())
        await publish(bus, numbered(10))
        proxy.stall()
        started = time.monotonic()
        fates = await bus.publish(numbered(10, first=10), timeout_seconds=0.7)
        assert fates == [U] * 10
        assert time.monotonic() - started < 2.0
        proxy.flow()
        await publish_at_last(bus, numbered(10, first=20))
        seen: set[int] = set()
        consumer = await bus.consume("q", prefetch=100)
        async with asyncio.timeout(20):
            while not seen >= {*range(10), *range(20, 30)}:
                batch = await consumer.receive(100, timeout_seconds=1)
                await consumer.ack(batch)
                seen |= {int(body) for body in bodies(batch)}


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "x" * 256},
        {"type": "ü" * 128},
        {"id": "a\0b"},
        {"address": Address("", "events", "k" * 256)},
        {"body": bytes(MAX_BODY_BYTES + 1)},
        {"headers": {"CC": "elsewhere"}},
        {"headers": {"x": "y" * 70_000}},
        {"headers": {str(number): "" for number in range(10_000)}},
        {"headers": {"x": "a\0"}},
    ],
)
def test_a_message_that_would_close_the_channel_cannot_be_made(fields: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        Message(**({"id": "1", "type": "t", "address": Address("", "events", "a"), "body": b""} | fields))


async def test_the_largest_headers_allowed_arrive(bus: Bus) -> None:
    await bus.declare(Topology((EVENTS,)) + one_queue())
    headers = {f"{number:04}": "v" * 90 for number in range(655)}
    await publish(bus, [Message("1", "t", Address("", "events", "a"), b"", headers)])
    (delivery,) = await receive_and_ack(await bus.consume("q", prefetch=10), 1)
    assert dict(delivery.headers) == headers
