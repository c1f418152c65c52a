"""How the bus on PostgreSQL stands, read beside it: no session is begun and no table made."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from tierdesk_bus.port import HOME, BusUnavailableError, Queue
from tierdesk_bus.postgres.connections import COMMAND_SECONDS, CONNECT_SECONDS, FAILURES, split_namespace
from tierdesk_bus.postgres.statements import INSPECT
from tierdesk_bus.state import BusState, QueueState


async def inspect_postgres(url: str, queues: Sequence[Queue], *, name: str, namespace_prefix: str) -> BusState:
    """Look at these queues. Raises `BusUnavailableError`.

    Who reads a queue is known of those that serve one consumer at a time; of the others only that nobody consumes at all.
    """
    address, home = split_namespace(url)
    try:
        connection = await asyncpg.connect(
            address,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={"application_name": name},
        )
        try:
            version: str = await connection.fetchval("SHOW server_version")
            rows = []
            if await connection.fetchval("SELECT to_regclass('bus.queue') IS NOT NULL"):
                rows = await connection.fetch(INSPECT)
        finally:
            await connection.close()
    except FAILURES as error:
        raise BusUnavailableError(f"PostgreSQL did not answer: {error!r}") from error
    found = {(row["namespace"], row["name"]): row for row in rows}
    states = []
    for queue in queues:
        row = found.get((home if queue.namespace == HOME else f"{namespace_prefix}{queue.namespace}", queue.name))
        if row is None:
            states.append(QueueState(queue, fault="it does not exist"))
            continue
        consumers = row["active"] if row["single_active"] else None if row["sessions"] else 0
        limit = {} if row["max_length"] is None else {"max-length": row["max_length"], "overflow": "reject-publish"}
        states.append(QueueState(queue, row["messages"], consumers, limit))
    return BusState("PostgreSQL", version, tuple(states))
