"""Looking at a bus: what is there, who reads it, what its policies say; and nothing is made by it."""

import pytest

from bus.driving import PATIENCE_SECONDS, depth_becomes, eventually, message, one_queue, publish
from bus.operators import vhost_of
from tierdesk_bus import BusError, Queue, connect
from tierdesk_bus.inspection import inspect


@pytest.fixture
def look(bus_url, request):
    """Looks at queues of the bus."""
    amqp = bus_url.startswith("amqp")
    options = {"name": "look", "timeout_seconds": PATIENCE_SECONDS}
    if amqp:
        options["management_url"] = request.getfixturevalue("amqp_management_url")
        options["namespace_prefix"] = f"{vhost_of(bus_url)}-"
    return lambda *queues, **other: inspect(bus_url, queues, **(options | other))


async def test_it_tells_messages_readers_and_limits(bus, look, adapter):
    await bus.declare(
        one_queue(single_active=True) + one_queue("idle") + one_queue("full", namespace="acme", max_length=7)
    )
    await publish(bus, [message("a"), message("a")])
    queues = Queue("q", single_active=True), Queue("idle"), Queue("full", namespace="acme", max_length=7)
    state = await look(*queues)
    assert [one.queue for one in state.queues] == list(queues)
    assert [one.messages for one in state.queues] == [2, 2, 0]
    assert [one.consumers for one in state.queues] == ([0, 0, 0] if adapter == "amqp" else [0, None, None])

    async def limit_is_known():
        # RabbitMQ's management API tells of a new policy some seconds later.
        return (await look(queues[2])).queues[0].rules == {"max-length": 7, "overflow": "reject-publish"}

    await eventually(limit_is_known)
    assert "max-length" not in state.queues[0].rules
    assert state.product == {"postgres": "PostgreSQL", "amqp": "RabbitMQ"}[adapter]
    assert int(state.version.split(".")[0]) >= 3

    consumer = await bus.consume("q", prefetch=1)
    assert len(await consumer.receive(1, timeout_seconds=PATIENCE_SECONDS)) == 1
    await depth_becomes(bus, "q", 1)
    assert (await look(queues[0])).queues[0].consumers == 1
    await consumer.close()


async def test_without_any_process_on_it_a_bus_on_postgresql_has_no_readers(postgres_url):
    bus = await connect(postgres_url, name="test")
    await bus.declare(one_queue())
    await publish(bus, [message("a")])
    await bus.close()
    (state,) = (await inspect(postgres_url, [Queue("q")], name="look")).queues
    assert (state.messages, state.consumers) == (1, 0)


async def test_what_is_missing_is_told_and_not_made(bus, look):
    await bus.declare(one_queue())
    for _ in range(2):
        here, missing, elsewhere = (await look(Queue("q"), Queue("nothing"), Queue("q", namespace="nobody"))).queues
        assert here.fault == ""
        assert missing.fault
        assert elsewhere.fault


async def test_without_the_management_api_policies_are_unknown(bus, look, adapter):
    await bus.declare(one_queue())
    (state,) = (await look(Queue("q"), management_url=None)).queues
    assert (state.rules is None) == (adapter == "amqp")


async def test_a_bus_that_does_not_answer_is_told(unused_port):
    for scheme in ("amqp", "postgresql"):
        with pytest.raises(BusError):
            await inspect(f"{scheme}://guest:guest@127.0.0.1:{unused_port}/x", [], name="look", timeout_seconds=3)


async def test_an_empty_database_stays_empty(postgres_url):
    for _ in range(2):
        (state,) = (await inspect(postgres_url, [Queue("q")], name="look")).queues
        assert state.fault == "it does not exist"
