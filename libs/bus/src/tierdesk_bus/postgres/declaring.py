"""Declaring exchanges, queues and bindings."""

from __future__ import annotations

from collections.abc import Callable

from asyncpg import Connection

from tierdesk_bus.port import Binding, BusError, Exchange, Queue, Topology
from tierdesk_bus.postgres.schema import LOCK

_EXCHANGE = """
INSERT INTO bus.exchange AS e (namespace, name, kind) VALUES ($1, $2, $3)
ON CONFLICT (namespace, name) DO UPDATE SET kind = e.kind RETURNING kind
"""
_QUEUE = """
INSERT INTO bus.queue AS q (namespace, name, single_active, max_length) VALUES ($1, $2, $3, $4)
ON CONFLICT (namespace, name) DO UPDATE SET max_length = coalesce($4, q.max_length) RETURNING single_active
"""
_BINDING = """
INSERT INTO bus.binding (namespace, exchange, queue_id, pattern)
SELECT e.namespace, e.name, q.id, $4
FROM bus.exchange e JOIN bus.queue q USING (namespace)
WHERE namespace = $1 AND e.name = $2 AND q.name = $3
ON CONFLICT (namespace, exchange, queue_id, pattern) DO UPDATE SET pattern = $4 RETURNING true
"""

_StoredName = Callable[[str], str]


async def declare(connection: Connection, topology: Topology, stored_name: _StoredName) -> None:
    """Declare all of it or, where it contradicts what exists, nothing of it."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)  # no two at once: they would deadlock
        for exchange in topology.exchanges:
            await _declare_exchange(connection, exchange, stored_name(exchange.namespace))
        for queue in topology.queues:
            await _declare_queue(connection, queue, stored_name(queue.namespace))
        for binding in topology.bindings:
            await _declare_binding(connection, binding, stored_name(binding.namespace))


async def _declare_exchange(connection: Connection, exchange: Exchange, namespace: str) -> None:
    kind = await connection.fetchval(_EXCHANGE, namespace, exchange.name, exchange.kind)
    if kind != exchange.kind:
        raise BusError(f"the exchange {exchange.name!r} exists and is of kind {kind}, not {exchange.kind}")


async def _declare_queue(connection: Connection, queue: Queue, namespace: str) -> None:
    single = await connection.fetchval(_QUEUE, namespace, queue.name, queue.single_active, queue.max_length)
    if single != queue.single_active:
        raise BusError(f"the queue {queue.name!r} exists with single_active={single}; delete it or keep it so")


async def _declare_binding(connection: Connection, binding: Binding, namespace: str) -> None:
    if not await connection.fetchval(_BINDING, namespace, binding.exchange, binding.queue, binding.pattern):
        raise BusError(
            f"cannot bind {binding.queue!r} to {binding.exchange!r}: both must exist in the namespace {namespace!r}"
        )
