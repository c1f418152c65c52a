"""Choosing the adapter."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

from tierdesk_bus.amqp import AmqpBus
from tierdesk_bus.port import Bus
from tierdesk_bus.postgres import PostgresBus


async def connect(
    url: str,
    *,
    name: str,
    management_url: str | None = None,
    namespace_prefix: str = "",
    wait_seconds: float = 10.0,
) -> Bus:
    """Connect to the bus that `url` names: `amqp://` and `amqps://` RabbitMQ, `postgresql://` PostgreSQL.

    Waits at most `wait_seconds` for the first connection and then answers the bus in any case, so that a service can
    start while its broker is down: the bus connects when it can, until then publishes are `UNKNOWN`, consumers receive
    nothing, and `ping` raises `BusUnavailableError`. Raises `ValueError` for another kind of URL.

    `name` is what the server's own tools show for the connections. `management_url` (RabbitMQ only,
    `http://user:password@host:15672`) allows `declare` to make virtual hosts and limit queues. The namespace `x` is
    the virtual host, or on PostgreSQL the namespace, `{namespace_prefix}x`; home is the URL's own virtual host, or on
    PostgreSQL what its query parameter `namespace` says.
    """
    scheme = urlsplit(url).scheme
    bus: AmqpBus | PostgresBus
    if scheme in {"amqp", "amqps"}:
        bus = AmqpBus(url, name=name, management_url=management_url, namespace_prefix=namespace_prefix)
    elif scheme in {"postgresql", "postgres"}:
        bus = PostgresBus(url, name=name, namespace_prefix=namespace_prefix)
    else:
        raise ValueError(f"no bus for {scheme!r}: the URL must begin with amqp://, amqps:// or postgresql://")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            await bus.wait_for_connection()
    return bus
