"""Messages as AMQP properties and back.

What we send is checked where a `Message` is made. What others send is not ours to trust: a vendor may publish a key,
a header or an identifier that is no UTF-8, or a time beyond the calendar. pamqp raises for these while it reads, which
ends the connection; the message goes back to its queue, comes again, and no consumer of that connection lives.
`read_leniently` closes that trap for the process.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiormq import spec
from aiormq.abc import DeliveredMessage, FrameType
from pamqp import decode
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tierdesk_bus.port import Delivery, Message

_PERSISTENT = 2
_UNREADABLE_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_DELIVERY_COUNT = "x-delivery-count"

_Read = Callable[[bytes], tuple[int, Any]]


class AmqpTag(NamedTuple):
    """Which delivery of which channel; the numbers of one channel mean nothing on the next."""

    generation: int
    number: int


def frames_of(message: Message, *, max_content_size: int) -> list[FrameType]:
    """Answer the frames that publish a message: persistent and mandatory, always."""
    body = message.body
    header = ContentHeader(
        body_size=len(body),
        properties=spec.Basic.Properties(
            content_type=message.content_type,
            delivery_mode=_PERSISTENT,
            headers=dict(message.headers) or None,
            message_id=message.id,
            message_type=message.type,
        ),
    )
    address = message.address
    publish = spec.Basic.Publish(exchange=address.exchange, routing_key=address.key, mandatory=True)
    pieces = (ContentBody(body[at : at + max_content_size]) for at in range(0, len(body), max_content_size))
    return [publish, header, *pieces]


def delivery_of(message: DeliveredMessage, *, namespace: str, queue: str, generation: int) -> Delivery:
    """Answer what was delivered, whoever published it."""
    properties = message.header.properties
    headers = properties.headers or {}
    deliver = message.delivery
    assert isinstance(deliver, spec.Basic.Deliver)
    return Delivery(
        namespace=namespace,
        queue=queue,
        key=deliver.routing_key or "",
        id=properties.message_id or "",
        body=message.body,
        content_type=properties.content_type or "",
        headers={name: _text(value) for name, value in headers.items()},
        redeliveries=_redeliveries(headers.get(_DELIVERY_COUNT), redelivered=bool(deliver.redelivered)),
        tag=AmqpTag(generation, deliver.delivery_tag or 0),
    )


def _redeliveries(count: object, *, redelivered: bool) -> int:
    """Read a quorum queue's own count; a queue of another kind only says that there was one at least."""
    if isinstance(count, int) and count > 0:
        return count
    return int(redelivered)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    return str(value)


def _short_string(value: bytes) -> tuple[int, str]:
    length = value[0]
    return length + 1, value[1 : length + 1].decode(errors="replace")


def _or_else(read: _Read, fallback: _Read) -> _Read:
    def read_or_skip(value: bytes) -> tuple[int, Any]:
        try:
            return read(value)
        except (ValueError, OverflowError, OSError, struct.error, RecursionError):
            return fallback(value)

    return read_or_skip


def _skip_table(value: bytes) -> tuple[int, dict[str, Any]]:
    (length,) = struct.unpack_from(">I", value)
    return 4 + length, {}


def _skip_time(_: bytes) -> tuple[int, datetime]:
    return 8, _UNREADABLE_TIME


def read_leniently() -> None:
    """Make pamqp answer a replacement for what it cannot decode: headers are left out, other texts get U+FFFD.

    The tables of decoders belong to the process; calling it again changes nothing.
    """
    if decode.METHODS["shortstr"] is _short_string:
        return
    decode.METHODS["shortstr"] = _short_string
    decode.METHODS["timestamp"] = _or_else(decode.timestamp, _skip_time)
    decode.METHODS["table"] = _or_else(decode.field_table, _skip_table)
