"""A clock of which nothing can be said is put off, and silences no other."""

from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import select

from tierdesk_sla.handlers.watcher import PUT_OFF_SECONDS
from tierdesk_sla.store.tables import clock as clocks
from tierdesk_sla.store.watch import put_off
from tierdesk_store import DatabaseUnavailableError

REFUSE = """
    CREATE FUNCTION sla.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no such word' USING ERRCODE = 'check_violation'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON sla.alert
    FOR EACH ROW WHEN (NEW.clock_id = '{clock}') EXECUTE FUNCTION sla.refuse();
"""
BROKEN = {
    "its row cannot be read": "UPDATE sla.clock SET holds = '7' WHERE id = '{clock}'",
    "its word cannot be made": "UPDATE sla.ticket SET reference = '' WHERE ticket_id = '{ticket}'",
    "its word cannot be saved": REFUSE,
    "its ticket has no row": """
        CREATE TABLE lost AS SELECT * FROM sla.ticket WHERE ticket_id = '{ticket}';
        DELETE FROM sla.ticket WHERE ticket_id = '{ticket}'
    """,
}
MENDED = {
    "its row cannot be read": "UPDATE sla.clock SET holds = '[]' WHERE id = '{clock}'",
    "its word cannot be made": "UPDATE sla.ticket SET reference = 'TD-TEST-0001' WHERE ticket_id = '{ticket}'",
    "its word cannot be saved": "DROP TRIGGER refuse ON sla.alert",
    "its ticket has no row": "INSERT INTO sla.ticket SELECT * FROM lost",
}


@pytest.fixture
async def meddle(postgres_url, database):
    """Does something to the tables, as their owner, for the clock of a story's first response; answers the clock."""
    connection = await asyncpg.connect(postgres_url)

    async def execute(statements, story):
        clock = await connection.fetchval(
            "SELECT id FROM sla.clock WHERE ticket_id = $1 AND kind = 'first_response'", story.ticket_id
        )
        await connection.execute(statements.format(clock=clock, ticket=story.ticket_id))
        return clock

    yield execute
    await connection.close()


async def tell_many(desk, tell, number):
    """Tickets opened a minute after one another, each with a first response due after an hour."""
    stories = []
    for minute in range(number):
        story = tell(ticket_id=uuid4(), opened_at=tell().opened_at + timedelta(minutes=minute))
        await desk.tell(story.begun())
        stories.append(story)
    return stories


async def say_all(desk, until, *, batch):
    desk.clock.advance_to(max(until, desk.clock.now()))
    watcher = desk.watcher(batch=batch)
    for _ in range(100):
        if not await watcher.say_due(until):
            return
    raise AssertionError("what is put off is not looked at again at once")


def moment_of(envelope):
    data = envelope.data
    return data.started_at + (data.due_at - data.started_at) * getattr(data, "share", 1)


def put_off_count(desk):
    return desk.metrics.get_sample_value("tierdesk_clocks_put_off_total")


@pytest.mark.parametrize("batch", [2, 5, 50])
@pytest.mark.parametrize("fault", BROKEN)
async def test_one_clock_at_fault_is_put_off_and_the_others_are_said_in_due_order(desk, tell, meddle, fault, batch):
    stories = await tell_many(desk, tell, 9)
    ill = await meddle(BROKEN[fault], stories[4])
    until = stories[0].at(100)
    await say_all(desk, until, batch=batch)
    sent = await desk.sent()
    assert {envelope.data.clock_id for envelope in sent} & {ill} == set()
    assert len({(envelope.data.clock_id, envelope.type, getattr(envelope.data, "share", 1)) for envelope in sent}) == 24
    assert len(sent) == 24, "two warnings and a breach of each of the eight, once"
    assert [moment_of(envelope) for envelope in sent] == sorted(moment_of(envelope) for envelope in sent)
    assert put_off_count(desk) == 1
    async with desk.database.read() as connection:
        next_at = (await connection.execute(select(clocks.c.next_at).where(clocks.c.id == ill))).scalar_one()
    assert next_at == until + timedelta(seconds=PUT_OFF_SECONDS)


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_clock_that_was_put_off_is_said_once_it_can_be(desk, story, meddle, fault):
    await desk.tell(story.begun())
    await meddle(BROKEN[fault], story)
    await say_all(desk, story.at(61), batch=50)
    await say_all(desk, story.at(70), batch=50)
    assert await desk.words() == []
    await meddle(MENDED[fault], story)
    await say_all(desk, story.at(71), batch=50)
    assert [(word, value) for word, _, value in await desk.words()] == [
        ("warned", 0.5),
        ("warned", 0.75),
        ("breached", 60),
    ]
    assert put_off_count(desk) == 1


async def test_several_at_fault_are_put_off_each(desk, tell, meddle):
    stories = await tell_many(desk, tell, 9)
    for number in (0, 1, 5, 8):
        await meddle(BROKEN["its row cannot be read"], stories[number])
    await say_all(desk, stories[0].at(100), batch=50)
    sent = await desk.sent()
    assert len(sent) == 15
    assert [moment_of(envelope) for envelope in sent] == sorted(moment_of(envelope) for envelope in sent)
    assert put_off_count(desk) == 4


async def test_a_clock_that_is_locked_when_it_shall_be_put_off_is_put_off_at_the_next_look(
    desk, owner, story, meddle, monkeypatch
):
    async def wait_in_vain(connection, key, *given):
        async with owner.transaction() as tx:
            await tx.execute(select(clocks.c.place).with_for_update())
            await put_off(connection, key, *given)

    await desk.tell(story.begun())
    await meddle(BROKEN["its row cannot be read"], story)
    desk.clock.advance_to(story.at(30))
    with monkeypatch.context() as patch:
        patch.setattr("tierdesk_sla.handlers.watcher.put_off", wait_in_vain)
        assert await desk.watcher().say_due(story.at(30)) == 1
    assert put_off_count(desk) == 0
    await say_all(desk, story.at(30), batch=50)
    assert put_off_count(desk) == 1


async def test_while_the_database_is_at_fault_nobody_is_put_off(desk, story, monkeypatch):
    await desk.tell(story.begun())

    async def go_away(*_):
        raise DatabaseUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("tierdesk_sla.handlers.watcher.save_marks", go_away)
        with pytest.raises(DatabaseUnavailableError):
            await say_all(desk, story.at(30), batch=50)
    assert put_off_count(desk) == 0
    await say_all(desk, story.at(30), batch=50)
    assert len(await desk.words()) == 1
