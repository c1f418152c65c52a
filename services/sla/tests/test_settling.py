"""How long an alert is held back, whatever the clocks of the machines do: nothing early, nothing twice, nothing lost."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_sla.domain.settling import Settling
from tierdesk_sla.store.watch import claim_due

EPOCH = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class HostClock:
    """The clock of a machine that a test sets, and that of the database's machine, which is right unless it is told.

    It shows what `SystemClock` would on a machine that began at `EPOCH`.
    """

    def __init__(self, at):
        self._origin = at - timedelta(seconds=time.monotonic())
        self.set_by = timedelta()
        self.database_set_by = timedelta()

    def true_time(self):
        return self._origin + timedelta(seconds=time.monotonic())

    def now(self):
        return self.true_time() + self.set_by

    def at(self, _real):
        return self.true_time() + self.database_set_by

    def reach(self, real_seconds):
        return self.now() + timedelta(seconds=real_seconds)

    async def sleep_until(self, at, *, at_most_seconds):
        end = time.monotonic() + at_most_seconds
        while self.now() < at and time.monotonic() < end:  # noqa: ASYNC110 - a test sets it without a word
            await asyncio.sleep(0.02)


def seconds(number):
    return timedelta(seconds=number)


def settle(settling, readings):
    """What has settled after each reading: (real time, business seconds after the epoch)."""
    return [settling.note(real, EPOCH + seconds(business)) for real, business in readings]


def test_a_time_has_settled_when_it_was_seen_so_long_ago():
    settled = settle(Settling(2.0), [(100.0, 0), (101.9, 60), (102.0, 120), (103.9, 180), (200.0, 240)])
    assert settled == [None, None, EPOCH, EPOCH + seconds(60), EPOCH + seconds(180)]


def test_a_clock_that_is_set_forward_settles_as_any_time_does():
    settled = settle(Settling(2.0), [(0.0, 0), (2.0, 2), (3.0, 3603), (4.9, 3604.9), (5.0, 3605)])
    assert settled[3] == EPOCH + seconds(2)
    assert settled[4] == EPOCH + seconds(3603)


def test_a_clock_that_is_set_back_takes_what_had_settled_back_with_it_at_once():
    settled = settle(Settling(2.0), [(0.0, 3600), (3.0, 3603), (4.0, 4), (5.0, 5)])
    assert settled[2:] == [EPOCH + seconds(4), EPOCH + seconds(4)]


def test_a_clock_that_stands_still_settles():
    assert settle(Settling(2.0), [(0.0, 0), (1.0, 7), (2.0, 7), (2.9, 7), (3.0, 7)])[-2:] == [EPOCH, EPOCH + seconds(7)]


def test_after_beginning_again_a_time_needs_as_long_as_after_a_start():
    settling = Settling(2.0)
    settle(settling, [(0.0, 0), (2.0, 2)])
    settling.begin_again()
    assert settle(settling, [(3.0, 3), (4.9, 4.9), (5.0, 5)]) == [None, None, EPOCH + seconds(3)]


def test_after_an_outage_nothing_settles_for_as_long_as_is_asked_and_a_start_does_not_shorten_it():
    settling = Settling(2.0)
    settle(settling, [(0.0, 0), (2.0, 2)])
    settling.begin_again(hold_seconds=15.0)
    assert settle(settling, [(3.0, 3), (17.0, 17)]) == [None, None]
    settling.begin_again()
    assert settle(settling, [(18.0, 18), (32.9, 32.9), (33.0, 33)]) == [None, None, EPOCH + seconds(18)]
    settling.begin_again()
    assert settle(settling, [(40.0, 40), (42.0, 42)]) == [None, EPOCH + seconds(40)]


steps = st.lists(
    st.tuples(
        st.floats(0.0, 5.0), st.one_of(st.just(0.0), st.floats(-0.001, 0.001), st.sampled_from([-3600.0, 3600.0]))
    ),
    min_size=1,
    max_size=40,
)


@given(st.floats(0.0, 4.0), steps)
def test_whatever_the_clock_does_what_has_settled_was_reached_for_so_long_on_end(hold_seconds, steps):
    """Steps of an hour, slewing and standing still: against all readings of the last seconds, one by one."""
    settling, real, business, readings = Settling(hold_seconds), 0.0, 0.0, []
    for passed, set_by in steps:
        real += passed
        business += passed + set_by
        readings.append((real, EPOCH + seconds(business)))
        settled = settling.note(*readings[-1])
        before = [place for place, (at, _) in enumerate(readings) if at <= real - hold_seconds]
        if not before:
            assert settled is None
        else:
            assert settled == min(shown for _, shown in readings[before[-1] :])
            assert settled <= readings[-1][1]


@pytest.fixture
def host(desk, story):
    """The watcher's machine: half a second before the first warning is due."""
    clock = HostClock(story.at(30) - seconds(0.5))
    desk.clock = clock
    return clock


