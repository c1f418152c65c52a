"""Declaring exchanges, queues and bindings in one virtual host."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import aiormq
from pamqp.common import FieldTable

from tierdesk_bus.port import Binding, Exchange, Queue, Topology

STEP_SECONDS = 30.0
"""How long the broker may take for one declaration; a new quorum queue on a busy cluster needs seconds."""
DELIVERY_LIMIT: Final = 1_000_000_000
"""How often the broker delivers a message before it drops it: never, in effect. RabbitMQ 4 drops after 20 where nothing
is said; no limit at all (-1) is understood from 4.0 on, and RabbitMQ 3 takes it for "at once". See decision 12."""
_LIMIT: Final = "x-delivery-limit"


def split_by_namespace(topology: Topology) -> dict[str, Topology]:
    """Answer the parts of a topology by the namespace that they stand in."""
    items: tuple[Exchange | Queue | Binding, ...] = (*topology.exchanges, *topology.queues, *topology.bindings)
    namespaces = dict.fromkeys(item.namespace for item in items)
    return {
        namespace: Topology(
            tuple(exchange for exchange in topology.exchanges if exchange.namespace == namespace),
            tuple(queue for queue in topology.queues if queue.namespace == namespace),
            tuple(binding for binding in topology.bindings if binding.namespace == namespace),
        )
        for namespace in namespaces
    }


class QueueOfOldError(Exception):
    """The queue exists, as an earlier release declared it: without a delivery limit, and none can be given to it."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(queue.name)
        self.queue = queue


class QueueGoneError(Exception):
    """A queue that was there without a delivery limit is there no more: it can be declared anew, with one."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(queue.name)
        self.queue = queue


async def declare_on(channel: aiormq.Channel, part: Topology, *, old: Collection[str] = ()) -> None:
    """Declare all of it; the broker closes the channel at the first that contradicts what exists.

    `old` names queues that are known to stand there without a delivery limit. Raises `QueueOfOldError` for one that is
    not known as such, and `QueueGoneError`; the channel is closed then too.
    """
    for exchange in part.exchanges:
        await channel.exchange_declare(exchange.name, exchange_type=exchange.kind, durable=True, timeout=STEP_SECONDS)
    for queue in part.queues:
        if queue.name in old:
            await _find_queue(channel, queue)
        else:
            await _declare_queue(channel, queue)
    for binding in part.bindings:
        await channel.queue_bind(binding.queue, binding.exchange, routing_key=binding.pattern, timeout=STEP_SECONDS)


async def check_queue_of_old(channel: aiormq.Channel, queue: Queue) -> None:
    """Have the broker compare all but the delivery limit; it closes the channel at a contradiction."""
    await channel.queue_declare(queue.name, durable=True, arguments=_arguments(queue), timeout=STEP_SECONDS)


async def _declare_queue(channel: aiormq.Channel, queue: Queue) -> None:
    arguments = _arguments(queue) | {_LIMIT: DELIVERY_LIMIT}
    try:
        await channel.queue_declare(queue.name, durable=True, arguments=arguments, timeout=STEP_SECONDS)
    except aiormq.ChannelPreconditionFailed as error:
        if _LIMIT not in str(error):
            raise
        raise QueueOfOldError(queue) from error


async def _find_queue(channel: aiormq.Channel, queue: Queue) -> None:
    try:
        await channel.queue_declare(queue.name, passive=True, timeout=STEP_SECONDS)
    except aiormq.ChannelNotFoundEntity as error:
        raise QueueGoneError(queue) from error


def _arguments(queue: Queue) -> FieldTable:
    """A queue cannot be declared again with other arguments: so only what no policy can set, and the delivery limit."""
    arguments: FieldTable = {"x-queue-type": "quorum"}
    if queue.single_active:
        arguments["x-single-active-consumer"] = True
    return arguments
