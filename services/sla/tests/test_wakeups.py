"""A watcher that sleeps is woken by what falls due earlier than it knows, and by nothing else; most writes tell nobody."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tierdesk_runtime.clock import FastClock
from tierdesk_sla.handlers.ticket_changes import TicketChangesHandler
from tierdesk_sla.store.rebuilding import exchange, load_kept
from tierdesk_sla.store.timelines import load_records, save_records
from tierdesk_sla.store.wakeups import CHANNEL, WakeUps, announce_due


@pytest.fixture
async def calls(postgres_url):
    """Each call that anybody makes, as another process hears it."""
    heard = []
    connection = await asyncpg.connect(postgres_url)
    await connection.add_listener(CHANNEL, lambda _c, _p, _n, payload: heard.append(payload))
    yield heard
    await connection.close()


@asynccontextmanager
async def awake(desk, bus, *, listening=True):
    """A watcher that has looked and sleeps; counts its looks."""
    stop, looks = asyncio.Event(), []
    watcher = desk.watcher(bus)
    tasks = [asyncio.create_task(watcher.run(stop))]
    forget = desk.wakeups.forget
    desk.wakeups.forget = lambda: (looks.append(None), forget())
    if listening:
        tasks.append(asyncio.create_task(desk.wakeups.run(stop)))
        await until(lambda: desk.wakeups.is_listening)
    await asyncio.sleep(0.3)
    try:
        yield looks
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until(condition, *, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for comes to pass elsewhere
            await asyncio.sleep(0.01)


def on_clock(desk, clock):
    """Have the consumer go by this clock."""
    desk.clock = clock
    desk.handler = TicketChangesHandler(desk.shelf, clock, desk.identifiers, desk.followed)


async def test_a_sleeping_watcher_says_at_once_what_another_process_writes_and_is_due(desk, tell, bus):
    story = tell(ticket_id=uuid4()).begun()
    async with awake(desk, bus) as looks:
        before = len(looks)
        await asyncio.sleep(1.5)
        assert len(looks) == before, "it sleeps"
        desk.clock.advance_to(story.at(30))
        await desk.tell(story)
        async with asyncio.timeout(5):
            while not await desk.words():  # noqa: ASYNC110 - what is waited for comes to pass in the database
                await asyncio.sleep(0.01)


async def test_only_what_is_due_earlier_than_it_knows_wakes_a_watcher(desk, tell, bus):
    async with awake(desk, bus) as looks:
        before = len(looks)
        await desk.tell(tell(ticket_id=uuid4(), opened_at=tell().at(10)).begun())
        await until(lambda: len(looks) > before)
        await asyncio.sleep(0.5)
        before = len(looks)
        for minute in (10, 20, 30):
            await desk.tell(tell(ticket_id=uuid4(), opened_at=tell().at(minute)).begun())
        await asyncio.sleep(0.5)
        assert len(looks) == before
        await desk.tell(tell(ticket_id=uuid4(), opened_at=tell().at(9)).begun())
        await until(lambda: len(looks) == before + 1)


async def test_for_deadlines_hours_away_nobody_is_called(desk, tell, calls):
    """What a call costs is a lock of the whole database at commit: ordinary traffic must never take it."""
    story = tell()
    on_clock(desk, FastClock.starting(story.opened_at, rate=1.0))
    for _ in range(20):
        await desk.tell(tell(ticket_id=uuid4()).begun(priority=3))
    await desk.tell(story.begun(priority=3).answered(5).paused(10).resumed(20).resolved(30))
    await asyncio.sleep(0.3)
    assert calls == []


async def test_a_batch_calls_once_for_its_earliest_when_a_sleeper_could_be_late(desk, tell, messages_of, calls):
    story = tell()
    on_clock(desk, FastClock.starting(story.at(29.5), rate=1.0))
    batch = [*messages_of(tell(ticket_id=uuid4()).begun()), *messages_of(story.begun())]
    assert await desk.receive(*batch) == []
    await until(lambda: calls)
    await asyncio.sleep(0.2)
    assert calls == [story.at(30).isoformat()]


@pytest.mark.parametrize(("rate", "called"), [(1.0, False), (20.0, False), (60.0, True)])
async def test_on_a_fast_clock_the_horizon_is_further_away_in_business_time(desk, story, calls, rate, called):
    """Half an hour of business is half a minute on a clock that goes sixty times as fast."""
    on_clock(desk, FastClock.starting(story.opened_at, rate=rate))
    await desk.tell(story.begun())
    await asyncio.sleep(0.3)
    assert bool(calls) == called


async def test_who_names_no_horizon_calls_always(desk, story, calls):
    """As does what an operator starts: clocks moved to another policy, or exchanged for rebuilt ones."""
    on_clock(desk, FastClock.starting(story.opened_at, rate=1.0))
    await desk.tell(story.begun(priority=3))
    async with desk.database.transaction() as tx:
        (record,) = (await load_records(tx.connection, [("main", story.ticket_id)])).values()
        record.stored.clear()
        await save_records(tx.connection, [record], [])
    await until(lambda: calls)


async def test_clocks_that_are_exchanged_call(desk, story, calls):
    on_clock(desk, FastClock.starting(story.opened_at, rate=1.0))
    await desk.tell(story.begun(priority=3))
    key = ("main", story.ticket_id)
    async with desk.database.transaction() as tx:
        kept = (await load_kept(tx.connection, [key]))[key]
        await exchange(tx.connection, [key], [kept])
    await until(lambda: calls)
    assert calls == [min(one.next_at for one in kept.clocks if one.next_at).isoformat()]


async def test_a_transaction_that_is_rolled_back_calls_nobody(desk, story, calls):
    with contextlib.suppress(ZeroDivisionError):
        async with desk.database.transaction() as tx:
            await announce_due(tx.connection, [None, story.at(3)])
            raise ZeroDivisionError
    async with desk.database.transaction() as tx:
        await announce_due(tx.connection, [None, story.at(2), story.at(1)])
        await announce_due(tx.connection, [None])
        await announce_due(tx.connection, [])
    await until(lambda: calls)
    assert calls == [story.at(1).isoformat()]


async def test_a_watcher_without_its_listening_connection_looks_every_second(desk, bus, postgres_url):
    async with awake(desk, bus, listening=False) as looks:
        before = len(looks)
        await asyncio.sleep(2.5)
        assert 2 <= len(looks) - before <= 3


async def test_a_listening_connection_that_is_lost_wakes_the_watcher_and_comes_back(desk, story, bus, postgres_url):
    async with awake(desk, bus) as looks:
        before = len(looks)
        connection = await asyncpg.connect(postgres_url)
        end = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name LIKE '%listener' AND datname = current_database()
        """
        assert [ended for (ended,) in await connection.fetch(end)] == [True]
        await connection.close()
        await until(lambda: len(looks) >= before + 2)
        await until(lambda: desk.wakeups.is_listening)
        desk.clock.advance_to(story.at(30))
        await desk.tell(story.begun())
        async with asyncio.timeout(5):
            while not await desk.words():  # noqa: ASYNC110 - what is waited for comes to pass in the database
                await asyncio.sleep(0.01)


