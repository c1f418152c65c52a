"""Consuming a queue of a real bus, and processes that die at the worst moments."""

import asyncio
import contextlib
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from trial_service import (
    EVENTS,
    FaultyBus,
    Notes,
    drain,
    ordered,
    parked,
    rows,
    unordered,
    until,
    waiting,
    word_of,
    words,
)

from faults.processes import DIED_AT_FAILPOINT, common_nursery
from tierdesk_bus.port import HOME, Address, Binding, Delivery, Message, Queue, Topology
from tierdesk_store import Consumption, Relay, Sweep, TransientError, attempts
from tierdesk_store.attempts import MAX_ATTEMPTS, SUSPECT_REDELIVERIES, TOGETHER, group_limit
from tierdesk_store.consumer import _cut
from tierdesk_store.negative_controls import UNSAFE, read_negative_controls

NOTES = Address(HOME, EVENTS, "notes.a")
MORTAL = Path(__file__).with_name("mortal_service.py")


@contextlib.asynccontextmanager
async def running(*parts):
    stop = asyncio.Event()
    tasks = [asyncio.create_task(part.run(stop)) for part in parts]
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)


async def publish(bus, *envelopes):
    messages = [Message(str(e.id), e.type, NOTES, e.to_bytes()) for e in envelopes]
    results = await bus.publish(messages, timeout_seconds=10)
    assert {str(r) for r in results} == {"confirmed"}


async def drain_distinct(bus, queue, *, wanted):
    """The identifiers of the messages in the queue, which may be there several times."""
    consumer = await bus.consume(queue, prefetch=1000)
    found = set()
    async with asyncio.timeout(20):
        while len(found) < wanted:
            deliveries = await consumer.receive(1000, timeout_seconds=1)
            await consumer.ack(deliveries)
            found.update(delivery.id for delivery in deliveries)
    await consumer.close()
    return found


async def noted(database):
    return (await rows(database, "SELECT count(*) FROM note"))[0][0]


