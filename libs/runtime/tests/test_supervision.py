from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from tierdesk_bus.port import BusUnavailableError
from tierdesk_runtime import supervision
from tierdesk_runtime.metrics import Metrics
from tierdesk_runtime.supervision import SupervisedTask, keep_looking, wait_unless
from tierdesk_store import DatabaseUnavailableError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "LONGEST_PAUSE_SECONDS", 0.04)
    monkeypatch.setattr(supervision, "SETTLED_SECONDS", 0.1)


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the condition is of the test
            await asyncio.sleep(0.005)


async def test_a_task_that_raises_is_begun_anew_later_each_time_and_counted() -> None:
    metrics, begun = Metrics(), []

    async def run(stop: asyncio.Event) -> None:
        begun.append(time.perf_counter())
        raise RuntimeError("again")

    task = SupervisedTask("broken", run, metrics)
    task.start()
    await until(lambda: len(begun) == 5)
    assert task.failing
    assert await task.finish(timeout_seconds=1)
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert pauses[0] >= 0.01
    assert pauses[1] >= 0.02
    assert all(pause >= 0.04 for pause in pauses[2:])
    assert metrics.registry.get_sample_value("tierdesk_task_failures_total", {"task": "broken"}) == 5


async def test_a_task_counts_as_well_only_when_it_has_run_for_a_while_since_it_raised() -> None:
    attempts = 0

    async def run(stop: asyncio.Event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise RuntimeError("once")
        await stop.wait()

    task = SupervisedTask("shaky", run, Metrics())
    assert not task.failing
    task.start()
    await until(lambda: attempts == 2)
    assert task.failing
    await until(lambda: not task.failing)
    await task.finish(timeout_seconds=1)


async def test_an_outage_is_told_from_a_defect() -> None:
    errors: list[Exception] = [BusUnavailableError("away"), RuntimeError("defect")]
    outages = []

    async def run(stop: asyncio.Event) -> None:
        outages.append(task.outage)
        if errors:
            raise errors.pop(0)

    task = SupervisedTask("x", run, Metrics())
    task.start()
    await until(lambda: len(outages) == 3)
    assert outages == [False, True, False]


async def test_a_normal_return_ends_a_task_for_good() -> None:
    runs = 0

    async def run(stop: asyncio.Event) -> None:
        nonlocal runs
        runs += 1

    task = SupervisedTask("once", run, Metrics())
    task.start()
    await asyncio.sleep(0.05)
    assert runs == 1
    assert not task.failing
    assert await task.finish(timeout_seconds=1)


async def test_a_task_that_does_not_stop_is_cut_off_in_time() -> None:
    cut_off = asyncio.Event()

    async def run(stop: asyncio.Event) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cut_off.set()
            raise

    task = SupervisedTask("deaf", run, Metrics())
    task.start()
    await asyncio.sleep(0)
    begun = time.perf_counter()
    assert not await task.finish(timeout_seconds=0.05)
    assert time.perf_counter() - begun < 1
    assert cut_off.is_set()


async def test_stopping_does_not_wait_for_the_pause_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 60.0)

    async def run(stop: asyncio.Event) -> None:
        raise RuntimeError("once")

    task = SupervisedTask("x", run, Metrics())
    task.start()
    await asyncio.sleep(0.01)
    begun = time.perf_counter()
    assert await task.finish(timeout_seconds=5)
    assert time.perf_counter() - begun < 1


async def test_what_a_waiting_raises_is_raised_to_who_waits() -> None:
    async def fail() -> None:
        raise RuntimeError("the clock is gone")

    with pytest.raises(RuntimeError, match="the clock is gone"):
        await wait_unless(fail(), asyncio.Event())


async def test_an_event_ends_a_waiting_and_leaves_no_task_behind() -> None:
    event = asyncio.Event()
    event.set()
    await wait_unless(asyncio.sleep(60), event)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_look_that_did_something_is_followed_at_once_and_any_other_after_the_rest() -> None:
    stop, done, at = asyncio.Event(), [2, 1, 0, 3], []

    async def look() -> int:
        at.append(time.monotonic())
        if not done:
            stop.set()
            return 0
        return done.pop(0)

    await keep_looking(look, stop, rest_seconds=0.2)
    rests = [later - earlier > 0.15 for earlier, later in pairwise(at)]
    assert rests == [False, False, True, False]


async def test_a_look_that_is_worth_another_try_is_made_again_and_another_fault_is_raised() -> None:
    faults = [DatabaseUnavailableError("away"), ValueError("a defect")]

    async def look() -> int:
        raise faults.pop(0)

    with pytest.raises(ValueError, match="a defect"):
        await keep_looking(look, asyncio.Event(), rest_seconds=0.0)
    assert not faults
