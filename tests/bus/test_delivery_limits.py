"""No queue drops a message for having been delivered often; one from before that was so is left as it is."""

from urllib.parse import quote

import pytest
import pytest_asyncio

from bus.driving import PATIENCE_SECONDS, depth_becomes, eventually, message, one_queue, publish, receive_and_ack
from bus.operators import AmqpOperator
from tierdesk_bus import Bus, BusError

OFTEN = 25
"""RabbitMQ 4 drops after 20 deliveries where nothing is said."""


@pytest_asyncio.fixture
async def server(amqp_url, amqp_management_url):
    """The broker, as an operator sees it."""
    operator = AmqpOperator(amqp_url, amqp_management_url)
    yield operator
    await operator.close()


@pytest_asyncio.fixture
async def rabbit(connect_bus, amqp_url) -> Bus:
    """A bus on RabbitMQ."""
    return await connect_bus(amqp_url)


async def arguments_of(server, name):
    found = await server.api.get(f"queues/{quote(server.vhost, safe='')}/{name}")
    return found.raise_for_status().json()["arguments"]


async def declare_as_before(server, name, **arguments):
    path = f"queues/{quote(server.vhost, safe='')}/{name}"
    document = {"durable": True, "arguments": {"x-queue-type": "quorum"} | arguments}
    (await server.api.put(path, json=document)).raise_for_status()


async def test_a_message_that_is_given_back_often_is_neither_dropped_nor_overtaken(bus: Bus) -> None:
    await bus.declare(one_queue())
    await publish(bus, [message("a", b"first"), message("a", b"second")])
    consumer = await bus.consume("q", prefetch=1)
    for _ in range(OFTEN):
        (delivery,) = await consumer.receive(1, timeout_seconds=PATIENCE_SECONDS)
        assert delivery.body == b"first"
        await consumer.requeue([delivery])
    assert [delivery.body for delivery in await receive_and_ack(consumer, 2)] == [b"first", b"second"]


async def test_a_queue_that_has_no_limit_yet_is_left_as_it_is_and_new_ones_beside_it_have_one(rabbit, server) -> None:
    await declare_as_before(server, "q")
    for _ in range(3):
        await rabbit.declare(one_queue() + one_queue("new", single_active=True))
    await publish(rabbit, [message("a")])
    await depth_becomes(rabbit, "q", 1)
    assert "x-delivery-limit" not in await arguments_of(server, "q")
    assert (await arguments_of(server, "new"))["x-delivery-limit"] > 1_000_000


async def test_a_queue_without_a_limit_that_is_deleted_is_made_anew_with_one(rabbit, server) -> None:
    await declare_as_before(server, "q")
    await rabbit.declare(one_queue())
    await server.delete_queue("q")
    await rabbit.declare(one_queue())

    async def is_limited():
        return (await arguments_of(server, "q"))["x-delivery-limit"] > 1_000_000

    await eventually(is_limited)


@pytest.mark.parametrize("other", [{"x-queue-type": "classic"}, {"x-single-active-consumer": True}])
async def test_a_queue_that_is_another_in_more_than_its_limit_is_refused_each_time(rabbit, server, other) -> None:
    await declare_as_before(server, "q", **other)
    for _ in range(2):
        with pytest.raises(BusError, match="PRECONDITION_FAILED"):
            await rabbit.declare(one_queue())
