"""Transactions: what they promise when all goes well, and when the connection, the server or the caller goes away."""

import asyncio
import contextlib

import asyncpg
import pytest
from sqlalchemy import exc, text
from trial_service import EVENTS, SCHEMA, ordered, rows, unordered, until

from tierdesk_bus.port import HOME, Address
from tierdesk_store import Database, DatabaseUnavailableError, is_redo

EVENT = Address(HOME, EVENTS, "x")


async def note(tx, word, subject="s"):
    await tx.execute(text("INSERT INTO note (subject, word) VALUES (:s, :w)"), {"s": subject, "w": word})


async def noted(database):
    return [word for (word,) in await rows(database, "SELECT word FROM note ORDER BY id")]


async def end_backends(url, name="trial"):
    connection = await asyncpg.connect(url)
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name)
    await connection.close()


async def cancel_again_and_again(task):
    """Cancel a task that will not be torn, and wait for its end."""
    for _ in range(5):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_transaction_commits_its_rows_and_its_messages_together(database):
    async with database.transaction() as tx:
        await note(tx, "a")
        tx.send(unordered("s", "a"), EVENT)
        assert await rows(database, "SELECT 1 FROM outbox UNION ALL SELECT 1 FROM note") == []
    assert await noted(database) == ["a"]
    assert await rows(
        database, "SELECT subject, key, published_at FROM outbox JOIN dispatch USING (partition, position)"
    ) == [("s", "x", None)]
    assert database.outbox_written.is_set()


async def test_what_waits_for_the_commit_is_told_after_it_and_never_after_a_raise(database):
    told = []
    async with database.transaction() as tx:
        tx.after_commit(lambda: told.append("kept"))
        assert told == []
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as tx:
            tx.after_commit(lambda: told.append("given up"))
            raise ZeroDivisionError
    assert told == ["kept"]


