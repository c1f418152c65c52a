"""The desk in containers, under load: killed, rolled, scaled up and down; the ledger afterwards.

Builds the images and starts all of it on whatever engine answers: `make compose-test`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator

import pytest

from faults.ledger import draw_up, is_settled
from faults.load import Book, Load
from faults.people import Office, run_people

from .composition import Composition

pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]

SEED = 20261122
TICKETS = int(os.environ.get("TIERDESK_COMPOSE_TICKETS", "2000"))
PER_SECOND = 5.0
"""Slow enough that the load outlasts the disturbance on a machine of two busy cores."""
SETTLE_SECONDS = 300.0
SERVICES = ("intake", "router", "sla", "kb", "bridge", "desk")


WORKED = "workplace"


@pytest.fixture
def worked():
    return WORKED


@contextlib.asynccontextmanager
async def working_tiers(desk: Composition) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    office = Office([desk.url], desk.database_url(), desk.bus_url(), groups={"l2": WORKED})
    workers = asyncio.create_task(run_people(office, stop))
    try:
        yield workers
    finally:
        stop.set()
        await asyncio.gather(workers, return_exceptions=True)


async def disturb(desk: Composition) -> int:
    """Kill one container of each service, roll each once, scale up and down; answer the number of kills."""
    for service in SERVICES:
        await asyncio.to_thread(desk.kill, desk.containers(service)[0], service)
        await asyncio.to_thread(desk.wait_until_healthy, service)
    for service in ("intake", "router"):
        await asyncio.to_thread(desk.scale, service, 3)
    for service in ("intake", "router"):
        await asyncio.to_thread(desk.scale, service, 1)
    for service in ("intake", "router"):
        await asyncio.to_thread(desk.scale, service, 2)
    for service in SERVICES:
        before = set(desk.containers(service))
        await asyncio.to_thread(desk.roll, service)
        after = set(desk.containers(service))
        assert len(after) == len(before)
        assert not before & after, f"{service} still runs a container from before"
    return len(SERVICES)


async def test_nothing_is_lost_while_containers_are_killed_rolled_and_scaled(desk):
    await asyncio.to_thread(desk.start, intake=2, router=2, desk=2)
    key, database_url = await asyncio.to_thread(desk.local_key), desk.database_url()
    started, book = time.monotonic(), Book()
    async with working_tiers(desk) as workers:
        load = Load([desk.url], key, TICKETS, PER_SECOND, SEED)
        posting = asyncio.create_task(load.post_all(book))
        try:
            kills = await disturb(desk)
            under_load = not posting.done()
            disturbed = time.monotonic() - started
            await posting
            end = time.monotonic() + SETTLE_SECONDS
            while time.monotonic() < end and not await is_settled(database_url, TICKETS, heard=False):
                assert not workers.done(), "the workers have ended"
                await asyncio.sleep(1.0)
            ledger = await draw_up(database_url, book, heard=False)
        finally:
            posting.cancel()
            await asyncio.gather(posting, return_exceptions=True)
    line = f"{ledger.line(TICKETS)}, {kills} kills, seed={SEED}"
    print(
        f"\n{line} (answers other than 202: {dict(book.refused) or 0}, "
        f"disturbed for {disturbed:.0f} s of {time.monotonic() - started:.0f} s)"
    )
    assert ledger.is_clean, "\n".join([line, *ledger.examples(most=20), desk.logs(*SERVICES)])
    assert len(book.tickets) == TICKETS
    assert under_load, "the load ended before the disturbance did: post more tickets (TIERDESK_COMPOSE_TICKETS)"
