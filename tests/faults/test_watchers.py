"""F16, F17: watchers are killed, frozen and cut off; each promise that is broken is told once, none early, none that was kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import asyncpg
import orjson
import pytest

from .field import Ground
from .processes import ServiceProcess
from .promising import WITHIN, Promised
from .run import wait_for
from .scale import DEADLINES, LIMIT_SECONDS, SEED, STALL_SECONDS
from .watching import Watch, running_watchers

KILL_SECONDS = 2.0
DEADLINES_PER_SECOND = 200
KEPT_ONE_IN = 5
JUMP_SECONDS = 4.0


async def kill_in_turn(processes: Sequence[ServiceProcess], until: asyncio.Event) -> int:
    """Kill one after the other, every two seconds or so, and start it again at once; answers how often."""
    dice, kills = random.Random(SEED), 0
    while not until.is_set():
        await asyncio.sleep(KILL_SECONDS * dice.uniform(0.7, 1.3))
        victim = processes[kills % len(processes)]
        await asyncio.to_thread(victim.kill9)
        victim.start()
        kills += 1
    return kills


async def tell_and_kill(watch: Watch, deadlines: int) -> int:
    """Have so many promises fall due while the watchers are killed; answers how often they were."""
    over = asyncio.Event()
    killing = asyncio.create_task(kill_in_turn(watch.processes, over))
    tickets = deadlines // 4
    await watch.promises.open_over(tickets, deadlines / DEADLINES_PER_SECOND, kept_one_in=KEPT_ONE_IN)
    await watch.clock.sleep_until(watch.promises.last_due_at, at_most_seconds=60)
    over.set()
    return await killing


@pytest.mark.faults
@pytest.mark.timeout(LIMIT_SECONDS)
async def test_each_broken_promise_is_told_once_however_often_the_watchers_are_killed(ground, tell):
    async with running_watchers(ground) as watch:
        kills = await tell_and_kill(watch, DEADLINES)
        account = await watch.settle()
    tell(f"{account.line()}, {kills} kills, seed={SEED}")
    account.expect_nothing_amiss()
    assert account.fired == DEADLINES


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_without_claim_and_key_of_alerts_words_are_said_twice(ground, tell):
    """The negative control of "twice"."""
    async with running_watchers(ground, unsafe="no_alert_key") as watch:
        await watch.promises.open_over(200, 4, kept_one_in=KEPT_ONE_IN)
        account = await watch.settle()
    tell(f"{account.line()}, two watchers without claim and key, seed={SEED}")
    assert account.twice
    assert not account.lost


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_with_words_marked_before_the_confirm_a_death_between_loses_them(ground, tell):
    """The negative control of "lost"."""
    async with running_watchers(ground, replicas=1, unsafe="mark_before_confirm") as watch:
        (process,) = watch.processes
        await asyncio.to_thread(process.kill9)
        process.start(failpoint="relay.after_claim:3")
        await watch.promises.open_over(200, 4, kept_one_in=KEPT_ONE_IN)
        await wait_for(partial(_has_ended, process), seconds=60, what="the watcher dies at its failpoint")
        process.start()
        account = await watch.settle()
    tell(f"{account.line()}, a death of a watcher that marks before the confirm, seed={SEED}")
    assert account.lost


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_on_a_clock_that_is_ahead_words_are_said_early(ground, tell):
    """The negative control of "early"."""
    async with running_watchers(ground, ahead=timedelta(minutes=5)) as watch:
        await watch.promises.open_over(100, 2, kept_one_in=KEPT_ONE_IN)
        account = await watch.settle()
    tell(f"{account.line()}, watchers whose clock is five minutes ahead, seed={SEED}")
    assert account.early


async def _has_ended(process: ServiceProcess) -> bool:
    return process.exit_code is not None


@pytest.mark.faults
@pytest.mark.timeout(LIMIT_SECONDS)
async def test_a_watcher_that_is_frozen_and_goes_on_says_nothing_twice_or_early(ground, tell):
    """Each of the two in turn, while promises are made and fall due."""
    seconds = 2 * STALL_SECONDS + 10
    async with running_watchers(ground) as watch:
        opening = asyncio.create_task(watch.promises.open_over(round(seconds * 15), seconds, kept_one_in=KEPT_ONE_IN))
        for process in watch.processes:
            await asyncio.sleep(3)
            process.freeze()
            await asyncio.sleep(STALL_SECONDS)
            process.thaw()
        await opening
        account = await watch.settle()
        ended = [process.name for process in watch.processes if process.exit_code is not None]
    tell(f"{account.line()}, each watcher frozen for {STALL_SECONDS:.0f} s, seed={SEED}")
    account.expect_nothing_amiss()
    assert not ended


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_machine_whose_clock_jumps_by_an_hour_and_back_says_nothing_early_twice_or_never(ground, tell):
    """The one watcher's, the other's, both; the database's clock is right. An hour here is sixty of business."""
    jumps = [(place, hours) for place in ((0,), (1,), (0, 1)) for hours in (1, 0, -1, 0)]
    async with running_watchers(ground) as watch:
        seconds = len(jumps) * JUMP_SECONDS
        opening = asyncio.create_task(watch.promises.open_over(round(seconds * 15), seconds, kept_one_in=KEPT_ONE_IN))
        for places, hours in jumps:
            for place in places:
                watch.set_clock(place, hours * 3600)
            await asyncio.sleep(JUMP_SECONDS)
        await opening
        account = await watch.settle()
    tell(f"{account.line()}, {len(jumps)} jumps of clocks, seed={SEED}")
    account.expect_nothing_amiss()


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_no_breach_stands_of_what_was_resolved_while_the_broker_was_down(own_ground, private_rabbit, tell):
    """The promises fall due during the outage. That half of the tickets were resolved in time is told after it: of every
    other one at once, of the rest only when their breaches were heard, as by a router that was down for longer.
    """
    async with running_watchers(own_ground, replicas=1) as watch:
        opened = []
        for _ in range(20):
            opened += await watch.promises.open(10, kept=5)
            await asyncio.sleep(0.05)
        await wait_for(partial(_are_followed, own_ground, len(opened)), seconds=30, what="the tickets are known")
        await asyncio.to_thread(private_rabbit.kill9)
        await watch.clock.sleep_until(watch.promises.last_due_at, at_most_seconds=60)
        await asyncio.sleep(2)
        assert not watch.ears.words
        await asyncio.to_thread(private_rabbit.start)
        kept = [one for one in opened if one.is_kept]
        await watch.promises.resolve(kept[::2])
        await wait_for(partial(_are_all_heard, watch, kept[1::2]), seconds=60, what="breaches of the late ones")
        too_soon = watch.ears.breached() & {(str(one.ticket_id), kind) for one in kept[::2] for kind in WITHIN}
        await watch.promises.resolve(kept[1::2])
        account = await watch.settle()
        moments = await _moments_said(own_ground)
    tell(f"{account.line()}, all due while the broker was down, seed={SEED}")
    account.expect_nothing_amiss()
    assert account.fired == 400
    assert not too_soon, "what was told at once came in time, however late its sender had the broker back"
    assert account.retracted == 4 * 50, "of each clock of the late ones, and of no other"
    assert moments == sorted(moments), "in due order"


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_what_fell_due_while_no_watcher_ran_is_said_in_due_order(ground, tell):
    async with running_watchers(ground, replicas=1) as watch:
        (process,) = watch.processes
        await watch.promises.open_over(400, 3, kept_one_in=KEPT_ONE_IN)
        known = partial(_are_followed, ground, len(watch.promises.made))
        await wait_for(known, seconds=30, what="the tickets are known")
        await asyncio.to_thread(process.kill9)
        await watch.clock.sleep_until(watch.promises.last_due_at, at_most_seconds=60)
        process.start()
        account = await watch.settle()
        moments = await _moments_said(ground)
    tell(f"{account.line()}, all due while no watcher ran, seed={SEED}")
    account.expect_nothing_amiss()
    assert moments == sorted(moments), "in due order"


async def _are_followed(ground: Ground, tickets: int) -> bool:
    connection = await asyncpg.connect(ground.database_url)
    try:
        return bool(await connection.fetchval("SELECT count(*) FROM sla.ticket") == tickets)
    finally:
        await connection.close()


async def _are_all_heard(watch: Watch, tickets: Sequence[Promised]) -> bool:
    """Whether the breach of each clock of these was heard."""
    return watch.ears.breached() >= {(str(one.ticket_id), kind) for one in tickets for kind in WITHIN}


async def _moments_said(ground: Ground) -> list[str]:
    """The due instants of the breaches in the order in which they were written down to be sent."""
    connection = await asyncpg.connect(ground.database_url)
    try:
        rows = await connection.fetch("SELECT body FROM sla.outbox WHERE type = 'clock.breached.v1' ORDER BY position")
        return [orjson.loads(row["body"])["data"]["due_at"] for row in rows]
    finally:
        await connection.close()
