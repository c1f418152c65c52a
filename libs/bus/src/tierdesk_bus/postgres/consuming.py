"""A consumer: leases the first free messages of its queue, and deletes them when they are acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asyncpg import Record

from tierdesk_bus.port import Delivery
from tierdesk_bus.postgres.connections import CLOSE_SECONDS, FAILURES, Connections, is_rolled_back
from tierdesk_bus.postgres.session import Session
from tierdesk_bus.postgres.statements import ACK, CLAIM, FIND_QUEUE, GIVE_BACK, STEP_DOWN, TAKE, TAKE_ACTIVE

log = logging.getLogger(__name__)


class PostgresTag(NamedTuple):
    """Which delivery of which message in which session."""

    session: int
    queue_id: int
    position: int
    deliveries: int


class PostgresConsumer:
    """A subscription to one queue."""

    def __init__(
        self,
        connections: Connections,
        session: Session,
        *,
        number: int,
        address: tuple[str, str],
        namespace: str,
        prefetch: int,
    ) -> None:
        self._connections = connections
        self._session = session
        self._number = number
        self._address = address
        self._namespace = namespace
        self._prefetch = prefetch
        self._queue_id: int | None = None
        self._single_active = False
        self._active_in: int | None = None  # the session in which this consumer became the active one
        self._took_in: int | None = None  # the session of what is out
        self._out: set[PostgresTag] = set()
        self._ready: deque[Delivery] = deque()
        self._taking: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._closed = False

    @property
    def queue(self) -> str:
        """The name of the queue."""
        return self._address[1]

    @property
    def stored_address(self) -> tuple[str, str]:
        """See `Follower`."""
        return self._address

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    async def start(self) -> None:
        """Find the queue, and become its active consumer if there is none; what fails here is done again later."""
        try:
            async with self._connections.borrow() as connection:
                row = await connection.fetchrow(FIND_QUEUE, *self._address)
            if row is not None:
                self._settle_on(row["id"], single_active=row["single_active"])
                if self._single_active and self._session.id is not None:
                    await self._claim(row["id"], self._session.id)
        except FAILURES as error:
            log.info("%s: not yet subscribed: %r", self.queue, error)
        self._session.add(self)

    def follow(self, state: Record | None) -> None:
        """See `Follower`."""
        if state is None:
            self._queue_id = None
            return
        self._settle_on(state["id"], single_active=state["single_active"])
        if self._single_active and state["vacant"]:
            self._active_in = None
            self._wake.set()
        elif state["waiting"] and not self._stands_by:
            self._wake.set()

    def notice(self, queue_id: str) -> None:
        """See `Follower`."""
        if queue_id == f"!{self._queue_id}" or (queue_id == str(self._queue_id) and not self._stands_by):
            self._wake.set()

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        """See `tierdesk_bus.port.Consumer.receive`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while not self._ready:
                    await self._take_or_wait(limit)
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See `tierdesk_bus.port.Consumer.ack`."""
        await self._settle(deliveries, ACK)

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """See `tierdesk_bus.port.Consumer.requeue`."""
        await self._settle(deliveries, GIVE_BACK)

    async def close(self) -> None:
        """Give back what is out and let another consumer become the active one."""
        if self._closed:
            return
        self._closed = True
        self._session.remove(self)
        with contextlib.suppress(*FAILURES):  # the end of the session gives back what cannot be given back now
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._taking is not None:
                    await asyncio.wait([self._taking])
                await self._settle_tags(list(self._out), GIVE_BACK)
                if self._active_in is not None and self._queue_id is not None:
                    async with self._connections.borrow() as connection:
                        await connection.execute(STEP_DOWN, self._queue_id, self._active_in, self._number)
        self._ready.clear()

    @property
    def _stands_by(self) -> bool:
        return self._single_active and self._active_in != self._session.id

    def _settle_on(self, queue_id: int, *, single_active: bool) -> None:
        if queue_id != self._queue_id:
            self._queue_id = queue_id
            self._single_active = single_active
            self._active_in = None
            self._wake.set()

    async def _claim(self, queue_id: int, session_id: int) -> bool:
        async with self._connections.borrow() as connection:
            if await connection.fetchval(CLAIM, queue_id, session_id, self._number):
                self._active_in = session_id
        return self._active_in == session_id

    async def _take_or_wait(self, limit: int) -> None:
        room = self._prefetch - len(self._out)
        if self._taking is None and room <= 0:
            self._settled.clear()
            await self._settled.wait()
        elif self._taking is None:
            await self._wake.wait()
            self._wake.clear()
            self._taking = asyncio.create_task(self._take(min(limit, room)))
        else:
            # A receive that runs out of time must not cancel it: what was leased would be known to nobody.
            if (
                not self._taking.done()
            ):  # to wait for one that is done takes a moment, which a look without time has not
                await asyncio.wait([self._taking])
            self._taking = None

    async def _take(self, limit: int) -> None:
        session_id, queue_id = self._session.id, self._queue_id
        if session_id is None or queue_id is None or self._closed:
            return
        try:
            if self._stands_by and not await self._claim(queue_id, session_id):
                return
            async with self._connections.borrow() as connection:
                if self._single_active:
                    rows = await connection.fetch(TAKE_ACTIVE, queue_id, limit, session_id, self._number)
                else:
                    rows = await connection.fetch(TAKE, queue_id, limit, session_id)
        except FAILURES as error:
            log.info("%s: could not take messages: %r", self.queue, error)
            if not is_rolled_back(error):
                self._session.abandon(session_id)
            return
        if session_id != self._took_in:
            self._took_in = session_id
            self._out.clear()
        deliveries = [self._delivery_of(row, session_id, queue_id) for row in rows]
        self._out.update(delivery.tag for delivery in deliveries if isinstance(delivery.tag, PostgresTag))
        self._ready.extend(deliveries)
        if len(rows) == limit:
            self._wake.set()

    def _delivery_of(self, row: Record, session_id: int, queue_id: int) -> Delivery:
        headers = row["headers"]
        return Delivery(
            namespace=self._namespace,
            queue=self.queue,
            key=row["key"],
            id=row["id"],
            body=row["body"],
            content_type=row["content_type"],
            headers=json.loads(headers) if headers else {},
            redeliveries=row["deliveries"] - 1,
            tag=PostgresTag(session_id, queue_id, row["position"], row["deliveries"]),
        )

    async def _settle(self, deliveries: Iterable[Delivery], statement: str) -> None:
        tags = [delivery.tag for delivery in deliveries]
        await self._settle_tags([tag for tag in tags if isinstance(tag, PostgresTag) and tag in self._out], statement)

    async def _settle_tags(self, tags: Sequence[PostgresTag], statement: str) -> None:
        """Settle them in the database. If that fails, a new session makes sure that they come again."""
        for session_id, queue_id in {(tag.session, tag.queue_id) for tag in tags}:
            positions = [tag.position for tag in tags if (tag.session, tag.queue_id) == (session_id, queue_id)]
            try:
                async with self._connections.borrow() as connection:
                    await connection.execute(statement, queue_id, positions, session_id)
            except FAILURES as error:
                log.info("%s: could not settle %d deliveries, they come again: %r", self.queue, len(tags), error)
                self._session.abandon(session_id)
        self._out.difference_update(tags)
        self._settled.set()
