"""F1: services are killed with SIGKILL under load; the ledger tells what was lost, doubled or put out of order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from .field import SERVICES, Field, Plan, running_field
from .load import Book
from .run import Disturb, Work, run
from .scale import KILLS, LIMIT_SECONDS, SEED, TICKETS


def kill_at_random(kills: int, victims: Sequence[str] = SERVICES) -> Disturb:
    """Kill a replica of these services every now and then, also while it starts, and start it again at once."""
    dice = random.Random(SEED)

    async def disturb(desk: Field, book: Book) -> None:
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(0.5, 3.0))
            victim = dice.choice(desk.replicas[dice.choice(victims)])
            await asyncio.to_thread(victim.kill9)
            victim.start()

    return disturb


@pytest.mark.timeout(300)
async def test_nothing_is_lost_doubled_or_reordered_when_services_are_killed(cold_ground, tell):
    async with running_field(cold_ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(150, per_second=20), kill_at_random(5))
    tell(outcome.line("5 kills"))
    outcome.expect_nothing_amiss()


@pytest.mark.faults
@pytest.mark.timeout(LIMIT_SECONDS)
async def test_two_replicas_of_each_service_lose_nothing_however_often_they_are_killed(ground, tell):
    async with running_field(ground) as desk:
        outcome = await run(desk, Work(TICKETS, per_second=TICKETS / (2 * KILLS)), kill_at_random(KILLS))
    tell(outcome.line(f"{KILLS} kills"))
    outcome.expect_nothing_amiss()


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_with_acknowledgement_before_commit_the_ledger_shows_the_loss(ground, tell):
    """The negative control: the same run with one safety rule off must lose, or the ledger proves nothing."""
    plan = Plan(replicas=1, unsafe={"router": "ack_before_commit"})
    async with running_field(ground, plan) as desk:
        work = Work(tickets=800, per_second=40, settle_seconds=20)
        outcome = await run(desk, work, kill_at_random(12, victims=["router"]))
    tell(outcome.line("12 kills of a router that acknowledges before it commits"))
    assert outcome.ledger.lost
