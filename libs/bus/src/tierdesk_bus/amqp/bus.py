"""The bus on RabbitMQ: for each namespace a virtual host, with one connection to publish and one to consume.

Two, because a broker short of memory or disk stops reading from connections that publish; acknowledgements must not
be held up with them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import aiormq
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from yarl import URL

from tierdesk_bus.amqp.consuming import AmqpConsumer
from tierdesk_bus.amqp.link import Link, translate_loss
from tierdesk_bus.amqp.management import Management
from tierdesk_bus.amqp.publishing import Lane
from tierdesk_bus.amqp.topology import (
    QueueGoneError,
    QueueOfOldError,
    check_queue_of_old,
    declare_on,
    split_by_namespace,
)
from tierdesk_bus.amqp.wire import read_leniently
from tierdesk_bus.port import (
    HOME,
    BusError,
    BusUnavailableError,
    Message,
    NamespaceMissingError,
    PublishResult,
    Queue,
    Topology,
)
from tierdesk_bus.state import BusState, QueueState

REACH_SECONDS = 10.0
"""How long `declare` and `depth` wait for a connection."""
PING_SECONDS = 3.0
FIRST_SUBSCRIPTION_SECONDS = 5.0


@dataclass
class _VirtualHost:
    publishing: Link
    consuming: Link
    asking: Link
    """Declarations and questions. The broker reads a consuming connection slowly while many acknowledgements come on it;
    a question that is cut off for slowness must not take the consumers with it."""
    lanes: dict[str, Lane] = field(default_factory=dict)
    old_queues: set[str] = field(default_factory=set)
    """Without a delivery limit of their own. Known, the broker need not refuse one, and log it, at each declaration."""

    def lane(self, exchange: str) -> Lane:
        """Answer the lane to an exchange."""
        if exchange not in self.lanes:
            self.lanes[exchange] = Lane(self.publishing)
        return self.lanes[exchange]


class AmqpBus:
    """See `tierdesk_bus.port.Bus`. Connections are opened on first use and come back by themselves."""

    def __init__(self, url: str, *, name: str, management_url: str | None, namespace_prefix: str) -> None:
        read_leniently()
        self._url = URL(url)
        self._name = name
        self._prefix = namespace_prefix
        self._management = Management(management_url) if management_url else None
        self._hosts: dict[str, _VirtualHost] = {}
        self._consumers: set[AmqpConsumer] = set()
        self._host(HOME)

    async def wait_for_connection(self) -> None:
        """Wait until the home namespace is connected; it has no bound of its own."""
        host = self._host(HOME)
        await host.publishing.wait_for_connection()
        await host.consuming.wait_for_connection()
        await host.asking.wait_for_connection()

    async def declare(self, topology: Topology) -> None:
        """See `tierdesk_bus.port.Bus.declare`."""
        for namespace, part in split_by_namespace(topology).items():
            await self._reach(namespace)
            await self._declare_part(namespace, part)
            if self._management is not None:
                for queue in part.queues:
                    if queue.max_length is not None:
                        await self._management.limit_queue(
                            self._vhost(namespace), queue.name, max_length=queue.max_length
                        )

    async def _declare_part(self, namespace: str, part: Topology) -> None:
        old = self._host(namespace).old_queues
        while True:
            try:
                async with self._short_channel(namespace) as channel:
                    await declare_on(channel, part, old=old)
            except QueueOfOldError as error:
                async with self._short_channel(namespace) as channel:
                    await check_queue_of_old(channel, error.queue)
                old.add(error.queue.name)
            except QueueGoneError as error:
                old.discard(error.queue.name)
            else:
                return

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float) -> list[PublishResult]:
        """See `tierdesk_bus.port.Bus.publish`."""
        by_lane: dict[tuple[str, str], list[int]] = {}
        for index, message in enumerate(batch):
            by_lane.setdefault((message.address.namespace, message.address.exchange), []).append(index)
        fates = [PublishResult.UNKNOWN] * len(batch)

        async def publish_part(namespace: str, exchange: str, indexes: list[int]) -> None:
            lane = self._host(namespace).lane(exchange)
            part = await lane.publish(
                [batch[index] for index in indexes], timeout_seconds=timeout_seconds, patient=namespace == HOME
            )
            for index, fate in zip(indexes, part, strict=True):
                fates[index] = fate

        await asyncio.gather(*(publish_part(*lane, indexes) for lane, indexes in by_lane.items()))
        return fates

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> AmqpConsumer:
        """See `tierdesk_bus.port.Bus.consume`. Does not wait for a broker that is down."""
        link = self._host(namespace).consuming
        consumer = AmqpConsumer(link, queue=queue, namespace=namespace, prefetch=prefetch)
        self._consumers = {known for known in self._consumers if not known.is_closed} | {consumer}
        if link.connection is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SUBSCRIPTION_SECONDS):
                    await consumer.wait_for_attempt()
        return consumer

    async def depth(self, queue: str, *, namespace: str = HOME) -> int:
        """See `tierdesk_bus.port.Bus.depth`."""
        await self._reach(namespace)
        async with self._short_channel(namespace) as channel:
            answer = await channel.queue_declare(queue, passive=True, timeout=REACH_SECONDS)
            return answer.message_count or 0

    async def look_at(self, queues: Sequence[Queue], management: Management | None) -> BusState:
        """The server, and each of these queues as it stands. Raises `BusError`."""
        await self._reach(HOME)
        connection = self._host(HOME).asking.connection
        version = "" if connection is None else str(connection.server_properties.get("version", ""))
        states = [await self._look_at_one(queue, management) for queue in queues]
        return BusState("RabbitMQ", version, tuple(states))

    async def _look_at_one(self, queue: Queue, management: Management | None) -> QueueState:
        try:
            await self._reach(queue.namespace)
            async with self._short_channel(queue.namespace) as channel:
                answer = await channel.queue_declare(queue.name, passive=True, timeout=REACH_SECONDS)
            rules = arguments = None
            if management is not None:
                rules, arguments = await management.rules_of(self._vhost(queue.namespace), queue.name)
        except BusError as error:
            return QueueState(queue, fault=str(error))
        return QueueState(queue, answer.message_count or 0, answer.consumer_count or 0, rules, arguments)

    async def ping(self) -> None:
        """See `tierdesk_bus.port.Bus.ping`. Asks on a connection that an alarm does not block."""
        try:
            async with asyncio.timeout(PING_SECONDS), self._short_channel(HOME):
                pass
        except TimeoutError as error:
            raise BusUnavailableError(f"RabbitMQ did not answer within {PING_SECONDS} seconds") from error

    async def close(self) -> None:
        """See `tierdesk_bus.port.Bus.close`."""
        await asyncio.gather(*(consumer.close() for consumer in self._consumers))
        links = [link for host in self._hosts.values() for link in (host.publishing, host.consuming, host.asking)]
        await asyncio.gather(*(link.close() for link in links))
        if self._management is not None:
            await self._management.close()

    def _vhost(self, namespace: str) -> str:
        if namespace == HOME:
            return self._url.path[1:] or "/"
        return f"{self._prefix}{namespace}"

    def _host(self, namespace: str) -> _VirtualHost:
        if namespace not in self._hosts:
            url = self._url
            if namespace != HOME:
                path = "/" + quote(self._vhost(namespace), safe="")
                url = url.with_path(path, encoded=True).with_query(self._url.query)
            label = f"{self._name} {self._vhost(namespace)}"
            self._hosts[namespace] = _VirtualHost(
                publishing=Link(url, label=f"{label} publish"),
                consuming=Link(url, label=f"{label} consume"),
                asking=Link(url, label=f"{label} ask"),
            )
        return self._hosts[namespace]

    async def _reach(self, namespace: str) -> None:
        """Have the namespace connected; make it first if it is missing and the management API is known."""
        host = self._host(namespace)
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await host.asking.wait_for_attempt()
                if isinstance(host.asking.failure, NamespaceMissingError):
                    if self._management is None:
                        raise host.asking.failure
                    await self._management.create_namespace(self._vhost(namespace), user=self._url.user or "guest")
                    host.publishing.hurry()
                    host.consuming.hurry()
                    host.asking.hurry()
                await host.asking.wait_for_connection()
        except TimeoutError as error:
            reason = host.asking.failure
            raise BusUnavailableError(f"no connection to {self._vhost(namespace)!r} in time: {reason}") from error

    @contextlib.asynccontextmanager
    async def _short_channel(self, namespace: str) -> AsyncIterator[aiormq.Channel]:
        """Open a channel for one purpose; a failure on it, which closes it, is told as `BusError`."""
        link = self._host(namespace).asking
        channel: aiormq.Channel | None = None
        try:
            with translate_loss():
                channel = await link.open_channel(confirms=False)
                yield channel
        except aiormq.AMQPChannelError as error:
            raise BusError(f"RabbitMQ refused it in the virtual host {self._vhost(namespace)!r}: {error}") from error
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            raise BusUnavailableError(f"the connection was lost or is too slow: {error!r}") from error
        finally:
            if channel is not None:
                link.discard(channel)
