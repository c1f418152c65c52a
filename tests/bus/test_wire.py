"""What we write pamqp reads as it was meant, and what anyone writes we read as pamqp does."""

import struct
from datetime import UTC, datetime
from typing import Any

import pamqp.frame
import pytest
from aiormq import spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tierdesk_bus import Address, Message
from tierdesk_bus.amqp.wire import (
    AmqpTag,
    acks_of,
    confirmation_of,
    delivery_of,
    frames_of,
    message_id_of,
    read_leniently,
    requeues_of,
)
from tierdesk_bus.port import MAX_NAME_BYTES, ROUTING_HEADERS

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy


@pytest.fixture(autouse=True, scope="module")
def lenient_reading() -> None:
    read_leniently()


def fits(text: str) -> bool:
    """Whether a text can stand in a short string."""
    return len(text.encode()) <= MAX_NAME_BYTES


texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=255).filter(fits)
names = texts.filter(lambda text: text and text not in ROUTING_HEADERS)
messages = st.builds(
    Message,
    id=names,
    type=texts,
    address=st.builds(Address, st.just(""), texts, texts),
    body=st.binary(max_size=300),
    headers=st.dictionaries(names, st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=3),
    content_type=texts,
)


def unmarshal_all(data: bytes) -> list[tuple[int, Any]]:
    """The channel and the frame of each."""
    frames = []
    while data:
        used, channel, frame = pamqp.frame.unmarshal(data)
        frames.append((channel, frame))
        data = data[used:]
    return frames


@patiently
@given(messages, st.integers(1, 65_535), st.integers(1, 400))
def test_a_message_is_written_as_pamqp_reads_it(message: Message, channel: int, max_content_size: int) -> None:
    frames = unmarshal_all(b"".join(frames_of(message, channel=channel, max_content_size=max_content_size)))
    assert {number for number, _ in frames} == {channel}
    publish, header, *pieces = (frame for _, frame in frames)
    assert dict(publish) == {
        "ticket": 0,
        "exchange": message.address.exchange,
        "routing_key": message.address.key,
        "mandatory": True,
        "immediate": False,
    }
    assert (header.class_id, header.body_size) == (60, len(message.body))
    said = {name: value for name, value in header.properties if value}
    assert said == {
        name: value
        for name, value in {
            "content_type": message.content_type,
            "headers": dict(message.headers),
            "delivery_mode": 2,
            "message_id": message.id,
            "message_type": message.type,
        }.items()
        if value
    }
    assert b"".join(piece.value for piece in pieces) == message.body
    assert all(isinstance(piece, ContentBody) and 0 < len(piece.value) <= max_content_size for piece in pieces)


numbers = st.integers(1, 2**63 - 1)


@patiently
@given(st.integers(1, 65_535), st.integers(0, 2**63 - 1), st.lists(numbers, max_size=5))
def test_acknowledgements_are_written_as_pamqp_reads_them(channel: int, up_to: int, each: list[int]) -> None:
    acks = unmarshal_all(acks_of(channel, up_to=up_to, numbers=each))
    assert [(number, frame.name, frame.delivery_tag, frame.multiple) for number, frame in acks] == [
        (channel, "Basic.Ack", number, multiple)
        for number, multiple in [*([(up_to, True)] if up_to else []), *((number, False) for number in each)]
    ]
    nacks = unmarshal_all(requeues_of(channel, each))
    assert [(number, frame.name, *dict(frame).values()) for number, frame in nacks] == [
        (channel, "Basic.Nack", number, False, True) for number in each
    ]


def payload_of(frame: Any) -> bytes:
    """What stands in a frame between its head and its end."""
    return pamqp.frame.marshal(frame, 1)[7:-1]


@patiently
@given(st.sampled_from([spec.Basic.Ack, spec.Basic.Nack]), numbers, st.booleans())
def test_a_confirmation_is_read_as_it_was_meant(kind: Any, number: int, multiple: bool) -> None:
    assert confirmation_of(payload_of(kind(delivery_tag=number, multiple=multiple))) == (number, multiple)


values = st.recursive(
    st.text()
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.none()
    | st.just(datetime(2026, 11, 22, tzinfo=UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
short = st.text(max_size=40)
properties = st.fixed_dictionaries(
    {},
    optional={
        "content_type": short,
        "content_encoding": short,
        "headers": st.dictionaries(st.text(max_size=30) | st.just("x-delivery-count"), values, max_size=4),
        "delivery_mode": st.sampled_from([1, 2]),
        "priority": st.integers(0, 255),
        "correlation_id": short,
        "reply_to": short,
        "message_id": short,
        "timestamp": st.just(datetime(2026, 11, 22, tzinfo=UTC)),
        "message_type": short,
        "app_id": short,
    },
)


def read(header: bytes, *, key: str = "k", redelivered: bool = False, number: int = 1) -> Any:
    """The delivery that has this content header."""
    deliver = spec.Basic.Deliver(
        consumer_tag="ctag1.x", delivery_tag=number, redelivered=redelivered, exchange="exchange", routing_key=key
    )
    return delivery_of(payload_of(deliver), header, b"body", namespace="n", queue="q", generation=3)


@patiently
@given(properties, texts, st.booleans(), numbers)
def test_a_delivery_is_read_as_pamqp_reads_it(said: dict[str, Any], key: str, redelivered: bool, number: int) -> None:
    header = payload_of(ContentHeader(body_size=4, properties=spec.Basic.Properties(**said)))
    delivery = read(header, key=key, redelivered=redelivered, number=number)
    reference = ContentHeader()
    reference.unmarshal(header)
    assert (delivery.namespace, delivery.queue, delivery.key, delivery.body) == ("n", "q", key, b"body")
    assert delivery.tag == AmqpTag(3, number)
    assert delivery.id == message_id_of(header) == (reference.properties.message_id or "")
    assert delivery.content_type == (reference.properties.content_type or "")
    headers = reference.properties.headers or {}
    assert delivery.headers.keys() == headers.keys()
    assert all(delivery.headers[name] == value for name, value in headers.items() if isinstance(value, str))
    count = headers.get("x-delivery-count")
    counted = count if isinstance(count, int) and count > 0 else int(redelivered)
    assert delivery.redeliveries == counted


@patiently
@given(st.integers(0, 0xFFFF), st.binary(max_size=80))
def test_no_content_header_ends_the_connection(flags: int, rest: bytes) -> None:
    delivery = read(struct.pack(">HxxQH", 60, 4, flags) + rest)
    assert delivery.body == b"body"
    assert all(isinstance(text, str) for text in (delivery.id, delivery.content_type, *delivery.headers.values()))


@patiently
@given(properties, st.data())
def test_no_spoilt_byte_of_a_content_header_ends_the_connection(said: dict[str, Any], data: st.DataObject) -> None:
    header = bytearray(payload_of(ContentHeader(body_size=4, properties=spec.Basic.Properties(**said))))
    header[data.draw(st.integers(12, len(header) - 1))] = data.draw(st.integers(0, 255))
    assert read(bytes(header)).body == b"body"


def test_a_key_that_is_no_utf8_is_read_with_a_replacement() -> None:
    method = payload_of(spec.Basic.Deliver(consumer_tag="c", delivery_tag=1, exchange="e", routing_key="XXXX")).replace(
        b"XXXX", b"a\xff\xfeb"
    )
    header = payload_of(ContentHeader(body_size=0))
    assert delivery_of(method, header, b"", namespace="", queue="q", generation=1).key == "a\ufffd\ufffdb"
