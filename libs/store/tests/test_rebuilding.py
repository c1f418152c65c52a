"""Publishing again: everything of that time, under the same identifiers, in order, whatever the relays do meanwhile."""

import asyncio
import contextlib
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import text
from trial_service import EVENTS, Intake, Notes, drain, ordered, rows, unordered, until, waiting, words

from tierdesk_bus.port import HOME, Address
from tierdesk_store import Relay, RelayInTheWayError, count_published, driver, publish_again
from tierdesk_store.leases import PartitionLocks

NOTES = Address(HOME, EVENTS, "notes.a")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@contextlib.asynccontextmanager
async def running(*relays):
    stop = asyncio.Event()
    tasks = [asyncio.create_task(relay.run(stop)) for relay in relays]
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks)


async def send(database, *envelopes):
    async with database.transaction() as tx:
        for envelope in envelopes:
            tx.send(envelope, NOTES)


async def is_empty(database):
    return await rows(database, "SELECT 1 FROM dispatch WHERE published_at IS NULL LIMIT 1") == []


def of_subject(deliveries):
    """The words of each subject, in the order in which they arrived."""
    found = defaultdict(list)
    for delivery in deliveries:
        body = delivery.body.decode()
        found[re.search('"subject":"([^"]*)"', body)[1]].append(int(re.search('"text":"([^"]*)"', body)[1]))
    return found


async def test_what_was_published_since_then_goes_out_again_under_the_same_identifiers(database, bus):
    early, late = unordered("a", "early"), [unordered(subject, "late") for subject in "abcdefgh"]
    async with running(Relay(database, bus)):
        await send(database, early)
        await until(lambda: is_empty(database))
        async with database.transaction() as tx:
            await tx.execute(text("UPDATE dispatch SET published_at = now() - interval '3 hours'"))
        await send(database, *late)
        await until(lambda: is_empty(database))
        assert len(await drain(bus, "notes", wanted=9)) == 9
        since = datetime.now(UTC) - timedelta(hours=2)
        assert await count_published(database, since) == 8
        told = []
        assert await publish_again(database, since, told=told.append) == 8
        assert (len(told), sum(told)) == (16, 8)
        again = await drain(bus, "notes", wanted=8)
    assert {delivery.id for delivery in again} == {str(envelope.id) for envelope in late}
    assert await is_empty(database)


class GatedBus:
    """A real bus whose publishing waits at a gate."""

    def __init__(self, bus):
        self._bus = bus
        self.gate = asyncio.Event()
        self.at_the_gate = asyncio.Event()

    async def publish(self, batch, *, timeout_seconds):
        self.at_the_gate.set()
        await self.gate.wait()
        return await self._bus.publish(batch, timeout_seconds=timeout_seconds)


async def test_a_message_in_flight_is_waited_for_and_comes_again_behind_its_predecessors(database, postgres_bus):
    """Marked after its predecessors were not, it would have been published before them alone."""
    bus = GatedBus(postgres_bus)
    bus.gate.set()
    async with running(Relay(database, bus)):
        await send(database, ordered("a", 1))
        await until(lambda: is_empty(database))
        await drain(postgres_bus, "notes", wanted=1)
        bus.gate.clear()
        bus.at_the_gate.clear()
        await send(database, ordered("a", 2))
        await bus.at_the_gate.wait()
        rebuilding = asyncio.create_task(publish_again(database, LONG_AGO))
        await asyncio.sleep(1.5)
        assert not rebuilding.done()
        bus.gate.set()
        assert await rebuilding == 2
        taken = await drain(postgres_bus, "notes", wanted=3)
    assert of_subject(taken) == {"a": [2, 1, 2]}


async def test_everything_comes_again_in_order_and_whatever_is_newer_behind_it(database, postgres_bus):
    subjects = [f"s{n}" for n in range(6)]
    relays = [Relay(database, postgres_bus), Relay(database, postgres_bus)]
    async with running(*relays):
        for number in range(1, 11):
            await send(database, *(ordered(subject, number) for subject in subjects))
        await until(lambda: is_empty(database))
        await drain(postgres_bus, "notes", wanted=60)

        async def go_on():
            for number in range(11, 61):
                await send(database, *(ordered(subject, number) for subject in subjects))
                await asyncio.sleep(0.02)

        going_on = asyncio.create_task(go_on())
        await until(lambda: sum(relay.published for relay in relays) > 90)
        await publish_again(database, LONG_AGO)
        await going_on
        await until(lambda: is_empty(database))
        taken = of_subject(await drain(postgres_bus, "notes", wanted=sum(relay.published for relay in relays) - 60))
    for subject in subjects:
        start = max(place for place, number in enumerate(taken[subject]) if number == 1)
        assert taken[subject][:start] == list(range(11, 11 + start))
        assert taken[subject][start:] == list(range(1, 61))
        assert start > 0, "nothing was on its way when the rows came back"


async def test_a_reader_that_applied_them_takes_no_notice_and_one_that_lost_them_applies_them(database, postgres_bus):
    messages = [unordered("a", "x"), ordered("a", 1), ordered("a", 2), ordered("b", 1)]
    async with running(Relay(database, postgres_bus)):
        await send(database, *messages)
        await until(lambda: is_empty(database))
        intake = Intake(database, Notes())
        first = await drain(postgres_bus, "notes", wanted=4)
        await intake.take(*(delivery.body for delivery in first if b'"b"' not in delivery.body))
        await publish_again(database, LONG_AGO)
        for delivery in await drain(postgres_bus, "notes", wanted=4):
            await intake.take(delivery.body)
    assert sorted(await words(database, "a")) == ["1", "2", "x"]
    assert await words(database, "b") == ["1"]
    assert await waiting(database) == []


async def test_what_a_reader_may_have_forgotten_is_left_alone(database, postgres_bus, postgres_url):
    async with running(Relay(database, postgres_bus)):
        await send(database, unordered("a", "x"))
        await until(lambda: is_empty(database))
    admin = await asyncpg.connect(postgres_url)
    await admin.execute("UPDATE trial.outbox SET created_at = now() - interval '30 days'")
    await admin.close()
    assert await count_published(database, LONG_AGO) == 0
    assert await publish_again(database, LONG_AGO) == 0


async def test_a_relay_that_does_not_give_way_is_named_and_nothing_is_marked(database, service, postgres_bus):
    async with running(Relay(database, postgres_bus)):
        await send(database, unordered("a", "x"))
        await until(lambda: is_empty(database))
    stubborn = await driver.connect(service, schema="trial", name="stubborn")
    key = PartitionLocks(service, schema="trial", name="x")._key
    await stubborn.execute("SELECT pg_advisory_lock($1, 7)", key)
    with pytest.raises(RelayInTheWayError, match=r"the relay of trial did not give way within 0\.5 seconds"):
        await publish_again(database, LONG_AGO, patience_seconds=0.5)
    assert await is_empty(database)
    await stubborn.close()
    assert await publish_again(database, LONG_AGO, patience_seconds=10) == 1


async def test_relays_take_their_partitions_back(database, postgres_bus):
    relay = Relay(database, postgres_bus)
    async with running(relay):
        await until(lambda: relay.owned_partitions == 16)
        locks = PartitionLocks(database.url, schema="trial", name="somebody")
        async with locks:
            await locks.take_all(patience_seconds=20)
            await until(lambda: relay.owned_partitions == 0)  # the locks are free before it has said so
            await send(database, unordered("a", "x"))
            await asyncio.sleep(1.5)
            assert not await is_empty(database)
        await until(lambda: is_empty(database))
        await until(lambda: relay.owned_partitions == 16)
