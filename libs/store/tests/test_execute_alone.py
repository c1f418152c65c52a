"""A statement that is a transaction by itself: what `Database.execute_alone` promises."""

import asyncio

import pytest
from sqlalchemy import exc, text
from test_database import EVENT, at_commit, cancel_again_and_again, end_backends, noted
from test_outbox_size import envelope_of
from trial_service import SCHEMA, rows, unordered

from tierdesk_bus.port import MAX_BODY_BYTES
from tierdesk_store import Database, DatabaseUnavailableError
from tierdesk_store.errors import OversizedMessageError, is_taken
from tierdesk_store.outbox import insert_outgoing

NOTE = text(f"""
    WITH noted AS (INSERT INTO note (subject, word) VALUES ('s', :word) RETURNING word),
         {insert_outgoing(SCHEMA.name, when=":sent")}
    SELECT word FROM noted
""")


async def note_alone(database, word, *, messages=1, sent=True):
    return await database.execute_alone(
        NOTE, {"word": word, "sent": sent}, [(unordered(f"s{number}", word), EVENT) for number in range(messages)]
    )


async def sent(database):
    return [subject for (subject,) in await rows(database, "SELECT subject FROM outbox ORDER BY position")]


async def test_its_rows_and_its_messages_come_together_in_order_and_the_relay_is_woken(database):
    result = await note_alone(database, "a", messages=3)
    assert result.scalar_one() == "a"
    assert await noted(database) == ["a"]
    assert await sent(database) == ["s0", "s1", "s2"]
    assert database.outbox_written.is_set()


async def test_its_condition_holds_for_all_messages(database):
    await note_alone(database, "a", messages=3, sent=False)
    assert await sent(database) == []


async def test_an_error_leaves_neither_rows_nor_messages_and_the_connection_serves_on(database):
    fails = text(f"""
        WITH noted AS (INSERT INTO note (subject, word) VALUES ('s', 'a')),
             {insert_outgoing(SCHEMA.name, when="1 / (length(r.subject) - CAST(:length AS int)) > 0")}
        SELECT 1
    """)
    with pytest.raises(exc.DBAPIError, match="division by zero"):
        await database.execute_alone(fails, {"length": 1}, [(unordered(name, "a"), EVENT) for name in ("two", "s")])
    assert await noted(database) == await sent(database) == []
    assert not database.outbox_written.is_set()
    await note_alone(database, "b")
    async with database.transaction() as tx:
        await tx.execute(text("INSERT INTO note (subject, word) VALUES ('s', 'c')"))
        assert await noted(database) == ["b"], "a transaction is one again on the connection that was used alone"
    assert await noted(database) == ["b", "c"]


async def test_a_key_that_is_taken_is_told_from_other_errors(database):
    statement = text(f"""
        WITH noted AS (INSERT INTO note (id, subject, word) OVERRIDING SYSTEM VALUE VALUES (7, 's', :word)),
             {insert_outgoing(SCHEMA.name)}
        SELECT 1
    """)
    await database.execute_alone(statement, {"word": "a"}, [])
    with pytest.raises(exc.IntegrityError) as caught:
        await database.execute_alone(statement, {"word": "b"}, [(unordered("s", "b"), EVENT)])
    assert is_taken(caught.value)
    assert await noted(database) == ["a"]
    assert await sent(database) == []


async def test_a_message_that_the_bus_would_refuse_is_refused_before_anything_is_written(database):
    with pytest.raises(OversizedMessageError):
        await database.execute_alone(NOTE, {"word": "a", "sent": True}, [(envelope_of(MAX_BODY_BYTES), EVENT)])
    assert await noted(database) == []


async def test_a_connection_lost_meanwhile_leaves_the_outcome_unknown(database, postgres_url):
    await at_commit(postgres_url, "PERFORM pg_sleep(5)")
    task = asyncio.create_task(note_alone(database, "a"))
    await asyncio.sleep(0.5)
    await end_backends(postgres_url)
    with pytest.raises(DatabaseUnavailableError) as caught:
        await task
    assert caught.value.commit_unknown


async def test_a_database_that_cannot_be_reached_has_nothing_unknown():
    database = Database("postgresql://nobody@127.0.0.1:1/none", schema=SCHEMA.name, name="trial")
    with pytest.raises(DatabaseUnavailableError) as caught:
        await note_alone(database, "a")
    assert not caught.value.commit_unknown


async def test_a_cancellation_does_not_tear_it(database, postgres_url):
    await at_commit(postgres_url, "PERFORM pg_sleep(0.5)")
    task = asyncio.create_task(note_alone(database, "a"))
    await asyncio.sleep(0.2)
    await cancel_again_and_again(task)
    assert await noted(database) == ["a"]
    assert await sent(database) == ["s0"]
    assert database.outbox_written.is_set()
