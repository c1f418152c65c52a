"""The relay: what is committed reaches the bus, in order, and a row is marked only when the bus has confirmed it."""

import asyncio
import contextlib
import random
import re
from collections import defaultdict

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from trial_service import EVENTS, FaultyBus, drain, ordered, rows, unordered, until

from tierdesk_bus.port import HOME, Address, Binding, Exchange, PublishResult, Topology
from tierdesk_store import Database, Relay, driver, outbox_state
from tierdesk_store.negative_controls import UNSAFE
from tierdesk_store.outbox import OutboxReader, partition_of, select_unpublished, write_outgoing

NOTES = Address(HOME, EVENTS, "notes.a")
SOME = Address(HOME, EVENTS, "some.a")


@contextlib.asynccontextmanager
async def running(*relays):
    stop = asyncio.Event()
    tasks = [asyncio.create_task(relay.run(stop)) for relay in relays]
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)


async def send(database, *messages):
    async with database.transaction() as tx:
        for envelope, address in messages:
            tx.send(envelope, address)


async def unpublished(database):
    return len(await rows(database, "SELECT 1 FROM dispatch WHERE published_at IS NULL"))


async def is_empty(database):
    return await unpublished(database) == 0


async def test_committed_messages_reach_the_bus_in_order_and_are_marked(database, bus):
    relay = Relay(database, bus)
    async with running(relay):
        for number in range(1, 31):
            await send(database, *((ordered(f"s{n}", number), NOTES) for n in range(5)))
        await until(lambda: is_empty(database))
    taken = await drain(bus, "notes", wanted=150)
    assert len(taken) == 150
    by_subject = defaultdict(list)
    for delivery in taken:
        body = delivery.body.decode()
        by_subject[body.partition('"subject":"')[2].partition('"')[0]].append(
            int(body.partition('"text":"')[2].partition('"')[0])
        )
    assert by_subject == {f"s{n}": list(range(1, 31)) for n in range(5)}
    assert relay.published == 150
    async with database.read() as connection:
        assert (await outbox_state(connection, database.tables)).pending == 0


async def test_a_commit_wakes_the_relay_at_once(database, postgres_bus):
    relay = Relay(database, postgres_bus, poll_seconds=30)
    consumer = await postgres_bus.consume("notes", prefetch=10)
    async with running(relay):
        await until(lambda: relay.last_round_at)
        await send(database, (unordered("s", "x"), NOTES))
        assert len(await consumer.receive(1, timeout_seconds=3)) == 1
        relay._database.outbox_written.set()
    await consumer.close()


async def test_a_relay_in_another_process_finds_rows_by_itself(database, service, postgres_bus):
    other = Database(service, schema="trial", name="other")
    async with running(Relay(other, postgres_bus)):
        await send(database, (unordered("s", "x"), NOTES))
        await until(lambda: is_empty(database))
    await other.close()


async def test_a_row_that_becomes_visible_after_a_later_one_is_not_passed_over(database, postgres_bus):
    subjects = [f"s{n}" for n in range(100) if partition_of(f"s{n}") == 3][:2]
    early = database.transaction()
    tx = await early.__aenter__()
    tx.send(unordered(subjects[0], "early"), NOTES)
    await write_outgoing(tx.connection, "trial", tx.outgoing)  # takes its position now, commits later
    tx.outgoing.clear()
    async with running(Relay(database, postgres_bus)):
        await send(database, (unordered(subjects[1], "late"), NOTES))
        await until(lambda: is_empty(database))
        assert len(await drain(postgres_bus, "notes", wanted=1)) == 1
        await early.__aexit__(None, None, None)
        taken = await drain(postgres_bus, "notes", wanted=1)
    assert b"early" in taken[0].body
    positions = await rows(database, "SELECT subject FROM outbox ORDER BY position")
    assert positions == [(subjects[0],), (subjects[1],)]


@pytest.mark.parametrize(
    "fate", [PublishResult.NACKED, PublishResult.RETURNED, PublishResult.UNKNOWN, "lost", "stored"]
)
async def test_a_message_that_is_not_confirmed_is_not_marked(database, postgres_bus, fate):
    faulty = FaultyBus(postgres_bus, lambda message: fate)
    relay = Relay(database, faulty)
    async with running(relay):
        await send(database, (unordered("s", "x"), NOTES))
        await until(lambda: len(faulty.attempts) >= 3)
        assert await unpublished(database) == 1
        assert relay.published == 0
        faulty.fault = lambda message: None
        await until(lambda: is_empty(database))
    assert relay.published == 1
    assert len({message.id for message in faulty.attempts}) == 1


