"""Messages as AMQP frames and back.

What we send is checked where a `Message` is made. What others send is not ours to trust: a vendor may publish a key,
a header or an identifier that is no UTF-8, or a time beyond the calendar. pamqp raises for these while it reads, which
ends the connection; the message goes back to its queue, comes again, and no consumer of that connection lives.
`read_leniently` closes that trap for the process.
"""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pamqp import decode
from pamqp.header import ContentHeader

from tierdesk_bus.amqp.framing import BASIC_ACK, BASIC_NACK, BODY, END, FRAME_HEAD, HEADER, METHOD, frame
from tierdesk_bus.port import Delivery, Message

_PERSISTENT: Final = b"\x02"
_MANDATORY: Final = b"\x01"
_MULTIPLE: Final = 1
_REQUEUE: Final = 2
_UNREADABLE_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_DELIVERY_COUNT = "x-delivery-count"

_BASIC: Final = 60
_PUBLISH: Final = struct.pack(">HHH", _BASIC, 40, 0)
_HEADER_START: Final = struct.Struct(">BHIHxxQH")
_ANSWER: Final = struct.Struct(">BHI4sQB")
_ANSWER_SIZE: Final = 13
_CONFIRMATION: Final = struct.Struct(">4xQB")
_DELIVERED: Final = struct.Struct(">Q?")
_FLAGS: Final = struct.Struct(">12xH")
_SIZE: Final = struct.Struct(">I")
_NUMBER: Final = struct.Struct(">q")
_TEXT_HEAD: Final = struct.Struct(">BI")
_LONG_TEXT: Final = ord("S")
_LONG_NUMBER: Final = ord("l")

# Which properties follow in a content header, in this order.
_HAS_CONTENT_TYPE: Final = 1 << 15
_HAS_HEADERS: Final = 1 << 13
_HAS_DELIVERY_MODE: Final = 1 << 12
_HAS_MESSAGE_ID: Final = 1 << 7
_HAS_TYPE: Final = 1 << 5
_USUAL: Final = _HAS_CONTENT_TYPE | _HAS_HEADERS | _HAS_DELIVERY_MODE | _HAS_MESSAGE_ID | _HAS_TYPE

_Read = Callable[[bytes], tuple[int, Any]]


class _UnusualError(Exception):
    """Something stands in a content header that is left to pamqp."""


class AmqpTag(NamedTuple):
    """Which delivery of which channel; the numbers of one channel mean nothing on the next."""

    generation: int
    number: int


def frames_of(message: Message, *, channel: int, max_content_size: int) -> list[bytes]:
    """Answer the bytes that publish a message: persistent and mandatory, always."""
    address, body = message.address, message.body
    flags = _HAS_DELIVERY_MODE | _HAS_MESSAGE_ID
    content_type = kind = headers = b""
    if message.content_type:
        flags |= _HAS_CONTENT_TYPE
        content_type = _short_of_few(message.content_type)
    if message.type:
        flags |= _HAS_TYPE
        kind = _short_of_few(message.type)
    if message.headers:
        flags |= _HAS_HEADERS
        headers = _table(message.headers)
    properties = b"".join((content_type, headers, _PERSISTENT, _short(message.id), kind))
    size = _HEADER_START.size - FRAME_HEAD.size + len(properties)
    header = _HEADER_START.pack(HEADER, channel, size, _BASIC, len(body), flags) + properties + END
    frames = [_publish_frame(channel, address.exchange, address.key), header]
    for at in range(0, len(body), max_content_size):
        piece = body[at : at + max_content_size]
        frames += (FRAME_HEAD.pack(BODY, channel, len(piece)), piece, END)
    return frames


def acks_of(channel: int, *, up_to: int, numbers: Sequence[int]) -> bytes:
    """Answer the frames that acknowledge all up to a number, if it is not 0, and these one by one."""
    front = (_ANSWER.pack(METHOD, channel, _ANSWER_SIZE, BASIC_ACK, up_to, _MULTIPLE) + END,) if up_to else ()
    return b"".join(
        (*front, *(_ANSWER.pack(METHOD, channel, _ANSWER_SIZE, BASIC_ACK, number, 0) + END for number in numbers))
    )


def requeues_of(channel: int, numbers: Sequence[int]) -> bytes:
    """Answer the frames that give these back to the queue."""
    return b"".join(
        _ANSWER.pack(METHOD, channel, _ANSWER_SIZE, BASIC_NACK, number, _REQUEUE) + END for number in numbers
    )


