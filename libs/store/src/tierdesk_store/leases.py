"""The relay's hold on partitions: session locks of PostgreSQL on a connection of their own.

The locks live exactly as long as the server holds the session: a killed process, a closed connection and a restarted
server free them all, and nothing has to expire.

A relay only ever tries for a lock, and holds no more than its share: the partitions divided by the relays that are
there, which it counts by a lock that each of them holds in common. Whoever waits for a lock asks the relays to give
way. Each sees both at its next look, between two rounds, when nothing of its own is in flight.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, Self
from zlib import crc32

import asyncpg

from tierdesk_store import driver
from tierdesk_store.errors import RelayInTheWayError
from tierdesk_store.schema import OUTBOX_PARTITIONS

_PRESENCE: Final = OUTBOX_PARTITIONS
"""The number of the lock in common, next to those of the partitions."""
_OTHERS: Final = """
    SELECT coalesce(bool_or(NOT granted), false) AS somebody_waits, count(*) FILTER (WHERE objid = $2::integer::oid) AS present
    FROM pg_locks
    WHERE locktype = 'advisory' AND classid = $1::integer::oid AND objsubid = 2
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class PartitionLocks:
    """The partitions of one schema's outbox that this connection holds. An async context: leaving it frees all."""

    def __init__(self, url: str, *, schema: str, name: str) -> None:
        self._url = url
        self._schema = schema
        self._name = name
        self._key = crc32(f"tierdesk relay {schema}".encode()) - 2**31
        self._connection: asyncpg.Connection[Any] | None = None
        self._is_present = False
        self.owned: list[int] = []

    async def __aenter__(self) -> Self:
        """Connect. Raises what `driver.connect` raises."""
        self._connection = await driver.connect(self._url, schema=self._schema, name=f"{self._name} relay")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection, as `driver.close` does."""
        self.owned = []
        connection, self._connection = self._connection, None
        if connection is not None:
            await driver.close(connection)

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
        """Take partitions that nobody holds, up to this relay's share, and free what is beyond it.

        If somebody waits for one, give way and free all until next time.
        """
        if not self._is_present:
            await self.connection.execute("SELECT pg_advisory_lock_shared($1, $2)", self._key, _PRESENCE)
            self._is_present = True
        others = await self.connection.fetchrow(_OTHERS, self._key, _PRESENCE)
        assert others is not None
        share = 0 if others["somebody_waits"] else -(-OUTBOX_PARTITIONS // others["present"])
        if len(self.owned) > share:
            self.owned, freed = self.owned[:share], self.owned[share:]
            await self.connection.execute(
                "SELECT pg_advisory_unlock($1, p) FROM unnest($2::int[]) AS p", self._key, freed
            )
        elif len(self.owned) < share:
            wanted = [partition for partition in range(OUTBOX_PARTITIONS) if partition not in self.owned]
            rows = await self.connection.fetch(
                "SELECT p FROM unnest($2::int[]) AS p WHERE pg_try_advisory_lock($1, p) LIMIT $3",
                self._key,
                wanted,
                share - len(self.owned),
            )
            self.owned = sorted([*self.owned, *(row["p"] for row in rows)])

    async def take_all(self, *, patience_seconds: float) -> None:
        """Wait until every relay has given way, then hold all partitions: nothing is published until this is left.

        Raises `RelayInTheWayError` when that takes longer than `patience_seconds`.
        """
        await self.connection.execute(f"SET lock_timeout = 0; SET statement_timeout = {round(patience_seconds * 1000)}")
        try:
            await self.connection.fetch(
                "SELECT pg_advisory_lock($1, p) FROM generate_series(0, $2) AS p ORDER BY p",
                self._key,
                OUTBOX_PARTITIONS - 1,
                timeout=patience_seconds + 5,
            )
        except asyncpg.QueryCanceledError as error:
            raise RelayInTheWayError(self._schema, patience_seconds) from error
        self.owned = list(range(OUTBOX_PARTITIONS))
