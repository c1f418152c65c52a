"""The connections of one process to the server: a small pool for statements, and single ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

import asyncpg
from asyncpg import Connection

from tierdesk_bus.port import HOME

POOL_SIZE = 4
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 15.0
STATEMENT_SECONDS = 10
"""The server gives up first, so that what becomes of a slow statement is known."""
CLOSE_SECONDS = 5.0

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What a statement may raise when the server is away, slow, or gone in the middle.

The internal error of asyncpg is what it raises between the server's notice that it ends a connection and the end.
"""

_UNSURE = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)


def is_rolled_back(error: BaseException) -> bool:
    """Tell whether a failure leaves no doubt that its statement did nothing."""
    if isinstance(error, asyncpg.QueryCanceledError):
        return True
    return isinstance(error, asyncpg.PostgresError) and not isinstance(error, _UNSURE)


_SETTINGS = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "synchronous_commit": "on",
    "plan_cache_mode": "force_generic_plan",
    # Statistics of a queue are always out of date: it was empty when they were taken, or full. Its index is right.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}


class Connections:
    """Opens connections to the server of a URL; `home` is the namespace that the URL names beside it."""

    def __init__(self, url: str, *, name: str) -> None:
        self._url, self.home = split_namespace(url)
        self._settings = {**_SETTINGS, "application_name": name[:63]}
        self._pool = asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings=self._settings,
            reset=_leave_as_it_is,
        )

    async def open(self) -> Connection:
        """Open one beside the pool."""
        return await asyncpg.connect(
            self._url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS, server_settings=self._settings
        )

    @contextlib.asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """Take one from the pool; it is thrown away when its statement is given up.

        asyncpg would have the server cancel the statement and wait for the answer, which may never come, while the
        caller's time is over.
        """
        await self._pool  # initialises it on first use, without connecting
        async with self._pool.acquire() as connection:
            try:
                yield connection
            except (asyncio.CancelledError, TimeoutError, asyncpg.InternalClientError):
                connection.terminate()
                raise

    async def close(self) -> None:
        """Close the pool."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool
                await self._pool.close()
        except FAILURES:
            self._pool.terminate()


async def _leave_as_it_is(_: object) -> None:
    """Spare the pool the round trip by which it resets a connection: no statement here leaves anything behind."""


def split_namespace(url: str) -> tuple[str, str]:
    """Take the query parameter `namespace`, which is ours, out of the URL."""
    address, _, query = url.partition("?")  # taken apart no further: a socket's URL has no host to put back
    parameters = dict(parse_qsl(query))
    home = parameters.pop("namespace", HOME)
    rest = f"?{urlencode(parameters)}" if parameters else ""
    return address + rest, home
