"""People work tickets while the desk's replicas, and the services behind it, are killed."""

from __future__ import annotations

import pytest

from .field import PEOPLE, Plan, running_field
from .people import WORKED, office_of, run_people
from .run import Work, run
from .scale import KILLS, LIMIT_SECONDS
from .test_kills import kill_at_random

GROUPS = {"desk_groups": ",".join(WORKED.values())}
KILLED = ("desk", "desk", "router")
"""The desk twice as often as the router."""


def at_work(desk, tickets, *, per_second, careful=True, settle_seconds=120.0):
    async def workers(amqp_url, namespace_prefix, stop):
        await run_people(office_of(desk), stop, careful=careful)

    return Work(tickets, per_second=per_second, settle_seconds=settle_seconds, workers=workers)


@pytest.mark.timeout(300)
async def test_people_lose_and_double_nothing_when_the_desk_is_killed(ground, tell):
    async with running_field(ground, Plan(services=PEOPLE, replicas=1, extra=GROUPS)) as desk:
        outcome = await run(desk, at_work(desk, 60, per_second=10), kill_at_random(4, KILLED))
    tell(outcome.line("4 kills of desk and router"))
    outcome.expect_nothing_amiss()


@pytest.mark.faults
@pytest.mark.timeout(LIMIT_SECONDS)
async def test_two_replicas_of_the_desk_lose_and_double_nothing_however_often_they_are_killed(ground, tell):
    tickets, kills = 250, KILLS // 2  # eight people are slower than machines; it goes on for as long as there are kills
    async with running_field(ground, Plan(services=PEOPLE, extra=GROUPS)) as desk:
        work = at_work(desk, tickets, per_second=tickets / (2 * kills), settle_seconds=240.0)
        outcome = await run(desk, work, kill_at_random(kills, KILLED))
    tell(outcome.line(f"{kills} kills of desk and router"))
    outcome.expect_nothing_amiss()
