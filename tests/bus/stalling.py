"""A TCP proxy that can stop carrying, as a network does that loses packets without a word."""

import asyncio
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class StallingProxy:
    """Stands before the server of a URL; `url` leads through it."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._carriers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        login = self._parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._parts._replace(netloc=f"{login}@127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    def stall(self) -> None:
        """Carry nothing any more, and keep all connections open."""
        self._flowing.clear()

    def flow(self) -> None:
        """Carry again, first what was held."""
        self._flowing.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            carrier = asyncio.create_task(self._pump(source, sink))
            self._carriers.add(carrier)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass  # one side is gone; the other is told below
        finally:
            sink.close()