async def test_an_unroutable_message_waits_until_a_queue_is_bound(database, bus):
    relay = Relay(database, bus)
    nowhere = Address(HOME, "trial.nowhere", "x")
    await bus.declare(Topology(exchanges=(Exchange("trial.nowhere"),)))
    async with running(relay):
        await send(database, (unordered("s", "x"), nowhere))
        await until(lambda: relay.returned >= 2)
        assert await unpublished(database) == 1
        assert relay.held_destinations == 1
        await bus.declare(Topology(bindings=(Binding("notes", "trial.nowhere", "#"),)))
        await until(lambda: is_empty(database))
        assert relay.held_destinations == 0
    assert len(await drain(bus, "notes", wanted=1)) == 1


async def test_a_refusing_destination_holds_up_only_itself(database, postgres_bus):
    faulty = FaultyBus(postgres_bus, lambda m: PublishResult.NACKED if m.address == SOME else None)
    relay = Relay(database, faulty)
    async with running(relay):
        for number in range(1, 21):
            await send(database, (ordered("s", number), SOME), (ordered("s", number), NOTES))
        await until(lambda: relay.published == 20)
        await asyncio.sleep(0.5)
        refused = [m for m in faulty.attempts if m.address == SOME]
        assert len({m.id for m in refused}) == 1, "a successor was sent before its predecessor was stored"
        assert len(refused) < 8, "it is not held back"
        assert await unpublished(database) == 20
        faulty.fault = lambda message: None
        await until(lambda: is_empty(database))
    stored = [m for m in faulty.stored if m.address == SOME]
    assert len(stored) == 20
    assert [int(m.body.decode().partition('"text":"')[2].partition('"')[0]) for m in stored] == list(range(1, 21))


async def test_while_the_bus_answers_nothing_few_messages_are_tried_and_then_all_go(database, postgres_bus, caplog):
    faulty = FaultyBus(postgres_bus, lambda message: "lost")
    relay = Relay(database, faulty)
    async with running(relay):
        await send(database, *((unordered(f"s{n}", "x"), NOTES) for n in range(300)))
        await until(lambda: relay.unknown)
        first = relay.unknown
        await asyncio.sleep(1.5)
        assert relay.unknown - first < 100
        assert sum("confirms nothing" in record.message for record in caplog.records) == 1
        faulty.fault = lambda message: None
        await until(lambda: is_empty(database))
    assert relay.published == 300


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_order_per_subject_and_destination_survives_whatever_the_bus_answers(database, postgres_bus, data):
    async with database.transaction() as tx:
        await tx.execute(text("DELETE FROM outbox"))
        await tx.execute(text("DELETE FROM dispatch"))
    seed = data.draw(st.integers(0, 2**32))
    share = data.draw(st.sampled_from([0.0, 0.1, 0.3, 0.6]))
    transactions = data.draw(
        st.lists(
            st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([NOTES, SOME])), min_size=1, max_size=6),
            min_size=1,
            max_size=8,
        )
    )
    chance = random.Random(seed)
    fates = [PublishResult.NACKED, PublishResult.RETURNED, "lost", "stored"]
    faulty = FaultyBus(postgres_bus, lambda message: chance.choice(fates) if chance.random() < share else None)
    relay = Relay(database, faulty, batch=chance.choice([1, 16, 500]))
    count = defaultdict(int)
    sent = defaultdict(list)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tierdesk_store.holds.FIRST_SECONDS", 0.002)
        patch.setattr("tierdesk_store.holds.LONGEST_SECONDS", 0.01)
        patch.setattr("tierdesk_store.relay.LONGEST_PAUSE_SECONDS", 0.01)
        async with running(relay):
            for transaction in transactions:
                messages = []
                for subject, address in transaction:
                    count[subject, address] += 1
                    envelope = ordered(subject, count[subject, address])
                    sent[subject, address].append(str(envelope.id))
                    messages.append((envelope, address))
                await send(database, *messages)
            await until(lambda: is_empty(database))
    subject_of = {sent_id: subject for (subject, _), ids in sent.items() for sent_id in ids}
    stored = defaultdict(list)
    for message in faulty.stored:
        if message.id not in stored[subject_of[message.id], message.address]:
            stored[subject_of[message.id], message.address].append(message.id)
    assert stored == sent, "lost, or first stored out of order"


async def test_relays_share_the_partitions_and_one_takes_over_when_another_loses_its_connection(
    database, service, postgres_url, postgres_bus, monkeypatch
):
    # The second looks for free partitions more often than the first comes back.
    monkeypatch.setattr("tierdesk_store.relay.ACQUIRE_SECONDS", 0.02)
    other = Database(service, schema="trial", name="other")
    first, second = Relay(database, postgres_bus), Relay(other, postgres_bus)
    async with running(first):
        await until(lambda: first.owned_partitions == 16)
        async with running(second):
            await until(lambda: first.owned_partitions == second.owned_partitions == 8)
            await send(database, *((unordered(f"s{n}", "x"), NOTES) for n in range(200)))
            await until(lambda: is_empty(database))
            assert first.published + second.published == 200
            assert min(first.published, second.published) > 50
            admin = await asyncpg.connect(postgres_url)
            async with asyncio.timeout(30):
                while second.owned_partitions <= 8:
                    await admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trial relay'"
                    )
                    await asyncio.sleep(0.3)
            await admin.close()
            await until(lambda: first.owned_partitions == second.owned_partitions == 8)
            await send(database, *((unordered(f"s{n}", "y"), NOTES) for n in range(50)))
            await until(lambda: is_empty(database))
        await until(lambda: first.owned_partitions == 16)
    await other.close()
    assert len(await drain(postgres_bus, "notes", wanted=250)) == 250


