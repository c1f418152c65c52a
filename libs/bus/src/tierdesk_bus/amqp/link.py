"""One connection to one virtual host that comes back by itself.

aio-pika's robust connection is not used. It restores channels and queues by declaring them again, which a party
without the right to configure cannot; it waits for the connection without a bound before each publish; and it hides
the moment of the loss, which the fates of publishes and the validity of acknowledgements depend on. Here the
connection is aiormq's plain one, tapped. Whoever holds a channel is told of its end and opens another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Coroutine, Iterator

import aiormq
from yarl import URL

from tierdesk_bus.amqp.tap import TappedConnection
from tierdesk_bus.port import BusUnavailableError, NamespaceMissingError

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
HEARTBEAT_SECONDS = 10
"""Both sides send at half of it. The broker drops a silent client after twice, aiormq a silent broker after three times."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
CLOSE_SECONDS = 5.0


async def close_quietly(closing: Awaitable[object]) -> None:
    """Wait for a close, but not for a peer that is gone, and whatever it was closed for."""
    with contextlib.suppress(Exception), translate_loss():
        async with asyncio.timeout(CLOSE_SECONDS):
            await closing


@contextlib.contextmanager
def translate_loss() -> Iterator[None]:
    """Raise `ConnectionResetError` where aiormq tells of a lost connection by `CancelledError` or a bare `Exception`.

    It does so for calls that were waiting when the connection went away; a task that took the first for a real
    cancellation would end without a word. A real one that was swallowed is raised again: `asyncio.wait_for` of
    Python 3.11, by which aiormq waits, prefers an answer that came in the same turn of the loop, and a task that went
    on with it would never end.
    """
    lost = "the connection to RabbitMQ was lost"
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        yield
    except asyncio.CancelledError:
        if task.cancelling() > before:
            raise
        raise ConnectionResetError(lost) from None
    except Exception as error:
        if task.cancelling() > before:
            raise asyncio.CancelledError from error
        if type(error) is Exception:
            raise ConnectionResetError(lost) from None
        raise
    if task.cancelling() > before:
        raise asyncio.CancelledError


class Chores:
    """Tasks that nobody waits for, held by strong references until they end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, chore: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run it in the background."""
        task = asyncio.create_task(chore)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self) -> None:
        """Wait for all of them."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


class Link:
    """Keeps one connection to one virtual host; a bus has one to publish and one to consume for each namespace."""

    def __init__(self, url: URL, *, label: str) -> None:
        if "heartbeat" not in url.query:
            url = url.update_query(heartbeat=HEARTBEAT_SECONDS)
        self._url = url
        self._label = label
        self._connection: TappedConnection | None = None
        self._failure: BaseException | None = None
        self._changed = asyncio.Condition()
        self._hurry = asyncio.Event()
        self._chores = Chores()
        self._keeper = asyncio.create_task(self._keep(), name=f"bus link {label}")

    @property
    def connection(self) -> TappedConnection | None:
        """The open connection, if there is one now."""
        return self._connection

    @property
    def failure(self) -> BaseException | None:
        """Why the last attempt to connect failed; nothing while connected or before the first attempt has ended."""
        return self._failure

    async def wait_for_connection(self) -> TappedConnection:
        """Wait until there is one. It has no bound of its own: call it under a timeout."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._connection is not None)
            assert self._connection is not None
            return self._connection

    async def wait_for_attempt(self) -> None:
        """Wait until the first attempt, or the one asked for by `hurry`, has succeeded or failed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._connection is not None or self._failure is not None)

    async def open_channel(self, *, confirms: bool) -> aiormq.Channel:
        """Open a channel on the connection that is there now; a caller without patience cancels it.

        aio-pika's channel object is passed over: each one leaves a callback behind on the connection, and its
        publish waits for one confirmation at a time.
        """
        connection = self._connection
        if connection is None:
            raise BusUnavailableError(f"{self._label}: not connected to RabbitMQ ({self._failure}); it goes on trying")
        with translate_loss():
            await connection.ready()  # waits while a broker short of memory or disk blocks its publishers
            channel = await connection.channel(publisher_confirms=confirms, on_return_raises=True)
        assert isinstance(channel, aiormq.Channel)
        return channel

    def discard(self, channel: aiormq.Channel) -> asyncio.Task[None]:
        """Throw a channel away; one whose end the broker does not acknowledge in time takes its connection along."""
        return self._chores.start(self._discard(channel))

    async def _discard(self, channel: aiormq.Channel) -> None:
        reason = ConnectionAbortedError("the channel was thrown away")
        await close_quietly(channel.close(reason))
        connection = channel.connection
        ended = channel.is_closed and connection.channels.get(channel.number) is not channel
        if not ended and not connection.is_closed:
            log.warning("%s: the broker does not answer; dropping the connection", self._label)
            await close_quietly(connection.close(reason))

    def hurry(self) -> None:
        """Try to connect now instead of after the pause, as when the virtual host has just been made."""
        self._failure = None
        self._hurry.set()

    async def close(self) -> None:
        """Close the connection and try no more."""
        await self._chores.finish()
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        said = ""
        while True:
            connection = TappedConnection(self._url, label=self._label)
            try:
                with translate_loss():
                    async with asyncio.timeout(CONNECT_SECONDS):
                        await connection.connect()
                        await connection.ready()
                pause_seconds, said = FIRST_PAUSE_SECONDS, ""
                await self._serve(connection)
                log.warning("%s: the connection is lost", self._label)
            except Exception as error:  # noqa: BLE001 - whatever a broker answers, the next attempt may succeed
                failure = self._explain(error)
                if str(failure) != said:
                    said = str(failure)
                    log.warning("%s: cannot connect, trying on: %s", self._label, said)
                await self._tell(None, failure)
            finally:
                await close_quietly(connection.close(ConnectionAbortedError("the bus has done with the connection")))
            await self._pause(pause_seconds)
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    def _explain(self, error: Exception) -> Exception:
        # aiormq 7.2 tells of a refused virtual host as of an unexpected frame, and loses the broker's words.
        refused = isinstance(error, aiormq.InvalidFrameError) and "Connection.OpenOk" in str(error)
        if not refused and not isinstance(error, aiormq.ConnectionNotAllowed):
            return error
        vhost = self._url.path[1:] or "/"
        return NamespaceMissingError(
            f"RabbitMQ refused the virtual host {vhost!r}: it does not exist, or the user {self._url.user!r} may not "
            f"use it. Create it (rabbitmqctl add_vhost, set_permissions), or name the management API"
        )

    async def _serve(self, connection: TappedConnection) -> None:
        await self._tell(connection, None)
        try:
            await asyncio.wait([connection.closing])
        finally:
            self._connection = None

    async def _tell(self, connection: TappedConnection | None, failure: BaseException | None) -> None:
        async with self._changed:
            self._connection = connection
            self._failure = failure
            self._changed.notify_all()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * random.uniform(0.5, 1.5)):  # noqa: S311 - spreads the reconnects
                await self._hurry.wait()
        self._hurry.clear()
