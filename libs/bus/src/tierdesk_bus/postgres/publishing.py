"""Publishing a batch in one statement."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from asyncpg import Record

from tierdesk_bus.port import Message, PublishResult
from tierdesk_bus.postgres.connections import Connections
from tierdesk_bus.postgres.routing import BindingRow, Route, Routes
from tierdesk_bus.postgres.statements import PUBLISH, PUBLISH_BOUNDED, ROUTES


class Publisher:
    """Routes messages by bindings that it remembers, and stores them if these are still the bindings in force.

    The statement that stores compares the version of the topology in its own snapshot: a binding that another process
    committed before is never missed, and costs one more round trip once.
    """

    def __init__(self, connections: Connections, stored_name: Callable[[str], str]) -> None:
        self._connections = connections
        self._stored_name = stored_name
        self._routes: Routes | None = None

    async def publish(self, batch: Sequence[Message]) -> list[PublishResult]:
        """Store all or, on an error, nothing; it has no bound of its own."""
        while True:
            routes = self._routes
            if routes is None:
                routes = self._routes = await self._load_routes()
            found = [
                routes.find(self._stored_name(message.address.namespace), message.address.exchange, message.address.key)
                for message in batch
            ]
            refused = await self._store(routes.version, batch, found)
            if refused is not None:
                return [_fate(index, queues, refused) for index, queues in enumerate(found, start=1)]
            self._routes = None

    async def _load_routes(self) -> Routes:
        async with self._connections.borrow() as connection:
            rows: list[Record] = await connection.fetch(ROUTES)
        return Routes(
            rows[0]["version"],
            (
                BindingRow(
                    row["namespace"],
                    row["exchange"],
                    row["kind"],
                    row["pattern"],
                    Route(row["queue_id"], row["max_length"]),
                )
                for row in rows
                if row["queue_id"] is not None
            ),
        )

    async def _store(
        self, version: int, batch: Sequence[Message], found: Sequence[tuple[Route, ...]]
    ) -> frozenset[int] | None:
        """Answer the ordinals that a full queue refused, or nothing if the topology is another one by now."""
        bounded = any(route.max_length is not None for routes in found for route in routes)
        routed = [(ordinal, route.queue_id) for ordinal, routes in enumerate(found, start=1) for route in routes]
        parameters = (
            version,
            [message.id for message in batch],
            [message.type for message in batch],
            [message.address.key for message in batch],
            [message.content_type for message in batch],
            [json.dumps(dict(message.headers)) if message.headers else None for message in batch],
            [message.body for message in batch],
            [ordinal for ordinal, _ in routed],
            [queue_id for _, queue_id in routed],
        )
        async with self._connections.borrow() as connection:
            row = await connection.fetchrow(PUBLISH_BOUNDED if bounded else PUBLISH, *parameters)
        return frozenset(row["refused"]) if row["version"] == version else None


def _fate(ordinal: int, queues: tuple[Route, ...], refused: frozenset[int]) -> PublishResult:
    if not queues:
        return PublishResult.RETURNED
    return PublishResult.NACKED if ordinal in refused else PublishResult.CONFIRMED
