"""What a further router is worth: 1, 2 and 4 of them in containers of a quarter core each, with a full queue.

`make compose-scale`. Measured from outside, on whatever machine this is: only the ratios mean something.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid

import asyncpg
import httpx2
import pytest

from .composition import Composition

pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]

BACKLOG = 5000
"""Tickets of one measurement."""
ROUTERS = (1, 2, 4)


@pytest.fixture
def overrides() -> tuple[str, ...]:
    return ("reachable.yml", "quarter_core.yml")


async def post_backlog(desk: Composition, key: str, count: int) -> None:
    """Post tickets in batches of 500, each line under its own key."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    run = uuid.uuid4().hex
    async with httpx2.AsyncClient(base_url=desk.url, headers=headers, timeout=60.0, trust_env=False) as http:
        for start in range(0, count, 500):
            lines = [
                json.dumps({"key": f"{run}-{number}", "event": problem(number)})
                for number in range(start, min(start + 500, count))
            ]
            answer = await http.post("/v1/events:batch", content="\n".join(lines))
            assert answer.status_code == 200, answer.text
            assert [json.loads(line)["status"] for line in answer.text.splitlines()] == [202] * len(lines)


def problem(number: int) -> dict[str, object]:
    return {
        "type": "problem_reported",
        "requester": {"party": f"person-{number % 50}", "phone": "12"},
        "title": f"Problem {number}",
        "category": "usage",
    }


async def count_routed(database: asyncpg.Connection) -> dict[str, int]:
    """How many tickets the router has opened, and how many offers it has published."""
    row = await database.fetchrow(
        "SELECT (SELECT count(*) FROM router.ticket) AS opened, "
        "(SELECT count(*) FROM router.outbox JOIN router.dispatch USING (partition, position)"
        " WHERE published_at IS NOT NULL AND type = 'work.offered.v1') AS offered"
    )
    return dict(row)


async def fill_queue(desk: Composition, key: str, database: asyncpg.Connection) -> None:
    """Return when the whole backlog has been published, while the routers stand still."""
    with desk.paused("router"):
        await post_backlog(desk, key, BACKLOG)
        while await database.fetchval("SELECT count(*) FROM intake.dispatch WHERE published_at IS NULL"):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.2)


async def routed_per_second(desk: Composition, key: str, database: asyncpg.Connection) -> dict[str, float]:
    """Tickets opened, and their offers published, a second, between the first and the last tenth of a backlog."""
    before = await count_routed(database)
    await fill_queue(desk, key, database)
    marks: dict[str, dict[float, float]] = {name: {} for name in before}
    end = time.monotonic() + 600
    while 0.9 not in marks["offered"]:
        assert time.monotonic() < end, f"the backlog is not routed after 600 s: {marks}\n{desk.logs('router')}"
        now = await count_routed(database)
        for name, times in marks.items():
            for part in (0.1, 0.9):
                if part not in times and now[name] - before[name] >= part * BACKLOG:
                    times[part] = time.monotonic()
        await asyncio.sleep(0.1)
    while await database.fetchval("SELECT count(*) FROM router.dispatch WHERE published_at IS NULL"):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.2)
    return {name: 0.8 * BACKLOG / (times[0.9] - times[0.1]) for name, times in marks.items()}


async def test_a_second_router_gives_at_least_1_7_times_one(desk):
    await asyncio.to_thread(desk.start, intake=1, router=1)
    key = await asyncio.to_thread(desk.local_key)
    # What follows tickets would compete with the routers for the machine, and is not what is measured.
    await asyncio.to_thread(desk.compose, "stop", "sla", "kb")
    database = await asyncpg.connect(desk.database_url())
    rates: dict[int, float] = {}
    try:
        for routers in ROUTERS:
            await asyncio.to_thread(desk.scale, "router", routers)
            await asyncio.sleep(5.0)  # consumers attached, caches made
            rate = await routed_per_second(desk, key, database)
            rates[routers] = rate["offered"]
            print(
                f"\n{routers} routers: {rate['opened']:.0f} tickets opened, {rate['offered']:.0f} offered a second",
                end="",
            )
    finally:
        await database.close()
    print()
    assert rates[2] >= 1.7 * rates[1], rates