async def test_what_is_published_is_applied_and_leaves_the_queue(database, bus):
    await publish(bus, *(ordered(f"s{n % 30}", n // 30 + 1) for n in range(300)))
    consumption = Consumption(bus, database, Notes(), "notes", batch=50)
    async with running(consumption):

        async def is_done():
            return await noted(database) == 300

        await until(is_done)
        assert consumption.last_receive_at > 0
    assert consumption.counts.applied == 300
    assert await bus.depth("notes") == 0
    for n in range(30):
        assert await words(database, f"s{n}") == [str(k) for k in range(1, 11)]
    assert await drain(bus, "notes", wanted=0) == []


async def test_a_batch_that_is_not_full_waits_for_others_and_a_full_one_or_a_stop_for_nobody(database, bus):
    notes = Notes()
    consumption = Consumption(bus, database, notes, "notes", batch=3, gather_seconds=600)
    async with running(consumption) as stop:
        for n in range(3):
            await publish(bus, unordered("a", f"{n}"))
        await until(lambda: consumption.counts.applied == 3)
        await publish(bus, unordered("a", "3"))
        await publish(bus, unordered("a", "4"))

        async def are_fetched():
            return await bus.depth("notes") == 0 and consumption.last_receive_at > 0

        await until(are_fetched)
        await asyncio.sleep(0.3)
        assert consumption.counts.applied == 3
        stop.set()
        await until(lambda: consumption.counts.applied == 5)
    assert notes.batches == [3, 2]


async def test_from_outbox_to_outbox_nothing_is_lost_doubled_or_reordered(database, bus):
    """Every publish may be lost, doubled or refused; two consumers compete; the answers are counted at the end."""
    chance = random.Random(7)
    fates = ["lost", "stored", None, None, None]
    faulty = FaultyBus(bus, lambda message: chance.choice(fates))
    relay = Relay(database, faulty, batch=64)
    consumers = [Consumption(bus, database, Notes(answers=True), "notes", batch=20) for _ in range(2)]
    async with running(relay, *consumers, Sweep(database, Notes(answers=True))):
        for number in range(1, 11):
            async with database.transaction() as tx:
                for subject in "abcdefgh":
                    tx.send(ordered(subject, number), NOTES)

        async def is_done():
            return await noted(database) == 80 and not await rows(
                database, "SELECT 1 FROM dispatch WHERE published_at IS NULL"
            )

        await until(is_done, seconds=60)
    for subject in "abcdefgh":
        assert await words(database, subject) == [str(n) for n in range(1, 11)]
    assert await waiting(database) == []
    answers = await drain_distinct(bus, "all", wanted=160)
    assert len(answers) == 160


async def test_a_consumer_that_stops_gives_back_what_it_had_fetched(database, bus):
    class Slow(Notes):
        async def save(self, tx, state):
            await super().save(tx, state)
            await tx.execute(text("SELECT pg_sleep(0.3)"))

    await publish(bus, *(unordered("a", str(n)) for n in range(30)))
    consumption = Consumption(bus, database, Slow(), "notes", batch=5)
    async with running(consumption):
        await until(lambda: consumption.counts.applied)
    done = await noted(database)
    assert 5 <= done < 30
    assert done == consumption.counts.applied
    second = Consumption(bus, database, Notes(), "notes")
    async with running(second):

        async def is_done():
            return await noted(database) == 30

        await until(is_done)
    assert second.counts.superseded == 0


async def test_a_queue_that_does_not_exist_yet_is_waited_for(database, bus):
    consumption = Consumption(bus, database, Notes(), "late")
    async with running(consumption):
        await asyncio.sleep(0.5)
        await bus.declare(Topology(queues=(Queue("late"),), bindings=(Binding("late", EVENTS, "notes.#"),)))
        await publish(bus, unordered("a", "x"))

        async def is_done():
            return await noted(database) == 1

        await until(is_done)


async def test_a_waiting_message_is_tried_again_by_the_running_sweep(database, postgres_bus):
    tries = []

    def rule(received, state):
        tries.append(received.attempts)
        if len(tries) < 3:
            raise TransientError("not yet", retry_in_seconds=0.1)

    notes = Notes(rule=rule)
    await publish(postgres_bus, unordered("a", "x"))
    sweep = Sweep(database, notes)
    async with running(Consumption(postgres_bus, database, notes, "notes"), sweep):

        async def is_done():
            return await noted(database) == 1

        await until(is_done)
        assert sweep.last_sweep_at > 0
    assert tries == [0, 1, 2]


@given(
    suspects=st.lists(st.none() | st.integers(0, 12), max_size=60),
)
def test_the_least_suspected_come_first_and_no_group_holds_more_than_a_suspect_of_it_allows(suspects):
    deliveries = [Delivery("", "q", "", "", bytes([n]), "", {}, 0, None) for n in range(len(suspects))]
    begun = {bytes([n]): times for n, times in enumerate(suspects) if times is not None}
    groups = _cut(deliveries, begun)
    in_turn = [one.body for group in groups for one in group]
    assert sorted(in_turn) == [one.body for one in deliveries]
    ranks = [(begun.get(body, -1), body) for body in in_turn]
    assert ranks == sorted(ranks)
    for group in groups:
        assert len(group) <= min((group_limit(begun[one.body]) for one in group if one.body in begun), default=60)


async def test_innocents_of_a_process_that_keeps_dying_are_not_handled_one_by_one(database, postgres_bus):
    """Four deaths with everything fetched, and none of it begun."""
    await publish(postgres_bus, *(unordered("a", str(n)) for n in range(60)))
    for _ in range(4):
        consumer = await postgres_bus.consume("notes", prefetch=100)
        async with asyncio.timeout(20):
            fetched = 0
            while fetched < 60:
                fetched += len(await consumer.receive(100, timeout_seconds=1))
        await consumer.close()
    notes = Notes()
    consumption = Consumption(postgres_bus, database, notes, "notes")
    async with running(consumption):
        await until(lambda: consumption.counts.applied == 60 and consumption.last_handled_at > 0)
    assert len(notes.batches) < 10
    assert sorted(await words(database, "a")) == sorted(str(n) for n in range(60))


@pytest.mark.parametrize("count", [10, 1])
async def test_a_process_that_keeps_dying_at_whatever_comes_first_parks_nothing(database, postgres_bus, count):
    """As many deaths as would park a message that was blamed for each of them, twice over; also when there is no other."""

    class Doomed(Notes):
        async def load(self, tx, messages):
            raise asyncio.CancelledError

    await publish(postgres_bus, *(unordered("a", str(n)) for n in range(count)))
    for _ in range(2 * (len(TOGETHER) + MAX_ATTEMPTS + SUSPECT_REDELIVERIES)):
        with pytest.raises(asyncio.CancelledError):
            await Consumption(postgres_bus, database, Doomed(), "notes").run(asyncio.Event())
    consumption = Consumption(postgres_bus, database, Notes(), "notes")
    async with running(consumption):
        await until(lambda: consumption.counts.applied == count)
    assert not await parked(database)


async def test_a_message_delivered_too_often_is_handled_alone_and_parked_at_last(database, postgres_bus, monkeypatch):
    """Its consumer never comes to an end with it: here it is cancelled, as by a kill."""
    monkeypatch.setattr(attempts, "SPACING_SECONDS", 0.0)
    alone = []

    class Deadly(Notes):
        async def load(self, tx, messages):
            found = [word_of(m.envelope) for m in messages]
            if "deadly" in found:
                alone.append(len(found) == 1)
                raise asyncio.CancelledError
            return await super().load(tx, messages)

    await publish(postgres_bus, unordered("a", "x"), unordered("a", "deadly"), unordered("a", "y"))
    for _ in range(30):
        if await parked(database):
            break
        stop = asyncio.Event()
        task = asyncio.create_task(Consumption(postgres_bus, database, Deadly(), "notes").run(stop))
        done, _ = await asyncio.wait({task}, timeout=2)
        stop.set()
        if not done:
            await task
    ((_, reason),) = await parked(database)
    assert "it may kill its consumer" in reason
    assert sum(alone) == MAX_ATTEMPTS
    assert sorted(await words(database, "a")) == ["x", "y"]


async def test_acknowledging_before_the_commit_loses_what_is_not_committed(database, postgres_bus, monkeypatch):
    monkeypatch.setattr(UNSAFE, "ack_before_commit", True)

    class Dying(Notes):
        async def save(self, tx, state):
            raise asyncio.CancelledError

    await publish(postgres_bus, unordered("a", "x"))
    stop = asyncio.Event()
    with pytest.raises(asyncio.CancelledError):
        await Consumption(postgres_bus, database, Dying(), "notes").run(stop)
    second = Consumption(postgres_bus, database, Notes(), "notes")
    async with running(second):
        await asyncio.sleep(1)
    assert await noted(database) == 0


def test_an_unknown_negative_control_is_refused():
    assert read_negative_controls(" no_inbox, ").no_inbox
    with pytest.raises(ValueError, match="no_outbox"):
        read_negative_controls("no_outbox")


@pytest.mark.parametrize(
    "failpoint",
    [
        "transaction.before_commit",
        "transaction.before_commit:3",
        "transaction.after_commit:3",
        "consumer.before_ack:3",
        "consumer.after_ack:2",
        "relay.after_claim",
        "relay.after_confirm",
        "relay.after_mark",
    ],
)
async def test_a_process_that_dies_there_loses_and_doubles_nothing(
    database, service, postgres_url, postgres_bus, failpoint, tmp_path
):
    def run(**environment):
        log = tmp_path / "log"
        process = common_nursery().start(str(MORTAL), [service, postgres_url], {**os.environ, **environment}, log)
        return process.wait(30)

    assert await asyncio.to_thread(run, TIERDESK_FAILPOINT=failpoint) == DIED_AT_FAILPOINT
    assert await asyncio.to_thread(run) == 0
    for subject in "ab":
        assert await words(database, subject) == ["1", "2", "3", "4", "5"]
    assert await parked(database) == []
    assert await waiting(database) == []
