"""A whole consumer in one call, from a URL to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Unpack

from tierdesk_bus import HOME, connect
from tierdesk_tier.consumer import Options, TierConsumer, Worker, WorkFunction


async def serve_tier(
    bus_url: str,
    *,
    tenant: str = "main",
    tier: str,
    group: str,
    worker: Worker,
    work: WorkFunction,
    stop: asyncio.Event | None = None,
    **options: Unpack[Options],
) -> None:
    """Work for a group in house until `stop` is set, or without it until SIGINT or SIGTERM."""
    bus = await connect(bus_url, name=f"tier {tier}/{group}")
    try:
        consumer = TierConsumer.in_house(
            bus, tenant=tenant, tier=tier, group=group, worker=worker, work=work, **options
        )
        async with until_stopped(stop) as stopping:
            await consumer.run(stopping)
    finally:
        await bus.close()


async def serve_vendor(
    bus_url: str,
    *,
    worker: Worker,
    work: WorkFunction,
    namespace: str = HOME,
    namespace_prefix: str = "",
    stop: asyncio.Event | None = None,
    **options: Unpack[Options],
) -> None:
    """Work for a vendor until `stop` is set, or without it until SIGINT or SIGTERM.

    A vendor's own URL names its namespace; the other two are for whoever may enter several.
    """
    bus = await connect(bus_url, name="vendor", namespace_prefix=namespace_prefix)
    try:
        consumer = TierConsumer.vendor(bus, namespace=namespace, worker=worker, work=work, **options)
        async with until_stopped(stop) as stopping:
            await consumer.run(stopping)
    finally:
        await bus.close()


@contextlib.asynccontextmanager
async def until_stopped(stop: asyncio.Event | None = None) -> AsyncIterator[asyncio.Event]:
    """The given event; without one, an event that SIGINT and SIGTERM set while the block runs."""
    if stop is not None:
        yield stop
        return
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
