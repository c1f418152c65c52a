"""Parked messages: shown whole, replayed once, or discarded so that their stream goes on."""

import asyncio
import uuid
from dataclasses import replace

import pytest
from trial_service import Intake, Notes, changed, ordered, parked, rows, unordered, waiting, word_of, words

from tierdesk_contracts import MESSAGE_TYPES
from tierdesk_store import (
    ParkedFilter,
    PermanentError,
    discard_parked,
    find_parked,
    list_parked,
    parked_count,
    replay_parked,
    show_parked,
    waiting_state,
)
from tierdesk_store.parking import MOST_STRANGE


@pytest.fixture
def notes():
    def rule(received, state):
        if "bad" in word_of(received.envelope):
            raise PermanentError("it is bad")

    return Notes(rule=rule)


@pytest.fixture
def intake(database, notes):
    return Intake(database, notes)


async def only_parked(database):
    async with database.read() as connection:
        (message,) = await list_parked(connection, database.tables)
        return await show_parked(connection, database.tables, message.id)


async def replay(database, parked_id):
    async with database.transaction() as tx:
        return await replay_parked(tx, parked_id)


async def discard(database, parked_id):
    async with database.transaction() as tx:
        return await discard_parked(tx, parked_id, reason="of no use")


def mend(notes):
    notes.rule = lambda received, state: None


async def test_a_parked_message_is_shown_whole(database, intake):
    message = unordered("a", "bad")
    await intake.take(message)
    async with database.read() as connection:
        (listed,) = await list_parked(connection, database.tables)
        shown = await show_parked(connection, database.tables, listed.id)
        assert await parked_count(connection, database.tables) == 1
        assert await show_parked(connection, database.tables, uuid.uuid4()) is None
    assert replace(shown, body=None) == listed
    assert (shown.consumer, shown.tenant, shown.subject, shown.queue) == ("trial", "main", "a", "q")
    assert (shown.type, shown.message_id) == ("knowledge.matched.v1", str(message.id))
    assert (shown.reason, shown.attempts, shown.resolution) == ("it is bad", 1, None)
    assert shown.body == message.to_bytes()
    assert shown.size_bytes == len(shown.body)


async def test_a_list_holds_what_has_all_that_is_asked_for(database, intake):
    await intake.take(unordered("a", "bad"), unordered("b", "bad"), ordered("b", 1, "bad"), b"nonsense")
    async with database.read() as connection:

        async def listed(**which):
            found = await list_parked(connection, database.tables, which=ParkedFilter(**which))
            ids = await find_parked(connection, database.tables, ParkedFilter(**which))
            assert sorted(ids) == sorted(message.id for message in found)
            return sorted((message.subject, message.type) for message in found)

        assert len(await listed()) == 4
        assert await listed(subject="a") == [("a", "knowledge.matched.v1")]
        assert await listed(type="intake.requester_replied.v1") == [("b", "intake.requester_replied.v1")]
        assert await listed(tenant="main", subject="b", type="knowledge.matched.v1") == [("b", "knowledge.matched.v1")]
        assert await listed(tenant="") == [("", "")]
        assert await listed(tenant="nobody") == []


async def test_why_a_message_was_given_up_stays_with_it(database, intake):
    await intake.take(unordered("a", "bad"))
    message = await only_parked(database)
    await discard(database, message.id)
    async with database.read() as connection:
        shown = await show_parked(connection, database.tables, message.id)
    assert (shown.resolution, shown.detail) == ("discarded", "discarded: of no use")


async def test_a_replayed_message_is_applied_once_when_its_fault_is_mended(database, intake, notes):
    await intake.take(unordered("a", "bad"), unordered("a", "x"))
    message = await only_parked(database)
    mend(notes)
    assert await replay(database, message.id)
    assert not await replay(database, message.id)
    assert not await discard(database, message.id)
    await intake.sweep()
    await intake.sweep()
    assert await words(database, "a") == ["x", "bad"]
    assert await parked(database) == []
    async with database.read() as connection:
        assert await list_parked(connection, database.tables) == []
        (resolved,) = await list_parked(connection, database.tables, resolved=True)
        assert await parked_count(connection, database.tables) == 0
    assert (resolved.id, resolved.resolution) == (message.id, "replayed")
    assert resolved.resolved_at is not None


async def test_a_replayed_message_that_is_still_at_fault_is_parked_anew(database, intake):
    await intake.take(unordered("a", "bad"))
    first = await only_parked(database)
    await replay(database, first.id)
    await intake.sweep()
    second = await only_parked(database)
    assert second.id != first.id
    assert second.first_seen_at == first.first_seen_at


async def test_a_repetition_that_arrives_after_the_replay_changes_nothing(database, intake, notes):
    message = unordered("a", "bad")
    await intake.take(message, ordered("b", 1, "bad"))
    mend(notes)
    async with database.read() as connection:
        found = await list_parked(connection, database.tables)
    for one in found:
        await replay(database, one.id)
    await intake.take(message, ordered("b", 1, "bad"))
    await intake.sweep()
    assert await words(database, "a") == ["bad"]
    assert await words(database, "b") == ["bad"]
    assert await waiting(database) == []


