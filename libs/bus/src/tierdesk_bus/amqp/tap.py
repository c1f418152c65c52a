"""aiormq's connection, with the frames of messages taken out of it before it reads them.

What is relied on in aiormq has public names but no documentation, and all of it is named here: a connection opens its
stream by its `transport_factory` and reads frames from the `StreamReader` that it answers; a heartbeat counts as a sign
of life and is otherwise passed over; what is put into a channel's `write_queue` is written as it is, in that order.
`tests/bus/test_tap.py` looks at each.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiormq
from aiormq.abc import ChannelFrame
from aiormq.connection import DEFAULT_PORTS, Connection, TransportFactory
from yarl import URL

from tierdesk_bus.amqp.framing import END, FRAME_HEAD, FrameCutter, Take

SIGN_OF_LIFE_SECONDS = 1.0
"""While only diverted frames come, aiormq is shown a heartbeat so often: it calls a broker lost that it hears nothing of,
and a broker that sends deliveries sends no heartbeats."""
_HEARTBEAT = FRAME_HEAD.pack(8, 0, 0) + END


class DivertedReader(asyncio.StreamReader):
    """A stream that aiormq reads what is not diverted from."""

    def __init__(self, cutter: FrameCutter) -> None:
        super().__init__()
        self._cutter = cutter
        self._sign_at = time.monotonic()

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # typeshed asks for less than transports give
        """Take what comes from the network."""
        others = self._cutter.feed(data)
        now = time.monotonic()
        if not others and now - self._sign_at >= SIGN_OF_LIFE_SECONDS:
            others = _HEARTBEAT
        if others:
            self._sign_at = now
            super().feed_data(others)

    def feed_eof(self) -> None:
        """Have no more."""
        super().feed_data(self._cutter.end())
        super().feed_eof()


class _Transport(TransportFactory):
    def __init__(self, cutter: FrameCutter) -> None:
        self._cutter = cutter

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        provider = kwargs.pop("ssl_context_provider")
        context = await provider.get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        reader = DivertedReader(self._cutter)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol,
                host=url.host or "localhost",
                port=url.port or DEFAULT_PORTS[url.scheme],
                ssl=context,
                **kwargs,
            )
        except OSError as error:
            raise aiormq.AMQPConnectionError(*error.args) from error
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


class TappedConnection(Connection):
    """A connection whose messages can be taken channel by channel."""

    def __init__(self, url: URL, *, label: str) -> None:
        self._cutter = FrameCutter()
        super().__init__(url, client_properties={"connection_name": label}, transport_factory=_Transport(self._cutter))

    def divert(self, channel: int, take: Take) -> None:
        """See `FrameCutter.divert`."""
        self._cutter.divert(channel, take)


def divert(channel: aiormq.Channel, take: Take) -> None:
    """Hand the deliveries, returns and confirmations of a channel that is open and still unused to `take`."""
    connection = channel.connection
    assert isinstance(connection, TappedConnection)
    connection.divert(channel.number, take)


async def write(channel: aiormq.Channel, frames: bytes, *, written: asyncio.Future[None] | None = None) -> None:
    """Queue whole frames to be sent; it waits while the queue is full. `written` is completed when they have left."""
    await channel.write_queue.put(ChannelFrame(payload=frames, should_close=False, drain_future=written))
