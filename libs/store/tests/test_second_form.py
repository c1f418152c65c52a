"""From the outbox that says itself what is published to the one that has `dispatch` beside it: nothing is lost."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import text
from trial_service import EVENTS, PASSWORD, SCHEMA, drain, ordered, rows, until

from tierdesk_store import (
    Database,
    DatabaseUnavailableError,
    Relay,
    count_published,
    migrate,
    outbox_state,
    publish_again,
    service_url,
)
from tierdesk_store.outbox import partition_of

SUBJECTS = [f"s{number}" for number in range(8)]
AS_THE_RELEASE_BEFORE_WRITES = """
    INSERT INTO trial.outbox (partition, id, tenant, subject, namespace, exchange, key, type, body)
    VALUES ({}, {}, 'main', {}, '', {}, 'notes.a', 'intake.requester_replied.v1', {})
"""
FILLED = AS_THE_RELEASE_BEFORE_WRITES.format("$1", "$2", "$3", f"'{EVENTS}'", "$4")


@pytest.fixture
def schemas():
    return ()  # each test migrates in two steps


@pytest.fixture
async def sent(postgres_url):
    """Six rows of each subject in the old form; of each, the first four were published an hour ago."""
    await asyncio.to_thread(migrate, postgres_url, SCHEMA, password=PASSWORD, revision="0001")
    sent = defaultdict(list)
    admin = await asyncpg.connect(postgres_url)
    for number in range(1, 7):
        for subject in SUBJECTS:
            envelope = ordered(subject, number)
            await admin.execute(FILLED, partition_of(subject), envelope.id, subject, envelope.to_bytes())
            sent[subject].append(str(envelope.id))
        if number == 4:
            await admin.execute("UPDATE trial.outbox SET published_at = now() - interval '1 hour'")
    await admin.close()
    return sent


@pytest.fixture
async def database(sent, postgres_url):
    """The same, migrated."""
    await asyncio.to_thread(migrate, postgres_url, SCHEMA, password=PASSWORD)
    database = Database(service_url(postgres_url, SCHEMA.name, PASSWORD), schema=SCHEMA.name, name="trial")
    yield database
    await database.close()


def by_subject(deliveries):
    found = defaultdict(list)
    for delivery in deliveries:
        subject = delivery.body.decode().partition('"subject":"')[2].partition('"')[0]
        found[subject].append(delivery.id)
    return found


async def test_what_was_not_published_is_and_what_was_is_found_to_be_published_again(sent, database, postgres_bus):
    async with database.read() as connection:
        assert (await outbox_state(connection, database.tables)).pending == 2 * len(SUBJECTS)

    async def is_empty():
        return await rows(database, "SELECT 1 FROM dispatch WHERE published_at IS NULL LIMIT 1") == []

    stop = asyncio.Event()
    relaying = asyncio.create_task(Relay(database, postgres_bus).run(stop))
    await until(is_empty)
    fresh = await drain(postgres_bus, "notes", wanted=2 * len(SUBJECTS))
    assert by_subject(fresh) == {subject: ids[4:] for subject, ids in sent.items()}
    now = datetime.now(UTC)
    assert await count_published(database, now - timedelta(minutes=30)) == 2 * len(SUBJECTS)
    assert await count_published(database, now - timedelta(hours=2)) == 6 * len(SUBJECTS)
    assert await publish_again(database, now - timedelta(hours=2)) == 6 * len(SUBJECTS)
    await until(is_empty)
    again = await drain(postgres_bus, "notes", wanted=6 * len(SUBJECTS))
    assert by_subject(again) == sent
    stop.set()
    await relaying


async def test_to_a_release_that_writes_as_before_the_database_is_away(database):
    """So it answers 503 and holds its messages. Of another error it would make parked messages."""
    statement = AS_THE_RELEASE_BEFORE_WRITES.format(3, "gen_random_uuid()", "'s'", f"'{EVENTS}'", "'x'")
    with pytest.raises(DatabaseUnavailableError, match="older than the outbox"):
        async with database.transaction() as tx:
            await tx.execute(text(statement))
    assert await rows(database, "SELECT count(*) FROM outbox") == [(6 * len(SUBJECTS),)]
