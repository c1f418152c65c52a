"""People work tickets while the desk's replicas, and the services behind it, are killed."""

from __future__ import annotations

import pytest

from .field import PEOPLE, Plan, running_field
from .people import WORKED, office_of, run_people
from .run import Work, run
from .scale import KILLS, LIMIT_SECONDS
from .test_kills import kill_at_random
from .workers import POLICY

GROUPS = {"desk_groups": ",".join(WORKED.values())}
PUSHING = POLICY.replace("name: Service desk}", "name: Service desk, assign: push}").replace(
    "name: Workplace}", "name: Workplace, assign: push}"
)
KILLED = ("desk", "desk", "router")
"""The desk twice as often as the router."""


def at_work(desk, tickets, *, per_second, careful=True, takes=True, settle_seconds=120.0):
    async def workers(amqp_url, namespace_prefix, stop):
        await run_people(office_of(desk), stop, careful=careful, takes=takes)

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


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_work_that_is_handed_out_has_one_owner_whichever_replica_is_killed(ground, tell):
    """Nobody takes anything by themselves here: what is worked was handed out, by two replicas that are killed in between."""
    async with running_field(ground, Plan(services=PEOPLE, policy=PUSHING, extra=GROUPS)) as desk:
        outcome = await run(desk, at_work(desk, 60, per_second=10, takes=False), kill_at_random(4, KILLED))
    tell(outcome.line("4 kills of desk and router, work handed out"))
    outcome.expect_nothing_amiss()