def confirmation_of(method: bytes) -> tuple[int, bool]:
    """Answer the number that a broker's ack or nack names, and whether it means all up to it."""
    number, bits = _CONFIRMATION.unpack_from(method)
    return number, bool(bits & _MULTIPLE)


def message_id_of(header: bytes) -> str:
    """Answer the identifier in a content header."""
    return _read_properties(header)[1]


def delivery_of(method: bytes, header: bytes, body: bytes, *, namespace: str, queue: str, generation: int) -> Delivery:
    """Answer what was delivered, whoever published it."""
    at = 5 + method[4]  # after the consumer's tag
    number, redelivered = _DELIVERED.unpack_from(method, at)
    at += _DELIVERED.size
    at += 1 + method[at]  # after the exchange
    content_type, message_id, headers = _read_properties(header)
    return Delivery(
        namespace=namespace,
        queue=queue,
        key=method[at + 1 : at + 1 + method[at]].decode(errors="replace"),
        id=message_id,
        body=body,
        content_type=content_type,
        headers={name: _text(value) for name, value in headers.items()},
        redeliveries=_redeliveries(headers.get(_DELIVERY_COUNT), redelivered=redelivered),
        tag=AmqpTag(generation, number),
    )


def _read_properties(header: bytes) -> tuple[str, str, Mapping[str, Any]]:
    """Read content type, identifier and headers; pamqp reads what we do not send ourselves, as far as it gets."""
    try:
        return _read_usual_properties(header)
    except (_UnusualError, UnicodeDecodeError, IndexError, struct.error):
        content_header = ContentHeader()
        with contextlib.suppress(ValueError, IndexError, struct.error):
            content_header.unmarshal(header)
        properties = content_header.properties
        return properties.content_type or "", properties.message_id or "", properties.headers or {}


def _read_usual_properties(header: bytes) -> tuple[str, str, Mapping[str, Any]]:
    (flags,) = _FLAGS.unpack_from(header)
    if flags & ~_USUAL:
        raise _UnusualError
    at = _FLAGS.size
    content_type = message_id = ""
    headers: Mapping[str, Any] = {}
    if flags & _HAS_CONTENT_TYPE:
        start, at = at + 1, at + 1 + header[at]
        content_type = header[start:at].decode()
    if flags & _HAS_HEADERS:
        (size,) = _SIZE.unpack_from(header, at)
        start, at = at + 4, at + 4 + size
        headers = _read_usual_table(header, start, at)
    if flags & _HAS_DELIVERY_MODE:
        at += 1
    if flags & _HAS_MESSAGE_ID:
        start, at = at + 1, at + 1 + header[at]
        message_id = header[start:at].decode()
    if flags & _HAS_TYPE:
        at += 1 + header[at]
    if at != len(header):
        raise _UnusualError
    return content_type, message_id, headers


def _read_usual_table(header: bytes, at: int, end: int) -> dict[str, Any]:
    """Read texts and the numbers that RabbitMQ adds."""
    table: dict[str, Any] = {}
    while at < end:
        start, at = at + 1, at + 1 + header[at]
        name = header[start:at].decode()
        kind = header[at]
        if kind == _LONG_TEXT:
            (size,) = _SIZE.unpack_from(header, at + 1)
            start, at = at + 5, at + 5 + size
            table[name] = header[start:at].decode()
        elif kind == _LONG_NUMBER:
            (table[name],) = _NUMBER.unpack_from(header, at + 1)
            at += 9
        else:
            raise _UnusualError
    if at != end:
        raise _UnusualError
    return table


@functools.lru_cache(maxsize=4096)
def _publish_frame(channel: int, exchange: str, key: str) -> bytes:
    payload = b"".join((_PUBLISH, _short(exchange), _short(key), _MANDATORY))
    return frame(METHOD, channel, payload)


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data


_short_of_few = functools.lru_cache(maxsize=1024)(_short)


def _table(headers: Mapping[str, str]) -> bytes:
    fields = bytearray()
    for name, value in headers.items():
        data = value.encode()
        fields += _short(name) + _TEXT_HEAD.pack(_LONG_TEXT, len(data)) + data
    return _SIZE.pack(len(fields)) + fields


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
