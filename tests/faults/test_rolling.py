"""F19: every service is stopped in order and started again, under load, and no client notices."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from bus.operators import api_options, vhost_of

from .broker_access import SERVICE_QUEUES
from .field import SERVICES, Field, Ground, running_field
from .load import Book
from .run import Work, run
from .scale import IS_LONG

ROUNDS = 30 if IS_LONG else 10


@pytest.mark.faults
@pytest.mark.timeout(1200)
async def test_rolling_restarts_fail_no_request_and_repeat_no_finished_work(ground, tell):
    """While a replica is not there, its clients go to the other, as a balancer would send them."""
    codes: list[int] = []

    async def roll(desk: Field, book: Book) -> None:
        async def roll_one(name: str) -> None:
            for number in range(ROUNDS):
                process = desk.replicas[name][number % 2]
                codes.append(await asyncio.to_thread(process.stop))
                process.start()
                await asyncio.to_thread(process.wait_until_ready)

        await asyncio.gather(*(roll_one(name) for name in SERVICES))

    async with running_field(ground) as desk:
        outcome = await run(desk, Work(400, per_second=15), roll)
        again = await _redelivered(ground)
    tell(outcome.line(f"{len(codes)} restarts, delivered again {again}"))
    outcome.expect_nothing_amiss()
    assert set(codes) == {0}, "each drains within its time"
    assert set(outcome.book.refused) <= {0, 503}


async def _redelivered(ground: Ground) -> dict[str, int]:
    async with httpx2.AsyncClient(**api_options(ground.broker.management_url)) as api:
        queues = (await api.get(f"queues/{vhost_of(ground.amqp_url)}")).json()
    return {
        queue["name"]: queue.get("message_stats", {}).get("redeliver", 0)
        for queue in queues
        if queue["name"] in SERVICE_QUEUES
    }
