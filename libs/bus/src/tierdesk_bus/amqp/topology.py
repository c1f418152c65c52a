"""Declaring exchanges, queues and bindings in one virtual host."""

from __future__ import annotations

import aiormq
from pamqp.common import FieldTable

from tierdesk_bus.port import Binding, Exchange, Queue, Topology

STEP_SECONDS = 30.0
"""How long the broker may take for one declaration; a new quorum queue on a busy cluster needs seconds."""


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


async def declare_on(channel: aiormq.Channel, part: Topology) -> None:
    """Declare all of it; the broker closes the channel at the first that contradicts what exists."""
    for exchange in part.exchanges:
        await channel.exchange_declare(exchange.name, exchange_type=exchange.kind, durable=True, timeout=STEP_SECONDS)
    for queue in part.queues:
        await channel.queue_declare(queue.name, durable=True, arguments=_arguments(queue), timeout=STEP_SECONDS)
    for binding in part.bindings:
        await channel.queue_bind(binding.queue, binding.exchange, routing_key=binding.pattern, timeout=STEP_SECONDS)


def _arguments(queue: Queue) -> FieldTable:
    """Only what no policy can set: a queue cannot be declared again with other arguments, policies can change."""
    arguments: FieldTable = {"x-queue-type": "quorum"}
    if queue.single_active:
        arguments["x-single-active-consumer"] = True
    return arguments