async def test_replaying_the_message_that_holds_a_stream_lets_its_successors_follow(database, intake, notes):
    await intake.take(ordered("a", 1), ordered("a", 2, "bad"), ordered("a", 3), ordered("a", 4))
    mend(notes)
    await replay(database, (await only_parked(database)).id)
    await intake.sweep()
    assert await words(database, "a") == ["1", "bad", "3", "4"]
    assert await waiting(database) == []


async def test_discarding_the_message_that_holds_a_stream_lets_its_successors_follow_without_it(database, intake):
    await intake.take(ordered("a", 1), ordered("a", 2, "bad"), ordered("a", 3))
    message = await only_parked(database)
    assert await discard(database, message.id)
    assert not await discard(database, message.id)
    await intake.sweep()
    await intake.take(ordered("a", 4), ordered("a", 2, "bad"))
    assert await words(database, "a") == ["1", "3", "4"]
    assert await parked(database) == []


async def test_discarding_moves_past_all_sequences_of_a_message(database, intake, notes):
    def rule(received, state):
        if word_of(received.envelope) == "1-3":
            raise PermanentError("no")

    notes.rule = rule
    await intake.take(changed("a", 1, 3), changed("a", 4, 4))
    await discard(database, (await only_parked(database)).id)
    await intake.sweep()
    assert await words(database, "a") == ["4-4"]


async def test_a_second_bad_message_of_a_stream_is_parked_when_its_turn_comes(database, intake):
    await intake.take(ordered("a", 1, "bad"), ordered("a", 2, "bad too"), ordered("a", 3))
    assert len(await parked(database)) == 1
    await discard(database, (await only_parked(database)).id)
    await intake.sweep()
    second = await only_parked(database)
    assert b"bad too" in second.body
    await discard(database, second.id)
    await intake.sweep()
    assert await words(database, "a") == ["3"]


async def test_a_message_that_only_a_later_release_can_read_is_replayed_in_its_place(database, intake, monkeypatch):
    body = ordered("a", 1).to_bytes()
    known = dict(MESSAGE_TYPES)
    # Emptied and filled again, since the order of the types is what the generated documents follow.
    with monkeypatch.context() as patch:
        patch.delitem(MESSAGE_TYPES, "intake.requester_replied.v1")
        await intake.take(body)
    MESSAGE_TYPES.clear()
    MESSAGE_TYPES.update(known)
    assert await rows(database, "SELECT stream FROM parked") == [(None,)]
    await intake.take(ordered("a", 2))
    await replay(database, (await only_parked(database)).id)
    await intake.sweep()
    assert await words(database, "a") == ["1", "2"]


async def test_discarding_a_message_outside_of_streams_only_gives_it_up(database, intake):
    await intake.take(b"nonsense", unordered("a", "x"))
    assert await discard(database, (await only_parked(database)).id)
    assert await words(database, "a") == ["x"]
    assert await parked(database) == []


async def test_what_does_not_exist_can_be_neither_replayed_nor_discarded(database):
    assert not await replay(database, uuid.uuid4())
    assert not await discard(database, uuid.uuid4())


async def test_replayed_twice_at_once_it_is_tried_once(database, intake, notes):
    await intake.take(unordered("a", "bad"))
    mend(notes)
    parked_id = (await only_parked(database)).id
    answers = await asyncio.gather(*(replay(database, parked_id) for _ in range(4)))
    assert sorted(answers) == [False, False, False, True]
    await intake.sweep()
    assert await words(database, "a") == ["bad"]


async def test_what_waits_is_counted(database, intake):
    async with database.read() as connection:
        assert (await waiting_state(connection, database.tables)).pending == 0
    await intake.take(ordered("a", 2), ordered("a", 3))
    async with database.read() as connection:
        state = await waiting_state(connection, database.tables)
    assert state.pending == 2
    assert 0 <= state.oldest_seconds < 60


async def test_a_flood_of_what_is_no_message_from_outside_is_kept_in_bounds_and_costs_no_other_message(
    database, intake
):
    outside = "v-main.printers"
    for start in range(0, MOST_STRANGE + 400, 200):
        flood = [f"nonsense {number}".encode() for number in range(start, start + 200)]
        await intake.take(*flood, unordered("a", f"word {start}"), namespace=outside)
    await intake.take(*[f"at home {number}".encode() for number in range(5)], unordered("b", "bad"))
    await intake.take(b"other nonsense", namespace="v-main.copiers")
    kept = dict(await rows(database, "SELECT namespace, count(*) FROM parked GROUP BY namespace"))
    assert kept == {outside: MOST_STRANGE, "": 6, "v-main.copiers": 1}
    assert await words(database, "a") == [f"word {start}" for start in range(0, MOST_STRANGE + 400, 200)]


async def test_what_was_resolved_makes_room_for_more_of_what_is_no_message(database, intake):
    outside = "v-main.printers"
    await intake.take(*[f"nonsense {number}".encode() for number in range(MOST_STRANGE)], namespace=outside)
    async with database.read() as connection:
        (first, *_) = await find_parked(connection, database.tables, ParkedFilter())
    await discard(database, first)
    await intake.take(b"one more", b"and another", namespace=outside)
    assert await rows(database, "SELECT count(*) FROM parked") == [(MOST_STRANGE + 1,)]
