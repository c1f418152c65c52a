"""What becomes of the messages of a consumer: applied once and in order, or parked when they are none."""

import asyncio

import pytest
from trial_service import Intake, Notes, changed, ordered, parked, refuse, rows, unordered, waiting, words

from tierdesk_store import PermanentError, TransientError
from tierdesk_store.negative_controls import UNSAFE


async def test_a_batch_is_applied_in_one_transaction_and_then_acknowledged(database, intake, notes):
    await intake.take(ordered("a", 1), ordered("b", 1), unordered("c", "x"), ordered("a", 2))
    assert await words(database, "a") == ["1", "2"]
    assert await words(database, "b") == ["1"]
    assert await words(database, "c") == ["x"]
    assert len(intake.acknowledged) == 4
    assert notes.batches == [4]
    assert intake.application.counts.applied == 4


async def test_an_unordered_message_is_applied_once_however_often_it_comes(database, intake):
    message = unordered("a", "x")
    await intake.take(message, message)
    await intake.take(message, unordered("a", "y"), message)
    assert await words(database, "a") == ["x", "y"]
    assert len(intake.acknowledged) == 5
    assert intake.application.counts.superseded == 3


async def test_an_ordered_message_is_applied_once_however_often_it_comes(database, intake):
    one, two = ordered("a", 1), ordered("a", 2)
    await intake.take(one, one, two)
    await intake.take(two, one)
    assert await words(database, "a") == ["1", "2"]


async def test_the_same_identifier_in_another_namespace_is_another_message(database, intake):
    message = unordered("a", "x")
    await intake.take(message)
    await intake.take(message, namespace="v-main.printers")
    assert await words(database, "a") == ["x", "x"]


async def test_another_consumer_applies_the_same_messages(database, intake):
    messages = [ordered("a", 1), unordered("a", "x")]
    await intake.take(*messages)
    await Intake(database, Notes(name="other")).take(*messages)
    assert await words(database, "a") == ["1", "x", "1", "x"]


async def test_a_gap_is_drained_in_the_transaction_that_closes_it(database, intake, notes):
    await intake.take(ordered("a", 3), ordered("a", 2), ordered("b", 2))
    assert await waiting(database) == [("a", "gap"), ("a", "gap"), ("b", "gap")]
    assert len(intake.acknowledged) == 3
    transactions = len(notes.batches)
    await intake.take(ordered("a", 1))
    assert await words(database, "a") == ["1", "2", "3"]
    assert await waiting(database) == [("b", "gap")]
    assert len(notes.batches) == transactions + 1


async def test_messages_shuffled_within_a_batch_are_applied_in_order(database, intake):
    await intake.take(*(ordered("a", n) for n in (4, 2, 5, 1, 3)))
    assert await words(database, "a") == ["1", "2", "3", "4", "5"]
    assert await waiting(database) == []


async def test_a_message_may_cover_several_sequences(database, intake):
    await intake.take(changed("a", 3, 5), changed("a", 6, 6), changed("a", 1, 2), changed("a", 3, 5))
    assert await words(database, "a") == ["1-2", "3-5", "6-6"]
    found = await rows(database, "SELECT stream, sequence FROM applied")
    assert found == [("ticket", 6)]


async def test_the_streams_of_a_subject_are_followed_each_for_itself(database, intake):
    await intake.take(changed("a", 1, 1), ordered("a", 1), ordered("a", 2))
    assert await words(database, "a") == ["1-1", "1", "2"]


async def test_a_message_that_overlaps_what_is_applied_is_parked_not_guessed_at(database, intake):
    await intake.take(changed("a", 1, 3), changed("a", 3, 4))
    assert await words(database, "a") == ["1-3"]
    assert await parked(database) == [("a", "sequence: covers 3 to 4, but 3 is applied already")]


async def test_more_waiting_rows_than_one_transaction_takes_are_drained_by_the_sweep(
    database, intake, notes, monkeypatch
):
    monkeypatch.setattr("tierdesk_store.application.ROW_LIMIT", 10)
    await intake.take(*(ordered("a", n) for n in range(40, 1, -1)))
    await intake.take(ordered("a", 1))
    assert len(await words(database, "a")) == 11
    await intake.sweep()
    assert await words(database, "a") == [str(n) for n in range(1, 41)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b"[1]", "not an envelope"),
        (b'{"type": 7}', "type"),
        (b'{"type": "intake.exploded.v9", "id": "x\\u0000y"}', "not known to this release"),
        (b'{"type": "knowledge.matched.v1", "id": "1"}', "id"),
    ],
)
async def test_a_body_that_is_no_message_is_parked_once(database, intake, body, reason):
    await intake.take(body, unordered("a", "x"), body)
    await intake.take(body)
    found = await rows(database, "SELECT reason, body FROM parked")
    assert len(found) == 1
    assert reason in found[0][0]
    assert found[0][1] == body
    assert await words(database, "a") == ["x"]
    assert len(intake.acknowledged) == 4


