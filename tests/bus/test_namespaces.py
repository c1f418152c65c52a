"""The walls between namespaces, and what a vendor may do behind one."""

import time
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

from bus.driving import depth_becomes, message, numbered, one_queue, publish, receive, receive_and_ack
from bus.operators import AmqpOperator, Operator
from tierdesk_bus import (
    Address,
    Binding,
    Bus,
    BusError,
    Exchange,
    Message,
    NamespaceMissingError,
    PublishResult,
    Queue,
    Topology,
)
from tierdesk_bus.postgres.connections import split_namespace


async def test_a_namespace_is_made_by_declaring_and_its_messages_stay_in_it(bus: Bus) -> None:
    await bus.declare(one_queue() + one_queue(namespace="acme") + one_queue(namespace="umbrella"))
    await publish(bus, [message("a", b"acme", namespace="acme"), message("a", b"home")])
    at_home, at_acme = await bus.consume("q", prefetch=9), await bus.consume("q", prefetch=9, namespace="acme")
    at_umbrella = await bus.consume("q", prefetch=9, namespace="umbrella")
    (home,) = await receive_and_ack(at_home, 1)
    (acme,) = await receive_and_ack(at_acme, 1)
    assert (home.namespace, home.body, acme.namespace, acme.body) == ("", b"home", "acme", b"acme")
    for consumer in (at_home, at_acme, at_umbrella):
        assert await consumer.receive(9, timeout_seconds=0.3) == []
    assert await bus.depth("q", namespace="umbrella") == 0


async def test_a_missing_namespace_spares_the_messages_to_others(bus: Bus) -> None:
    await bus.declare(one_queue() + one_queue(namespace="acme"))
    batch = [message("a"), message("a", namespace="missing"), message("a", namespace="acme")]
    for _ in range(3):
        started = time.monotonic()
        home, missing, acme = await bus.publish(batch, timeout_seconds=8)
        assert home == acme == PublishResult.CONFIRMED
        assert missing in {PublishResult.UNKNOWN, PublishResult.RETURNED}
        assert time.monotonic() - started < 4


async def test_a_namespace_that_was_missing_works_once_it_is_declared(bus: Bus) -> None:
    await bus.declare(one_queue())
    assert await bus.publish([message("a", namespace="late")], timeout_seconds=5) != [PublishResult.CONFIRMED]
    await bus.declare(one_queue(namespace="late"))
    assert await bus.publish([message("a", namespace="late")], timeout_seconds=5) == [PublishResult.CONFIRMED]


async def test_without_the_management_api_a_missing_virtual_host_is_told_by_name(connect_bus, amqp_url: str) -> None:
    bus = await connect_bus(amqp_url, management_url=None)
    with pytest.raises(NamespaceMissingError, match=r"nobody-made-this.*add_vhost"):
        await bus.declare(one_queue(namespace="nobody-made-this"))
    await bus.declare(one_queue())
    await publish(bus, [message("a")])


async def test_declaring_twice_changes_nothing(bus: Bus, connect_bus, bus_url: str) -> None:
    topology = one_queue(max_length=100) + one_queue("single", single_active=True)
    await bus.declare(topology)
    await publish(bus, numbered(3))
    await bus.declare(topology)
    await (await connect_bus(bus_url)).declare(topology)
    await depth_becomes(bus, "q", 3)


@pytest.mark.parametrize(
    "contradiction",
    [
        Topology((Exchange("events", kind="fanout"),)),
        Topology(queues=(Queue("q", single_active=True),)),
        Topology(bindings=(Binding("q", "missing"),)),
        Topology(bindings=(Binding("missing", "events"),)),
    ],
)
async def test_a_declaration_that_contradicts_what_exists_is_an_error_and_the_bus_works_on(
    bus: Bus, contradiction: Topology
) -> None:
    await bus.declare(one_queue())
    with pytest.raises(BusError):
        await bus.declare(contradiction)
    await publish(bus, [message("a")])
    assert len(await receive_and_ack(await bus.consume("q", prefetch=9), 1)) == 1


