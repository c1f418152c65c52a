"""The relay's hold on partitions: session locks of PostgreSQL on a connection of their own.

The locks live exactly as long as the server holds the session: a killed process, a closed connection and a restarted
server free them all, and nothing has to expire.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from zlib import crc32

import asyncpg

from tierdesk_store import driver
from tierdesk_store.schema import OUTBOX_PARTITIONS


class PartitionLocks:
    """The partitions of one schema's outbox that this connection holds. An async context: leaving it frees all."""

    def __init__(self, url: str, *, schema: str, name: str) -> None:
        self._url = url
        self._schema = schema
        self._name = name
        self._key = crc32(f"tierdesk relay {schema}".encode()) - 2**31
        self._connection: asyncpg.Connection[Any] | None = None
        self.owned: list[int] = []

    async def __aenter__(self) -> Self:
        """Connect. Raises what `driver.connect` raises."""
        self._connection = await driver.connect(self._url, schema=self._schema, name=f"{self._name} relay")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection, by force when it does not close within 2 seconds."""
        self.owned = []
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
                connection.terminate()

    @property
    def connection(self) -> asyncpg.Connection[Any]:
        """The connection that holds the locks: what it can do, it does as their holder."""
        assert self._connection is not None, "the locks are used inside their context"
        return self._connection

    @property
    def are_lost(self) -> bool:
        """Whether the connection is known to be gone, and with it every lock."""
        return self._connection is None or self._connection.is_closed()

    async def acquire(self) -> None:
        """Take the partitions that nobody holds."""
        wanted = [partition for partition in range(OUTBOX_PARTITIONS) if partition not in self.owned]
        if not wanted:
            return
        rows = await self.connection.fetch(
            "SELECT p, pg_try_advisory_lock($1, p) AS taken FROM unnest($2::int[]) AS p", self._key, wanted
        )
        self.owned = sorted([*self.owned, *(row["p"] for row in rows if row["taken"])])
