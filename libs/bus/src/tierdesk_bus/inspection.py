"""How the bus stands: its version, its queues and who reads them. Looks only; declares and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from tierdesk_bus.amqp import AmqpBus
from tierdesk_bus.amqp.management import Management
from tierdesk_bus.port import BusUnavailableError, Queue
from tierdesk_bus.postgres.inspection import inspect_postgres
from tierdesk_bus.state import BusState, QueueState

__all__ = ["BusState", "QueueState", "inspect"]


async def inspect(
    url: str,
    queues: Sequence[Queue],
    *,
    name: str,
    management_url: str | None = None,
    namespace_prefix: str = "",
    timeout_seconds: float = 15.0,
) -> BusState:
    """Look at the bus that `url` names and at these queues of it; arguments as for `tierdesk_bus.connect`.

    Raises `BusError` when the bus does not answer in time; what is wrong with one queue stands with that queue.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            if urlsplit(url).scheme in {"amqp", "amqps"}:
                return await _inspect_rabbitmq(url, queues, name, management_url, namespace_prefix)
            return await inspect_postgres(url, queues, name=name, namespace_prefix=namespace_prefix)
    except TimeoutError as error:
        raise BusUnavailableError(f"the bus did not answer within {timeout_seconds:g} seconds") from error


async def _inspect_rabbitmq(
    url: str, queues: Sequence[Queue], name: str, management_url: str | None, namespace_prefix: str
) -> BusState:
    # Without the management API at hand, the bus cannot make a virtual host that is missing.
    bus = AmqpBus(url, name=name, management_url=None, namespace_prefix=namespace_prefix)
    management = Management(management_url) if management_url else None
    try:
        return await bus.look_at(queues, management)
    finally:
        await bus.close()
        if management is not None:
            await management.close()
