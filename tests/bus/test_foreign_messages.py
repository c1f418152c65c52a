"""Messages that others published, with whatever they put into them."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiormq
import pytest
from aiormq import spec
from aiormq.abc import ChannelFrame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from bus.driving import bodies, message, one_queue, publish, receive_and_ack
from bus.operators import Operator
from tierdesk_bus import Bus


async def test_a_message_without_an_id_has_the_empty_one(bus: Bus, operator: Operator) -> None:
    await bus.declare(one_queue())
    await operator.put_message_without_id("q", b"anonymous")
    (delivery,) = await receive_and_ack(await bus.consume("q", prefetch=9), 1)
    assert (delivery.id, delivery.body, delivery.content_type) == ("", b"anonymous", "")
    assert dict(delivery.headers) == {}


A_TIME = datetime(2026, 11, 22, tzinfo=UTC)
PLACEHOLDER = "XXXXXXXX"


def _no_utf8(payload: bytes) -> bytes:
    assert PLACEHOLDER.encode() in payload
    return payload.replace(PLACEHOLDER.encode(), b"\xff\xfe" * 4)


def _beyond_the_calendar(payload: bytes) -> bytes:
    stamp = struct.pack(">Q", int(A_TIME.timestamp()))
    assert stamp in payload
    return payload.replace(stamp, b"\xff" * 8)


POISON: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
    "an id that is no UTF-8": ({"message_id": PLACEHOLDER}, _no_utf8),
    "a type that is no UTF-8": ({"message_type": PLACEHOLDER}, _no_utf8),
    "a header name that is no UTF-8": ({"headers": {PLACEHOLDER: "x"}}, _no_utf8),
    "a header value that is no UTF-8": ({"headers": {"x": PLACEHOLDER}}, _no_utf8),
    "a time beyond the calendar": ({"timestamp": A_TIME}, _beyond_the_calendar),
    "a header time beyond the calendar": ({"headers": {"x": A_TIME}}, _beyond_the_calendar),
    "headers of all types": (
        {"headers": {"a": 1, "b": None, "c": [1, {"d": True}], "x-delivery-count": "many"}},
        bytes,
    ),
    "a negative delivery count": ({"headers": {"x-delivery-count": -5}}, bytes),
}


async def _publish_raw(url: str, key: str, properties: dict[str, Any], spoil: Callable[[bytes], bytes]) -> None:
    """Publish what no client library would: the frames are made with a placeholder and spoiled on their way out."""
    async with aiormq.connect(url) as connection:
        channel = await connection.channel()
        assert isinstance(channel, aiormq.Channel)
        channel.delivery_tag += 1
        confirmed = channel.create_future()
        channel.confirmations[channel.delivery_tag] = confirmed
        frame = ChannelFrame.marshall(
            channel.number,
            [
                spec.Basic.Publish(exchange="events", routing_key=key),
                ContentHeader(body_size=4, properties=spec.Basic.Properties(**properties)),
                ContentBody(b"evil"),
            ],
        )
        await channel.write_queue.put(ChannelFrame(payload=spoil(frame.payload), should_close=False))
        assert isinstance(await confirmed, spec.Basic.Ack)


@pytest.mark.parametrize("adapter", ["amqp"], indirect=True)
@pytest.mark.parametrize("kind", POISON)
async def test_what_cannot_be_decoded_is_delivered_as_far_as_it_can_and_the_rest_goes_on(
    bus: Bus, amqp_url: str, kind: str
) -> None:
    await bus.declare(one_queue())
    properties, spoil = POISON[kind]
    await publish(bus, [message("a", b"before")])
    await _publish_raw(amqp_url, "a", properties, spoil)
    await publish(bus, [message("a", b"after")])
    arrived = await receive_and_ack(await bus.consume("q", prefetch=9), 3)
    assert bodies(arrived) == [b"before", b"evil", b"after"]
    assert all(isinstance(value, str) for delivery in arrived for value in delivery.headers.values())
    assert [delivery.redeliveries for delivery in arrived] == [0, 0, 0]


@pytest.mark.parametrize("adapter", ["amqp"], indirect=True)
async def test_a_key_that_is_no_utf8_is_delivered_with_a_replacement(bus: Bus, amqp_url: str) -> None:
    await bus.declare(one_queue())
    await _publish_raw(amqp_url, PLACEHOLDER, {}, _no_utf8)
    (delivery,) = await receive_and_ack(await bus.consume("q", prefetch=9), 1)
    assert delivery.key == "\N{REPLACEMENT CHARACTER}" * 8
