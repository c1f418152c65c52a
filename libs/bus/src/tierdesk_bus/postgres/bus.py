"""The bus on PostgreSQL: a pool for statements, one connection for the session, for any number of consumers.

The order of a queue is that of positions, which are taken when a publish begins and seen when it has committed. One
task that publishes one batch after the other is so delivered in its order; between publishers no order is promised.

Namespaces keep parties apart by name alone: whoever may log in to this database may read all of them. A wall for
strangers is what the other adapter is for.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence

from tierdesk_bus.port import HOME, BusError, BusUnavailableError, Message, PublishResult, Topology
from tierdesk_bus.postgres.connections import FAILURES, Connections
from tierdesk_bus.postgres.consuming import PostgresConsumer
from tierdesk_bus.postgres.declaring import declare
from tierdesk_bus.postgres.publishing import Publisher
from tierdesk_bus.postgres.session import LEASE_SECONDS, Session
from tierdesk_bus.postgres.statements import DEPTH

log = logging.getLogger(__name__)

REACH_SECONDS = 10.0
PING_SECONDS = 3.0


class PostgresBus:
    """See `tierdesk_bus.port.Bus`."""

    def __init__(self, url: str, *, name: str, namespace_prefix: str, lease_seconds: float = LEASE_SECONDS) -> None:
        self._prefix = namespace_prefix
        self._connections = Connections(url, name=name)
        self._session = Session(self._connections, name=name, lease_seconds=lease_seconds)
        self._publisher = Publisher(self._connections, self._stored_name)
        self._consumers: set[PostgresConsumer] = set()
        self._numbers = itertools.count(1)

    async def wait_for_connection(self) -> None:
        """Wait until the server was reached once; it has no bound of its own."""
        await self._session.wait_for_schema()

    async def declare(self, topology: Topology) -> None:
        """See `tierdesk_bus.port.Bus.declare`. Declares all or nothing."""
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await self._session.wait_for_schema()
                async with self._connections.borrow() as connection:
                    await declare(connection, topology, self._stored_name)
        except FAILURES as error:
            raise BusUnavailableError(f"PostgreSQL did not declare it: {error!r}") from error

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float) -> list[PublishResult]:
        """See `tierdesk_bus.port.Bus.publish`. The batch is stored whole, but for what is returned or refused."""
        if not batch:
            return []
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._session.wait_for_schema()
                return await self._publisher.publish(batch)
        except FAILURES as error:
            log.info("published %d messages without an answer: %r", len(batch), error)
            return [PublishResult.UNKNOWN] * len(batch)

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> PostgresConsumer:
        """See `tierdesk_bus.port.Bus.consume`. Does not wait for a server that is down."""
        consumer = PostgresConsumer(
            self._connections,
            self._session,
            number=next(self._numbers),
            address=(self._stored_name(namespace), queue),
            namespace=namespace,
            prefetch=prefetch,
        )
        self._consumers = {known for known in self._consumers if not known.is_closed} | {consumer}
        await consumer.start()
        return consumer

    async def depth(self, queue: str, *, namespace: str = HOME) -> int:
        """See `tierdesk_bus.port.Bus.depth`."""
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await self._session.wait_for_schema()
                async with self._connections.borrow() as connection:
                    depth: int | None = await connection.fetchval(DEPTH, self._stored_name(namespace), queue)
        except FAILURES as error:
            raise BusUnavailableError(f"PostgreSQL did not answer: {error!r}") from error
        if depth is None:
            raise BusError(f"there is no queue {queue!r} in the namespace {self._stored_name(namespace)!r}")
        return depth

    async def ping(self) -> None:
        """See `tierdesk_bus.port.Bus.ping`."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._session.wait_for_schema()
                async with self._connections.borrow() as connection:
                    await connection.fetchval("SELECT 1")
        except FAILURES as error:
            raise BusUnavailableError(f"PostgreSQL did not answer within {PING_SECONDS} seconds: {error!r}") from error

    async def close(self) -> None:
        """See `tierdesk_bus.port.Bus.close`."""
        await asyncio.gather(*(consumer.close() for consumer in self._consumers))
        await self._session.close()
        await self._connections.close()

    def _stored_name(self, namespace: str) -> str:
        return self._connections.home if namespace == HOME else f"{self._prefix}{namespace}"
