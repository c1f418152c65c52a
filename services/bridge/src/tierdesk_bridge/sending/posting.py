"""One signed request to a vendor's endpoint."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import httpcore2

from tierdesk_bridge.domain.answers import Answer, judge, no_answer
from tierdesk_runtime.addresses import Networks, UrlError, read_url
from tierdesk_runtime.guarded_connections import AddressRefusedError, GuardedBackend, Resolve

TOTAL_SECONDS: Final = 15.0
"""From resolving the name to the end of the answer's head."""
MEDIA_TYPE: Final = "application/cloudevents+json"


class Poster:
    """Posts to endpoints; each request has a connection of its own, and no proxy, cookie or redirection.

    Of an answer, status and headers are read; its body never is.
    """

    def __init__(
        self,
        private: Networks,
        resolve: Resolve,
        now: Callable[[], datetime],
        *,
        trust: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._private = private
        self._resolve = resolve
        self._now = now
        self._trust = trust or httpcore2.default_ssl_context()
        self._total_seconds = total_seconds

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post these bytes. Never raises for what the endpoint does or fails to do."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await self._post(url, headers, body)
        except TimeoutError:
            return no_answer(f"no answer within {self._total_seconds:g} s")
        except UrlError as error:  # a network is no longer among the private ones
            return no_answer(f"the URL {error}")
        except AddressRefusedError as error:
            return no_answer(str(error))
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            OSError,
            ValueError,
        ) as error:
            return no_answer(f"{type(error).__name__}: {error}")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        target = read_url(url, self._private)
        backend = GuardedBackend(self._private, self._resolve, public=target.scheme == "https")
        sent = {"Host": target.authority, "Content-Type": MEDIA_TYPE, "User-Agent": "Tierdesk", **headers}
        async with (
            httpcore2.AsyncConnectionPool(ssl_context=self._trust, max_connections=1, network_backend=backend) as pool,
            pool.stream(
                "POST",
                httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
                headers=list(sent.items()),
                content=body,
            ) as response,
        ):
            given = {name.lower(): value for name, value in response.headers}
            retry_after = given.get(b"retry-after", b"").decode("latin-1")
            return judge(response.status, retry_after, self._now())
