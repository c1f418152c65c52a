"""One recording, fetched over a connection of its own: from a named host alone, to an address that was judged, within bounds.

No proxy, no cookie, and no redirection: what leads elsewhere is refused, since only the operator says what is fetched.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpcore2

from tierdesk_intake.fetching.hosts import Hosts
from tierdesk_runtime.addresses import UrlError
from tierdesk_runtime.guarded_connections import AddressRefusedError, GuardedBackend, Resolve

_HEADERS: Final = (("Accept", "audio/*, video/*;q=0.5"), ("Accept-Encoding", "identity"), ("User-Agent", "Tierdesk"))
_STEP_SECONDS: Final = 10.0
"""So long a server may say nothing."""
_GONE: Final = frozenset({410, 451})
_FAILURES: Final = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError, ValueError)


class RecordingRefusedError(Exception):
    """It is not fetched, now or later; the text says why."""


class RecordingAwayError(Exception):
    """It could not be fetched now; the text says why."""


class Recordings:
    """Where recordings come from. `trust` says whose certificates count; without it, those that are known everywhere."""

    def __init__(
        self, hosts: Hosts, resolve: Resolve, *, limit_bytes: int, trust: ssl.SSLContext | None = None
    ) -> None:
        self._hosts = hosts
        self._resolve = resolve
        self._limit_bytes = limit_bytes
        self._trust = trust or httpcore2.default_ssl_context()

    @asynccontextmanager
    async def open(self, locator: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Its bytes as they come. The caller bounds how many there may be, and how long it takes.

        Raises `RecordingRefusedError` and `RecordingAwayError`, also while bytes are read.
        """
        try:
            target, networks = self._hosts.find(locator)
        except UrlError as error:
            raise RecordingRefusedError(f"its address {error}") from error
        backend = GuardedBackend(networks, self._resolve, public=True)
        try:
            async with (
                httpcore2.AsyncConnectionPool(
                    ssl_context=self._trust, max_connections=1, network_backend=backend
                ) as pool,
                pool.stream(
                    "GET",
                    httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
                    headers=[("Host", target.authority), *_HEADERS],
                    extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), _STEP_SECONDS)},
                ) as response,
            ):
                self._check(response)
                yield response.aiter_stream()
        except AddressRefusedError as error:
            raise RecordingRefusedError(str(error)) from error
        except _FAILURES as error:
            raise RecordingAwayError(f"{type(error).__name__}: {error}"[:500]) from error

    def _check(self, response: httpcore2.Response) -> None:
        status = response.status
        if 300 <= status < 400:
            raise RecordingRefusedError(f"the server answered {status}, and leads elsewhere")
        if status in _GONE:
            raise RecordingRefusedError(f"the server answered {status}")
        if status != 200:
            raise RecordingAwayError(f"the server answered {status}")
        given = {name.lower(): value for name, value in response.headers}
        if given.get(b"content-encoding", b"identity").lower() != b"identity":
            raise RecordingRefusedError("it comes packed")
        length = given.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._limit_bytes:
            raise RecordingRefusedError(f"it has more than {self._limit_bytes} bytes")