async def test_a_raise_leaves_neither_rows_nor_messages(database):
    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")
            tx.send(unordered("s", "a"), EVENT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert await rows(database, "SELECT 1 FROM outbox UNION ALL SELECT 1 FROM note") == []
    assert not database.outbox_written.is_set()


async def test_positions_ascend_in_the_order_of_send(database):
    async with database.transaction() as tx:
        for number in range(1, 501):
            tx.send(ordered(f"s{number % 40}", number), EVENT)
    found = await rows(database, "SELECT body FROM outbox ORDER BY position")
    assert [int(body.partition(b'"text":"')[2].partition(b'"')[0]) for (body,) in found] == list(range(1, 501))


async def test_a_subject_keeps_to_one_partition(database):
    async with database.transaction() as tx:
        for number in range(200):
            tx.send(unordered(f"s{number % 50}", "x"), EVENT)
    found = await rows(database, "SELECT subject, count(DISTINCT partition) FROM outbox GROUP BY subject")
    assert {count for _, count in found} == {1}
    assert len(await rows(database, "SELECT DISTINCT partition FROM outbox")) > 8


async def test_a_read_cannot_write(database):
    with pytest.raises(DatabaseUnavailableError, match="read-only"):
        async with database.read() as connection:
            await connection.execute(text("INSERT INTO note (word) VALUES ('a')"))


async def test_json_and_bytes_come_back_as_they_went(database):
    async with database.transaction() as tx:
        answer = await tx.execute(
            text('SELECT CAST(\'{"a": [1, "ä"]}\' AS jsonb), CAST(:b AS bytea)'), {"b": b"\x00\xff"}
        )
        assert answer.one() == ({"a": [1, "ä"]}, b"\x00\xff")


async def test_a_database_that_cannot_be_reached_is_unavailable(unused_tcp_port):
    database = Database(f"postgresql://a:b@127.0.0.1:{unused_tcp_port}/c", schema="trial", name="trial")
    with pytest.raises(DatabaseUnavailableError) as caught:
        await database.ping()
    assert not caught.value.commit_unknown
    assert is_redo(caught.value)
    await database.close()


async def test_a_full_pool_is_unavailable_after_its_time(service, monkeypatch):
    monkeypatch.setattr("tierdesk_store.database.POOL_SECONDS", 0.2)
    database = Database(service, schema=SCHEMA.name, name="trial", pool_size=1)
    async with database.read():
        with pytest.raises(DatabaseUnavailableError, match="became free"):
            await database.ping()
    await database.ping()
    await database.close()


async def test_a_connection_lost_between_transactions_costs_one_answer(database, postgres_url):
    await database.ping()
    await end_backends(postgres_url)
    with pytest.raises(DatabaseUnavailableError) as caught:
        await database.ping()
    assert not caught.value.commit_unknown
    await database.ping()


async def test_a_connection_lost_within_a_transaction_leaves_nothing(database, postgres_url):
    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")
            await end_backends(postgres_url)
            await note(tx, "b")

    with pytest.raises(DatabaseUnavailableError) as caught:
        await work()
    assert not caught.value.commit_unknown
    assert await noted(database) == []


async def test_a_connection_lost_at_commit_leaves_the_outcome_unknown(database, postgres_url):
    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")
            await end_backends(postgres_url)

    with pytest.raises(DatabaseUnavailableError) as caught:
        await work()
    assert caught.value.commit_unknown


async def at_commit(postgres_url, action):
    """Let the server do something while it commits a transaction that wrote a note."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(
        f"""
        CREATE FUNCTION trial.at_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {action}; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON trial.note DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION trial.at_commit();
        """
    )
    await connection.close()


async def test_a_connection_lost_while_the_server_commits_leaves_the_outcome_unknown(database, postgres_url):
    await at_commit(postgres_url, "PERFORM pg_sleep(5)")

    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.5)
    await end_backends(postgres_url)
    with pytest.raises(DatabaseUnavailableError) as caught:
        await task
    assert caught.value.commit_unknown


async def test_a_commit_that_the_server_refuses_is_not_called_unknown(database, postgres_url):
    await at_commit(postgres_url, "RAISE integrity_constraint_violation")

    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")
            tx.send(unordered("s", "a"), EVENT)

    with pytest.raises(exc.IntegrityError):
        await work()
    assert not database.outbox_written.is_set()


async def test_a_handler_that_swallows_a_lost_connection_still_learns_of_it(database, postgres_url):
    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")
            await end_backends(postgres_url)
            with contextlib.suppress(DatabaseUnavailableError):
                await note(tx, "b")

    with pytest.raises(DatabaseUnavailableError):
        await work()
    assert await noted(database) == []


async def test_a_swallowed_error_cannot_turn_the_commit_into_a_silent_rollback(database):
    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")
            with contextlib.suppress(exc.DBAPIError):
                await tx.execute(text("SELECT 1 / 0"))

    with pytest.raises(exc.DBAPIError, match="aborted"):
        await work()
    assert await noted(database) == []
    async with database.transaction() as tx:  # the same connection, used again, is not suspected for ever
        await note(tx, "b")
    assert await noted(database) == ["b"]


async def test_an_error_inside_a_savepoint_does_not_spoil_the_transaction(database):
    async with database.transaction() as tx:
        await note(tx, "a")
        with contextlib.suppress(exc.DBAPIError):
            async with tx.connection.begin_nested():
                await tx.execute(text("SELECT 1 / 0"))
    assert await noted(database) == ["a"]


async def test_an_error_about_a_statement_is_not_called_unavailable(database):
    with pytest.raises(exc.DBAPIError) as caught:
        async with database.transaction() as tx:
            await tx.execute(text("SELECT 1 / 0"))
    assert not is_redo(caught.value)
    with pytest.raises(exc.DBAPIError) as caught:
        async with database.transaction() as tx:
            await tx.execute(text("SELECT CAST(:a AS integer)"), {"a": "no number"})
    assert not is_redo(caught.value)


async def test_parameters_do_not_stand_in_an_error(database):
    with pytest.raises(exc.DBAPIError) as caught:
        async with database.transaction() as tx:
            await tx.execute(text("SELECT 1 / 0 WHERE :a = :a"), {"a": "Ada Lovelace"})
    assert "Lovelace" not in str(caught.value)


async def test_a_deadlock_and_a_lock_past_its_time_are_to_be_redone(database):
    async with database.transaction() as tx:
        await note(tx, "a")
        await note(tx, "b")
    meeting = asyncio.Barrier(2)

    async def lock(first, second):
        async with database.transaction() as tx:
            await tx.execute(text("SELECT FROM note WHERE word = :w FOR UPDATE"), {"w": first})
            await meeting.wait()
            await tx.execute(text("SELECT FROM note WHERE word = :w FOR UPDATE"), {"w": second})

    outcomes = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)
    failed = [outcome for outcome in outcomes if outcome is not None]
    assert len(failed) == 1
    assert is_redo(failed[0])


async def test_a_cancelled_transaction_gives_its_connection_back(service):
    database = Database(service, schema=SCHEMA.name, name="trial", pool_size=2)

    async def work(number):
        async with database.transaction() as tx:
            await tx.execute(text("SELECT pg_sleep(:s)"), {"s": (number % 7) * 0.003})
            await note(tx, str(number))

    for number in range(120):
        task = asyncio.create_task(work(number))
        await asyncio.sleep((number % 11) * 0.002)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await asyncio.gather(*(work(number) for number in range(4)))
    assert database._engine.pool.checkedout() == 0
    states = await rows(
        database, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trial' AND pid <> pg_backend_pid()"
    )
    assert states[0][0] <= 2
    await database.close()


async def test_a_cancellation_during_commit_does_not_tear_it(database, monkeypatch):
    inside = asyncio.Event()
    write = database._commit

    async def slow(tx):
        inside.set()
        await asyncio.sleep(0.2)
        await write(tx)

    monkeypatch.setattr(database, "_commit", slow)

    async def work():
        async with database.transaction() as tx:
            await note(tx, "a")
            tx.send(unordered("s", "a"), EVENT)

    task = asyncio.create_task(work())
    await inside.wait()
    await cancel_again_and_again(task)
    assert await noted(database) == ["a"]
    assert len(await rows(database, "SELECT 1 FROM outbox")) == 1


async def test_an_idle_transaction_is_ended_by_the_server_not_kept_for_ever(database):
    async with database.read() as connection:
        limit = (await connection.execute(text("SHOW idle_in_transaction_session_timeout"))).scalar_one()
        assert limit == "15s"
        assert (await connection.execute(text("SHOW statement_timeout"))).scalar_one() == "10s"
        assert (await connection.execute(text("SHOW lock_timeout"))).scalar_one() == "2s"


async def test_a_query_past_its_time_gives_the_connection_up(service, monkeypatch):
    monkeypatch.setattr("tierdesk_store.driver.COMMAND_SECONDS", 0.3)
    database = Database(service, schema=SCHEMA.name, name="trial", pool_size=1)
    with pytest.raises(DatabaseUnavailableError):
        async with database.transaction() as tx:
            await tx.execute(text("SELECT pg_sleep(3)"))
    await until(lambda: is_quiet(database))
    await database.close()


async def is_quiet(database):
    found = await rows(
        database,
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)%' AND state = 'active' AND pid <> pg_backend_pid()",
    )
    return found == [(0,)]