async def test_home_is_the_namespace_that_a_postgres_url_names(connect_bus, postgres_url: str) -> None:
    desk = await connect_bus(postgres_url, namespace_prefix="v-")
    vendor = await connect_bus(f"{postgres_url}?namespace=v-acme")
    await desk.declare(one_queue("work", namespace="acme"))
    await publish(desk, [message("a", b"offer", namespace="acme")])
    (delivery,) = await receive_and_ack(await vendor.consume("work", prefetch=9), 1)
    assert (delivery.body, delivery.namespace) == (b"offer", "")
    with pytest.raises(BusError):
        await desk.depth("work")


@pytest.mark.parametrize(
    ("url", "rest", "home"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d", ""),
        ("postgresql://u:p@h:1/d?namespace=v-acme", "postgresql://u:p@h:1/d", "v-acme"),
        ("postgresql:///d?host=%2Frun%2Fpg&namespace=x&user=u", "postgresql:///d?host=%2Frun%2Fpg&user=u", "x"),
    ],
)
def test_the_server_is_not_told_of_the_namespace(url: str, rest: str, home: str) -> None:
    assert split_namespace(url) == (rest, home)


WORK = Exchange("tierdesk.work", namespace="acme")
INBOUND = Exchange("inbound", kind="fanout", namespace="acme")
VENDOR = Topology(
    (WORK, INBOUND),
    (Queue("work", namespace="acme", single_active=True), Queue("inbound", namespace="acme")),
    (Binding("work", "tierdesk.work", namespace="acme"), Binding("inbound", "inbound", namespace="acme")),
)


@pytest.mark.parametrize("adapter", ["amqp"], indirect=True)
async def test_a_vendor_can_take_its_work_and_answer_and_nothing_else(
    bus: Bus, operator: Operator, connect_bus, amqp_url: str
) -> None:
    assert isinstance(operator, AmqpOperator)
    await bus.declare(VENDOR)
    vhost = f"{operator.vhost}-acme"
    await operator.create_user("acme-vendor", "secret", vhost=vhost, configure="^$", write="^inbound$", read="^work$")
    host = urlsplit(amqp_url).netloc.rpartition("@")[2]
    vendor_url = urlunsplit(("amqp", f"acme-vendor:secret@{host}", "/" + quote(vhost, safe=""), "", ""))
    vendor = await connect_bus(vendor_url, management_url=None)
    await vendor.ping()

    await publish(bus, [message("l4", b"offer", exchange="tierdesk.work", namespace="acme")])
    (offer,) = await receive_and_ack(await vendor.consume("work", prefetch=9), 1)
    assert offer.body == b"offer"

    def say(exchange: str, namespace: str = "") -> Message:
        return Message("1", "t", Address(namespace, exchange, "work"), b"outcome")

    fates = await vendor.publish(
        [say("inbound"), say("tierdesk.work"), say(""), say("inbound", "elsewhere")], timeout_seconds=5
    )
    assert fates == [PublishResult.CONFIRMED] + [PublishResult.UNKNOWN] * 3
    inbound = await bus.consume("inbound", prefetch=9, namespace="acme")
    (outcome,) = await receive_and_ack(inbound, 1)
    assert (outcome.namespace, outcome.body) == ("acme", b"outcome")

    await inbound.close()
    await publish(bus, [Message("2", "t", Address("acme", "inbound", ""), b"of the desk")])
    spying = await vendor.consume("inbound", prefetch=9)
    assert await spying.receive(9, timeout_seconds=1) == []
    for forbidden in (
        Topology(queues=(Queue("own"),)),
        Topology((Exchange("own"),)),
        Topology(bindings=(Binding("work", "inbound"),)),
    ):
        with pytest.raises(BusError):
            await vendor.declare(forbidden)
    assert len(await receive(await bus.consume("inbound", prefetch=9, namespace="acme"), 1)) == 1
