"""Connections to addresses that webhooks may go to, and to no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, Final

import httpcore2

from tierdesk_runtime.addresses import Networks, is_allowed

_MOST_TRIED: Final = 3
_RESOLVERS: Final = 32

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, in the order in which they are to be tried. Raises `OSError`."""


class AddressRefusedError(Exception):
    """A host leads to an address that no webhook may go to."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} leads to {address}, which is no public address")
        self.address = address


class Resolver:
    """The machine's own resolver, in threads of its own: a name that hangs holds up nothing but its endpoint."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="bridge-resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Its addresses, each once."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a host itself, and connects to the very addresses that it has judged, so that a second answer of the
    name's server cannot lead elsewhere. Certificates are still checked against the name.
    """

    def __init__(self, private: Networks, resolve: Resolve, *, public: bool) -> None:
        self._private = private
        self._resolve = resolve
        self._public = public
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface that is implemented
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect. Raises `AddressRefusedError` if any address of the host may not be connected to, and `OSError`."""
        addresses = await self._resolve(host, port)
        for address in addresses:
            # A zone as in fe80::1%eth0 makes it no less link-local.
            if not is_allowed(ip_address(address.partition("%")[0]), self._private, public=self._public):
                raise AddressRefusedError(host, address)
        failure: Exception = OSError(f"{host} has no address")
        for address in addresses[:_MOST_TRIED]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore2.ConnectError as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        """Never."""
        raise AddressRefusedError("a socket of this machine", "a file")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def _look_up(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