async def test_a_stopped_relay_frees_its_partitions_at_once(database, postgres_bus):
    first, second = Relay(database, postgres_bus), Relay(database, postgres_bus)
    async with running(first):
        await until(lambda: first.owned_partitions == 16)
    async with running(second):
        await until(lambda: second.owned_partitions == 16, seconds=1.5)


async def test_old_published_rows_are_deleted_and_young_or_unpublished_ones_stay(database, postgres_bus):
    await send(database, *((unordered("s", f"{n}"), NOTES) for n in range(6)))
    async with database.transaction() as tx:
        await tx.execute(
            text(
                "UPDATE dispatch SET published_at = now() - interval '31 days' "
                "WHERE position <= (SELECT min(position) + 2 FROM dispatch)"
            )
        )
    async with running(Relay(database, postgres_bus)) as stop:
        await until(lambda: is_empty(database))
        connection = await driver.connect(database.url, schema="trial", name="cleaner")
        reader = OutboxReader(connection, "trial")
        assert await reader.delete_old(partition_of("s"), limit=2) == 2
        assert await reader.delete_old(partition_of("s")) == 1
        assert await reader.delete_old(partition_of("s")) == 0
        await connection.close()
        stop.set()
    left = await rows(database, "SELECT position FROM outbox")
    assert len(left) == 3
    assert await rows(database, "SELECT position FROM dispatch") == left


async def test_marking_before_the_answer_loses_what_is_refused(database, postgres_bus, monkeypatch):
    monkeypatch.setattr(UNSAFE, "mark_before_confirm", True)
    faulty = FaultyBus(postgres_bus, lambda message: PublishResult.NACKED)
    async with running(Relay(database, faulty)):
        await send(database, (unordered("s", "x"), NOTES))
        await until(lambda: is_empty(database))
    assert faulty.stored == []


async def test_taking_what_no_queue_wanted_for_stored_loses_it(database, postgres_bus, monkeypatch):
    monkeypatch.setattr(UNSAFE, "no_mandatory", True)
    faulty = FaultyBus(postgres_bus, lambda message: PublishResult.RETURNED)
    async with running(Relay(database, faulty)):
        await send(database, (unordered("s", "x"), NOTES))
        await until(lambda: is_empty(database))
    assert faulty.stored == []


async def fill(connection, count, published_at):
    await connection.execute(f"""
        WITH written AS (
            INSERT INTO trial.outbox (partition, id, tenant, subject, namespace, exchange, key, type, body, created_at)
            SELECT n % 16, gen_random_uuid(), 'main', 's', '', 'e', 'k', 't', 'x', now() FROM generate_series(1, {count}) n
            RETURNING partition, position
        )
        INSERT INTO trial.dispatch SELECT partition, position, {published_at} FROM written
    """)


async def test_the_idle_look_at_the_outbox_reads_no_table(service):
    connection = await asyncpg.connect(service)
    await fill(connection, 20_000, "now()")
    query = "EXPLAIN (ANALYZE, BUFFERS OFF) " + select_unpublished("trial", with_exceptions=False)
    plan = await connection.fetch(query, list(range(16)), 31)
    text_of_plan = "\n".join(row[0] for row in plan)
    await connection.close()
    assert "dispatch_unpublished" in text_of_plan
    assert re.search(r"outbox_pkey.*never executed", text_of_plan)
    assert "Seq Scan" not in text_of_plan


@pytest.mark.parametrize("held", [[], [["none"], ["e"], ["k"]]])
async def test_a_look_reads_no_more_rows_than_it_answers_though_few_are_believed_to_be_there(
    service, postgres_url, held
):
    admin = await asyncpg.connect(postgres_url)
    await fill(admin, 20_000, "now()")
    await fill(admin, 200, "NULL")
    await admin.execute("ANALYZE")
    await fill(admin, 20_000, "NULL")
    await admin.close()
    connection = await driver.connect(service, schema="trial", name="look")
    query = "EXPLAIN (ANALYZE, BUFFERS OFF) " + select_unpublished("trial", with_exceptions=bool(held))
    plan = await connection.fetch(query, list(range(16)), 31, *held)
    await connection.close()
    (line,) = (row[0] for row in plan if "outbox_pkey" in row[0])
    assert int(re.search(r"loops=(\d+)", line)[1]) == 16 * 31