async def test_a_type_for_another_consumer_is_parked(database, notes):
    notes.accepts = frozenset({"intake.requester_replied.v1"})
    await Intake(database, notes).take(unordered("a", "x"))
    ((_, reason),) = await parked(database)
    assert reason == "not for this consumer: it does not handle knowledge.matched.v1"


async def test_an_ordered_message_that_cannot_be_read_holds_its_stream(database, intake):
    broken = ordered("a", 2).to_bytes().replace(b'"text"', b'"test"')
    await intake.take(ordered("a", 1), broken, ordered("a", 3))
    assert await words(database, "a") == ["1"]
    assert [subject for subject, _ in await parked(database)] == ["a"]
    assert await waiting(database) == [("a", "held")]


@pytest.mark.parametrize("sequence", [None, "0" * 20, "9" * 20])
async def test_a_sequence_that_is_none_is_parked_and_moves_nothing(database, intake, sequence):
    message = ordered("a", 1).model_copy(update={"sequence": sequence})
    await intake.take(message, ordered("a", 1))
    assert len(await parked(database)) == 1
    assert await words(database, "a") == ["1"]


async def test_an_ordered_message_from_outside_moves_nothing(database, intake):
    await intake.take(ordered("a", 1, "forged"), namespace="v-main.printers")
    await intake.take(ordered("a", 1))
    assert await words(database, "a") == ["1"]
    ((_, reason),) = await parked(database)
    assert "only from home" in reason


async def test_two_replicas_that_get_the_same_messages_apply_them_once(database, notes):
    replicas = [Intake(database, Notes()) for _ in range(3)]
    messages = [ordered(f"s{n % 20}", n // 20 + 1) for n in range(100)] + [unordered("u", str(n)) for n in range(50)]
    await asyncio.gather(
        *(replica.take(*part) for replica in replicas for part in (messages[:90], messages[60:], messages[::-1]))
    )
    for replica in replicas:
        await replica.sweep()
    for n in range(20):
        assert await words(database, f"s{n}") == ["1", "2", "3", "4", "5"]
    assert sorted(await words(database, "u"), key=int) == [str(n) for n in range(50)]
    assert await waiting(database) == []


async def test_the_sent_messages_of_a_batch_are_committed_with_it(database, intake, notes):
    notes.answers = True
    notes.rule = refuse("bad", PermanentError("no"))
    await intake.take(unordered("a", "x"), unordered("a", "bad"), unordered("b", "y"))
    found = await rows(database, "SELECT subject FROM outbox ORDER BY position")
    assert found == [("a",), ("b",)]


async def test_one_sweeper_works_at_a_time(database, intake, notes):
    notes.rule = refuse("x", TransientError("not yet", retry_in_seconds=0.001))
    await intake.take(unordered("a", "x"))
    notes.rule = lambda received, state: None
    started, go = asyncio.Event(), asyncio.Event()
    load = notes.load

    async def slow(tx, messages):
        started.set()
        await go.wait()
        return await load(tx, messages)

    notes.load = slow
    first = asyncio.create_task(intake.sweep())
    await started.wait()
    other = Intake(database, Notes())
    await other.sweep()
    go.set()
    await first
    assert other.handler.batches == []
    assert await words(database, "a") == ["x"]


async def test_without_the_inbox_repetitions_show(database, intake, monkeypatch):
    monkeypatch.setattr(UNSAFE, "no_inbox", True)
    message, one = unordered("a", "x"), ordered("b", 1)
    await intake.take(message, one)
    await intake.take(message, one)
    assert await words(database, "a") == ["x", "x"]
    assert await words(database, "b") == ["1", "1"]


async def test_without_waiting_for_gaps_a_wrong_order_shows(database, intake, monkeypatch):
    monkeypatch.setattr(UNSAFE, "no_gap_wait", True)
    await intake.take(ordered("a", 2), ordered("a", 1), ordered("a", 3))
    assert await words(database, "a") == ["2", "1", "3"]
