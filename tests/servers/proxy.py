"""A TCP proxy that does what networks do: delay, stall, go silent, reset, cut in the middle, be slow."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK_BYTES = 65_536


@dataclass(slots=True)
class Weather:
    """What happens to what is carried; changed while it goes on.

    `delay_seconds` (with jitter up to as much again) holds each piece back; `bytes_per_second` bounds the rate;
    `cut_after_bytes`, so many towards the server, resets the connection in the middle; `cut_after_word` as soon as
    these bytes have gone to the server.
    """

    delay_seconds: float = 0.0
    bytes_per_second: float = 0.0
    cut_after_bytes: int | None = None
    cut_after_word: bytes | None = None
    stall_after_word: bytes | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(1))


class FaultProxy:
    """Stands before the server of a URL; `url` leads through it. New connections see the weather as it is then."""

    def __init__(self, url: str) -> None:
        self.weather = Weather()
        self.cuts = 0
        self._parts = urlsplit(url)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        login = self._parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._parts._replace(netloc=f"{login}@127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open_lines(self) -> int:
        """Connections that are carried now."""
        return len(self._lines)

    def stall(self) -> None:
        """Carry nothing any more and keep all connections open; new ones are accepted and hear nothing."""
        self._flowing.clear()

    def flow(self) -> None:
        """Carry again, first what was held."""
        self._flowing.set()

    def reset_all(self) -> None:
        """End every connection with a RST to both sides."""
        for line in list(self._lines):
            line.reset()
        self.cuts += 1

    def forget_clients(self) -> None:
        """Half-open: the clients' side ends without a word to them; the server sees its side close."""
        for line in list(self._lines):
            line.silence()
        self.cuts += 1

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._flowing.wait()
            there = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        except OSError:
            writer.close()
            return
        line = _Line(writer, there[1])
        self._lines.add(line)
        tasks = [
            asyncio.create_task(self._pump(line, reader, there[1], to_server=True)),
            asyncio.create_task(self._pump(line, there[0], writer, to_server=False)),
        ]
        self._tasks.update(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.difference_update(tasks)
        self._lines.discard(line)

    async def _pump(
        self, line: _Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, to_server: bool
    ) -> None:
        sent = 0
        try:
            while data := await source.read(CHUNK_BYTES):
                await self._flowing.wait()
                if line.silent:
                    continue
                weather = self.weather
                if weather.delay_seconds:
                    await asyncio.sleep(weather.delay_seconds * (1 + weather.dice.random()))
                if weather.bytes_per_second:
                    await asyncio.sleep(len(data) / weather.bytes_per_second)
                limit = weather.cut_after_bytes
                if to_server and limit is not None and sent + len(data) >= limit:
                    sink.write(data[: max(0, limit - sent)])
                    await sink.drain()
                    self._cut(line)
                    return
                if to_server and weather.stall_after_word and weather.stall_after_word in data:
                    self._flowing.clear()
                sink.write(data)
                await sink.drain()
                sent += len(data)
                if to_server and weather.cut_after_word and weather.cut_after_word in data:
                    self._cut(line)
                    return
        except OSError:
            pass  # one side is gone; the other is told below
        finally:
            if not line.silent:
                sink.close()

    def _cut(self, line: _Line) -> None:
        self.cuts += 1
        line.reset()


class _Line:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.silent = False
        self._client = client
        self._server = server

    def reset(self) -> None:
        _reset(self._client)
        _reset(self._server)

    def silence(self) -> None:
        self.silent = True
        _reset(self._server)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a RST, not an orderly end."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
