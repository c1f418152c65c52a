"""AMQP frames in bytes, and the cutter that takes the frequent ones out of what a broker sends.

aiormq reads each frame by three awaits, decodes it attribute by attribute and starts a task for each delivery. At
thousands of messages a second that is most of a service's processor time. The cutter takes what belongs to messages,
in the moment in which it comes, and leaves all else to aiormq.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

METHOD: Final = 1
HEADER: Final = 2
BODY: Final = 3
END: Final = b"\xce"
FRAME_HEAD: Final = struct.Struct(">BHI")
"""Kind, channel, size of the payload. After the payload comes `END`."""

# The first four bytes of a method frame's payload.
CHANNEL_CLOSE: Final = struct.pack(">HH", 20, 40)
CHANNEL_CLOSE_OK: Final = struct.pack(">HH", 20, 41)
BASIC_RETURN: Final = struct.pack(">HH", 60, 50)
BASIC_DELIVER: Final = struct.pack(">HH", 60, 60)
BASIC_ACK: Final = struct.pack(">HH", 60, 80)
BASIC_NACK: Final = struct.pack(">HH", 60, 120)

_ENDINGS: Final = (CHANNEL_CLOSE, CHANNEL_CLOSE_OK)
_WITH_CONTENT: Final = (BASIC_DELIVER, BASIC_RETURN)
_WITHOUT_CONTENT: Final = (BASIC_ACK, BASIC_NACK)
_SMALLEST_FRAME: Final = FRAME_HEAD.size + 1
_BODY_SIZE: Final = struct.Struct(">4xQ")

Take = Callable[[bytes, bytes, bytes], None]
"""Called with a method's payload and, where content follows, with the payload of its header and the whole body."""


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Answer a whole frame."""
    return FRAME_HEAD.pack(kind, channel, len(payload)) + payload + END


class _Content:
    """A delivery or a return whose body has not come whole."""

    __slots__ = ("header", "method", "missing", "pieces")

    def __init__(self, method: bytes) -> None:
        self.method = method
        self.header = b""
        self.missing = 0
        self.pieces: list[bytes] = []


class FrameCutter:
    """Cuts the stream of one connection. It keeps back one incomplete frame, and of each channel one incomplete body."""

    def __init__(self) -> None:
        self._takers: dict[int, Take] = {}
        self._contents: dict[int, _Content] = {}
        self._rest = b""

    def divert(self, channel: int, take: Take) -> None:
        """Hand a channel's deliveries, returns and confirmations to `take`, and to nobody else.

        The last that it is handed is `CHANNEL_CLOSE` or `CHANNEL_CLOSE_OK`, before aiormq sees it and answers. What
        `take` raises ends the connection.
        """
        self._contents.pop(channel, None)
        self._takers[channel] = take

    def feed(self, data: bytes) -> bytes:
        """Take from the next bytes what is diverted; answer the whole frames that are not."""
        if self._rest:
            data = self._rest + data
        at, kept_from, end = 0, 0, len(data)
        others: list[bytes] = []
        while end - at >= _SMALLEST_FRAME:
            kind, channel, size = FRAME_HEAD.unpack_from(data, at)
            start = at + FRAME_HEAD.size
            stop = start + size
            if stop >= end:
                break
            take = self._takers.get(channel)
            if take is not None and data.startswith(END, stop) and self._divert(channel, kind, data[start:stop], take):
                others.append(data[kept_from:at])
                kept_from = stop + 1
            at = stop + 1
        others.append(data[kept_from:at])
        self._rest = data[at:]
        return b"".join(others)

    def end(self) -> bytes:
        """Answer what there is of an incomplete frame: no more will come."""
        rest, self._rest = self._rest, b""
        return rest

    def _divert(self, channel: int, kind: int, payload: bytes, take: Take) -> bool:
        if kind == METHOD:
            return self._divert_method(channel, payload, take)
        content = self._contents.get(channel)
        if content is None:
            return False
        if kind == HEADER:
            content.header = payload
            (content.missing,) = _BODY_SIZE.unpack_from(payload)
        else:
            content.pieces.append(payload)
            content.missing -= len(payload)
        if content.missing <= 0:
            del self._contents[channel]
            take(content.method, content.header, b"".join(content.pieces))
        return True

    def _divert_method(self, channel: int, payload: bytes, take: Take) -> bool:
        method = payload[:4]
        if method in _WITH_CONTENT:
            self._contents[channel] = _Content(payload)
            return True
        if method in _WITHOUT_CONTENT:
            take(payload, b"", b"")
            return True
        if method in _ENDINGS:
            del self._takers[channel]
            self._contents.pop(channel, None)
            take(payload, b"", b"")
        return False