async def test_what_is_missed_in_spite_of_all_is_seen_after_the_longest_sleep(desk, story, bus, monkeypatch):
    """Say the call got lost: no watcher relies on it for more than being quick."""
    monkeypatch.setattr("tierdesk_sla.handlers.watcher.LONGEST_SLEEP_SECONDS", 2.0)
    monkeypatch.setattr("tierdesk_sla.store.timelines.announce_due", _call_nobody)
    async with awake(desk, bus):
        desk.clock.advance_to(story.at(30))
        await desk.tell(story.begun())
        async with asyncio.timeout(4):
            while not await desk.words():  # noqa: ASYNC110 - what is waited for comes to pass in the database
                await asyncio.sleep(0.02)


async def _call_nobody(*_, **__):
    return None


@pytest.mark.parametrize("nonsense", ["", "tomorrow", "2026-03-02T09:00:00", "9" * 100])
def test_nonsense_that_is_called_wakes_nobody_and_breaks_nothing(calls_heard, story, nonsense):
    calls_heard.forget()
    calls_heard.expect(story.at(30))
    calls_heard._hear(nonsense)
    assert not calls_heard.called.is_set()
    calls_heard._hear((story.at(30) - timedelta.resolution).isoformat())
    assert calls_heard.called.is_set()


@pytest.fixture
def calls_heard(database) -> WakeUps:
    return WakeUps(database)
