"""The one connection of a process that holds its leases, is told of new messages, and keeps itself known as alive."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from datetime import timedelta
from typing import Protocol

from asyncpg import Connection, Record

from tierdesk_bus.postgres.connections import CLOSE_SECONDS, FAILURES, Connections
from tierdesk_bus.postgres.schema import LOCK, ensure_schema
from tierdesk_bus.postgres.statements import (
    BEGIN_SESSION,
    CHANNEL,
    END_LOST_SESSIONS,
    END_SESSION,
    LOOK,
    RENEW_SESSION,
)

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
LOOK_SECONDS = 1.0
"""How often a process looks at its queues beside being notified: messages of a killed consumer come back in this time."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


class Follower(Protocol):
    """A consumer, as the session sees it."""

    @property
    def stored_address(self) -> tuple[str, str]:
        """The namespace and name of its queue in the tables."""
        ...

    def follow(self, state: Record | None) -> None:
        """Take note of how the queue stands, by a row of `LOOK`; nothing when it does not exist."""
        ...

    def notice(self, queue_id: str) -> None:
        """Take note of a notification."""
        ...


class Session:
    """A row of `bus.session`, renewed while the process runs, and an advisory lock that dies with its connection.

    Either missing, the session is over for all others. A new one is begun as soon as the server answers; what the old
    one held is free by then.
    """

    def __init__(self, connections: Connections, *, name: str, lease_seconds: float) -> None:
        self._connections = connections
        self._name = name
        self._lease = timedelta(seconds=lease_seconds)
        self._id: int | None = None
        self._followers: dict[Follower, None] = {}
        self._ready = asyncio.Event()
        self._wake = asyncio.Event()
        self._over = False
        self._keeper = asyncio.create_task(self._keep(), name=f"bus session {name}")

    @property
    def id(self) -> int | None:
        """The session that leases are taken in; nothing while there is no connection."""
        return self._id

    async def wait_for_schema(self) -> None:
        """Wait until the tables are known to exist. It has no bound of its own."""
        await self._ready.wait()

    def add(self, follower: Follower) -> None:
        """Tell a consumer how its queue stands, from now on."""
        self._followers[follower] = None
        self._wake.set()

    def remove(self, follower: Follower) -> None:
        """Tell it no more."""
        self._followers.pop(follower, None)

    def abandon(self, session_id: int) -> None:
        """Begin a new session, because a lease of this one may have been taken that no consumer knows of."""
        if session_id == self._id:
            self._over = True
            self._wake.set()

    async def close(self) -> None:
        """End the session; what it still holds is free."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        said = ""
        while True:
            try:
                await self._serve()
                pause_seconds, said = FIRST_PAUSE_SECONDS, ""
            except FAILURES as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("%s: no session with PostgreSQL, trying on: %r", self._name, error)
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the reconnects
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    async def _serve(self) -> None:
        connection = await self._connections.open()
        try:
            await ensure_schema(connection)
            self._ready.set()
            connection.add_termination_listener(lambda _: self._wake.set())
            await connection.add_listener(CHANNEL, lambda _c, _p, _n, payload: self._notice(payload))
            self._id = await self._begin(connection)
            self._over = False
            await self._look_until_over(connection, self._id)
        finally:
            ended, self._id = self._id, None
            await _close(connection, ended)

    async def _begin(self, connection: Connection) -> int:
        session_id: int = await connection.fetchval("SELECT nextval(pg_get_serial_sequence('bus.session', 'id'))")
        # The lock first: a row without its lock would be taken for that of a process that was killed.
        await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCK, session_id)
        await connection.execute(BEGIN_SESSION, session_id, self._name, self._lease)
        return session_id

    async def _look_until_over(self, connection: Connection, session_id: int) -> None:
        loop = asyncio.get_running_loop()
        renew_at = loop.time()
        while not connection.is_closed() and not self._over:
            self._wake.clear()
            if loop.time() >= renew_at:
                if not await connection.fetchval(RENEW_SESSION, session_id, self._lease):
                    log.warning("%s: stalled for longer than its lease; what it held is given to others", self._name)
                    return
                renew_at = loop.time() + self._lease.total_seconds() / 3
            await connection.execute(END_LOST_SESSIONS, LOCK)
            await self._look(connection)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads the load
                    await self._wake.wait()

    async def _look(self, connection: Connection) -> None:
        if not self._followers:
            return
        addresses = {follower.stored_address for follower in self._followers}
        rows = await connection.fetch(LOOK, [space for space, _ in addresses], [name for _, name in addresses])
        states = {(row["namespace"], row["name"]): row for row in rows}
        for follower in list(self._followers):
            follower.follow(states.get(follower.stored_address))

    def _notice(self, payload: object) -> None:
        if payload == "*":
            self._wake.set()
            return
        for queue_id in str(payload).split(","):
            for follower in self._followers:
                follower.notice(queue_id)


async def _close(connection: Connection, session_id: int | None) -> None:
    """End the session at once where the server still listens; else its lock ends with the connection."""
    try:
        if session_id is not None and not connection.is_closed():
            await connection.execute(END_SESSION, session_id, timeout=CLOSE_SECONDS)
        await connection.close(timeout=CLOSE_SECONDS)
    except FAILURES as error:
        log.debug("closing without a word: %r", error)
        connection.terminate()
