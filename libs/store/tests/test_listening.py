"""A listener hears what is told when it is committed, knows when it hears nothing, and comes back."""

import asyncio
import contextlib
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import text
from trial_service import until

from tierdesk_store import Database, Listener

TELL = text("SELECT pg_notify('trial', :word)")


@asynccontextmanager
async def listening(database):
    heard, stop = [], asyncio.Event()
    listener = Listener(database, "trial", heard.append)
    task = asyncio.create_task(listener.run(stop))
    try:
        yield listener, heard
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def tell(database, word):
    async with database.transaction() as tx:
        await tx.execute(TELL, {"word": word})


async def test_what_is_told_is_heard_when_it_is_committed_and_only_then(database):
    async with listening(database) as (listener, heard):
        await until(lambda: listener.is_listening)
        with contextlib.suppress(ZeroDivisionError):
            async with database.transaction() as tx:
                await tx.execute(TELL, {"word": "given up"})
                raise ZeroDivisionError
        async with database.transaction() as tx:
            await tx.execute(TELL, {"word": "kept"})
            await asyncio.sleep(0.2)
            assert heard == [None], "that listening has begun"
        await until(lambda: len(heard) > 1)
    assert heard == [None, "kept", None]
    assert not listener.is_listening


async def test_a_listener_that_is_cut_off_says_so_and_listens_again(database, postgres_url):
    async with listening(database) as (listener, heard):
        await until(lambda: listener.is_listening)
        connection = await asyncpg.connect(postgres_url)
        end = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'trial listener' AND datname = current_database()
        """
        assert [ended for (ended,) in await connection.fetch(end)] == [True]
        await connection.close()
        await until(lambda: len(heard) == 3)
        await tell(database, "again")
        await until(lambda: len(heard) == 4)
    assert heard[:4] == [None, None, None, "again"], "it began, was cut off, began again"


async def test_a_listener_that_is_told_to_stop_asks_the_database_nothing_more(database, monkeypatch):
    asked = []
    ask = asyncpg.Connection.execute

    async def execute(connection, query, *given, **also):
        asked.append(query)
        return await ask(connection, query, *given, **also)

    async with listening(database) as (listener, _):
        await until(lambda: listener.is_listening)
        monkeypatch.setattr(asyncpg.Connection, "execute", execute)
    assert "SELECT 1" not in asked


async def test_a_listener_whose_database_is_away_waits_and_stops_when_told():
    away = Database("postgresql://nobody:nothing@127.0.0.1:1/none", schema="trial", name="trial")
    async with listening(away) as (listener, heard):
        await asyncio.sleep(0.5)
        assert not listener.is_listening
    assert heard == []