@asynccontextmanager
async def running(*watchers):
    stop = asyncio.Event()
    tasks = [asyncio.create_task(watcher.run(stop)) for watcher in watchers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def wait_for_words(desk, number, *, patience_seconds=10):
    async with asyncio.timeout(patience_seconds):
        while len(await desk.words()) < number:  # noqa: ASYNC110 - what is waited for comes to pass in the database
            await asyncio.sleep(0.02)
    return await desk.words()


async def test_a_machine_set_forward_by_an_hour_says_nothing_before_the_databases_clock_has_come_there(
    desk, story, bus
):
    await desk.tell(story.begun())
    host = desk.clock = HostClock(story.at(30) - seconds(3))
    async with running(desk.watcher(bus, settle_seconds=0.2)):
        host.set_by = HOUR
        assert await wait_for_words(desk, 1) == [("warned", "first_response", 0.5)]
        assert host.true_time() >= story.at(30)
        await asyncio.sleep(1.5)
    assert await desk.words() == [("warned", "first_response", 0.5)]


async def test_a_database_whose_clock_is_set_forward_makes_nothing_early_either(desk, story, bus):
    await desk.tell(story.begun())
    host = desk.clock = HostClock(story.at(30) - seconds(3))
    host.database_set_by = HOUR
    async with running(desk.watcher(bus, settle_seconds=0.6)):
        await wait_for_words(desk, 1)
        assert host.true_time() >= story.at(30) + seconds(0.6), "it settles by the machine's own clock"


async def test_a_database_whose_clock_is_a_little_behind_makes_nothing_late(desk, story, bus, monkeypatch):
    monkeypatch.setattr("tierdesk_sla.handlers.watcher.LOOK_SECONDS", 60.0)
    await desk.tell(story.begun())
    desk.clock = HostClock(story.at(30) - seconds(3))
    desk.clock.database_set_by = -seconds(0.1)
    async with running(desk.watcher(bus)):
        await wait_for_words(desk, 1)


async def test_a_machine_set_back_by_an_hour_says_again_nothing_and_goes_on_when_its_time_has_come(
    desk, story, bus, host
):
    await desk.tell(story.begun())
    async with running(desk.watcher(bus), desk.watcher(bus)):
        await wait_for_words(desk, 1)
        host.set_by = -HOUR
        await asyncio.sleep(0.5)
        host.set_by = timedelta(minutes=15)
        host.database_set_by = timedelta(minutes=15)
        await wait_for_words(desk, 2)
        host.set_by = host.database_set_by = -HOUR
        await asyncio.sleep(0.5)
        host.set_by = host.database_set_by = timedelta(minutes=30)
        words = await wait_for_words(desk, 3)
        await asyncio.sleep(0.3)
    assert words == await desk.words()
    assert words == [
        ("warned", "first_response", 0.5),
        ("warned", "first_response", 0.75),
        ("breached", "first_response", 60),
    ]


async def test_nothing_is_said_under_a_time_before_it_was_due_when_the_clock_is_set_back_in_between(desk, story):
    await desk.tell(story.begun())
    desk.clock = HostClock(story.at(30) - HOUR)
    assert await desk.watcher().say_due(story.at(31)) == 0
    assert await desk.words() == []


async def test_nothing_is_said_under_a_time_before_it_was_due_when_the_clock_is_set_back_after_the_claim(
    desk, story, host, monkeypatch
):
    async def set_back(*given, **also):
        claimed = await claim_due(*given, **also)
        host.set_by = -HOUR
        return claimed

    await desk.tell(story.begun())
    host.set_by = seconds(1)
    monkeypatch.setattr("tierdesk_sla.handlers.watcher.claim_due", set_back)
    assert await desk.watcher().say_due(story.at(31)) == 1
    (envelope,) = await desk.sent()
    assert envelope.time >= story.at(30)


async def test_what_both_clocks_said_too_early_is_taken_back_once_an_event_shows_that_it_was(desk, story, bus, host):
    """Nobody can know: both clocks are wrong by the same hour. What happened in time by the true time refutes it."""
    await desk.tell(story.begun())
    async with running(desk.watcher(bus)):
        host.set_by = host.database_set_by = HOUR
        await wait_for_words(desk, 3)
    host.set_by = host.database_set_by = timedelta()
    await desk.tell(story.answered(31), first=4)
    assert (await desk.words())[3:] == [("retracted", "first_response", 60)]


async def test_nothing_is_lost_to_a_jump_while_the_watcher_sleeps(desk, tell, bus):
    """A sleep is measured by the loop's time and looks at the clock again: a jump forward does not let it oversleep."""
    story = tell(ticket_id=uuid4())
    await desk.tell(story.begun())
    desk.clock = HostClock(story.at(0))
    async with running(desk.watcher(bus)):
        await asyncio.sleep(0.3)
        desk.clock.set_by = desk.clock.database_set_by = HOUR
        await wait_for_words(desk, 3, patience_seconds=3)
