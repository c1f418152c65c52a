"""What becomes of the messages of a consumer: applied once, in order, waiting, parked; never lost."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from trial_service import (
    Intake,
    Notes,
    changed,
    make_due,
    ordered,
    parked,
    rows,
    unordered,
    until,
    waiting,
    word_of,
    words,
)

from tierdesk_store import DatabaseUnavailableError, GapError, PermanentError, TransientError
from tierdesk_store.agenda import MAX_TRIES
from tierdesk_store.attempts import MAX_ATTEMPTS
from tierdesk_store.negative_controls import UNSAFE


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def intake(database, notes):
    return Intake(database, notes)


def refuse(word, error):
    """A rule that raises `error` for the message of this word."""

    def rule(received, state):
        if word_of(received.envelope) == word:
            raise error

    return rule


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


async def test_a_permanent_error_parks_its_message_and_the_rest_goes_on(database, intake, notes):
    notes.rule = refuse("bad", PermanentError("no such article"))
    await intake.take(unordered("a", "good"), unordered("a", "bad"), unordered("b", "good"))
    assert await words(database, "a") == ["good"]
    assert await words(database, "b") == ["good"]
    assert await parked(database) == [("a", "no such article")]
    assert len(intake.acknowledged) == 3


async def test_a_defect_of_decide_parks_its_message_with_the_exception(database, intake, notes):
    notes.rule = refuse("bad", KeyError("colour"))
    await intake.take(unordered("a", "bad"), unordered("a", "good"))
    assert await words(database, "a") == ["good"]
    assert await parked(database) == [("a", "KeyError: 'colour'")]
    (detail,) = (await rows(database, "SELECT detail FROM parked"))[0]
    assert "Traceback" in detail


async def test_a_parked_message_is_not_decided_again_when_it_is_repeated(database, intake, notes):
    notes.rule = refuse("2", PermanentError("no"))
    await intake.take(ordered("a", 1), ordered("a", 2))
    notes.rule = lambda received, state: None
    bad = unordered("b", "bad")
    notes.rule = refuse("bad", PermanentError("no"))
    await intake.take(bad)
    notes.rule = lambda received, state: None
    await intake.take(ordered("a", 2), bad)
    assert len(await parked(database)) == 2
    assert await words(database, "a") == ["1"]


async def test_a_parked_message_holds_its_stream_and_nothing_else(database, intake, notes):
    notes.rule = refuse("2", PermanentError("no"))
    await intake.take(ordered("a", 1), ordered("a", 2), ordered("a", 3), unordered("a", "x"), ordered("b", 1))
    await intake.take(ordered("a", 4))
    await make_due(database)
    await intake.sweep()
    assert await words(database, "a") == ["1", "x"]
    assert await words(database, "b") == ["1"]
    assert await waiting(database) == [("a", "held"), ("a", "held")]


async def test_a_transient_error_is_tried_again_and_later_messages_queue_behind_it(database, intake, notes):
    notes.rule = refuse("x", TransientError("policy unknown", retry_in_seconds=0.05))
    await intake.take(unordered("a", "w"), unordered("a", "x"), unordered("a", "y"), unordered("b", "y"))
    await intake.take(unordered("a", "z"))
    assert await waiting(database) == [("a", "retry"), ("a", "behind"), ("a", "behind")]
    assert await words(database, "a") == ["w"]
    assert await words(database, "b") == ["y"]
    notes.rule = lambda received, state: None
    await asyncio.sleep(0.1)
    await intake.sweep()
    assert await words(database, "a") == ["w", "x", "y", "z"]
    assert await waiting(database) == []


async def test_a_retry_waits_longer_each_time(database, intake, notes):
    notes.rule = refuse("x", TransientError("not yet", retry_in_seconds=1))
    await intake.take(unordered("a", "x"))
    pauses = []
    for _ in range(8):
        found = await rows(database, "SELECT extract(epoch FROM due_at - now())::float, attempts FROM waiting")
        pauses.append(found[0])
        await make_due(database)
        await intake.sweep()
    assert [attempts for _, attempts in pauses] == [1, 2, 3, 4, 5, 6, 7, 8]
    for (pause, _), expected in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60), strict=True):
        assert expected * 0.7 <= pause <= expected * 1.1


async def test_after_its_last_try_a_message_is_parked_and_those_behind_it_go_on(database, intake, notes):
    notes.rule = refuse("x", TransientError("policy unknown"))
    await intake.take(unordered("a", "x"), unordered("a", "y"))
    for _ in range(MAX_TRIES):
        await make_due(database)
        await intake.sweep()
    assert await parked(database) == [("a", f"tried {MAX_TRIES} times: policy unknown")]
    assert await words(database, "a") == ["y"]
    assert await waiting(database) == []


async def test_an_ordered_message_that_is_retried_keeps_its_successors_behind_it(database, intake, notes):
    notes.rule = refuse("1", TransientError("policy unknown", retry_in_seconds=0.01))
    await intake.take(ordered("a", 2), ordered("a", 1), ordered("a", 3))
    assert {subject for subject, _ in await waiting(database)} == {"a"}
    notes.rule = lambda received, state: None
    await asyncio.sleep(0.05)
    await intake.sweep()
    assert await words(database, "a") == ["1", "2", "3"]


async def test_a_message_that_waits_for_a_predecessor_goes_on_in_the_same_transaction(database, intake, notes):
    seen = set()

    def rule(received, state):
        word = word_of(received.envelope)
        if word == "second" and "first" not in seen:
            raise GapError("ordinal 1 is missing", retry_in_seconds=30)
        seen.add(word)

    notes.rule = rule
    await intake.take(unordered("a", "second"), unordered("a", "other"))
    assert await words(database, "a") == ["other"]
    assert await waiting(database) == [("a", "early")]
    await intake.take(unordered("a", "first"))
    assert await words(database, "a") == ["other", "first", "second"]
    await intake.take(unordered("b", "third"))
    assert await waiting(database) == []


async def test_a_gap_that_nobody_closes_is_decided_again_when_due_and_not_counted_before(database, intake, notes):
    notes.rule = refuse("second", GapError("ordinal 1 is missing", retry_in_seconds=0.05))
    await intake.take(unordered("a", "second"))
    for number in range(5):
        await intake.take(unordered("a", f"other {number}"))
    assert await rows(database, "SELECT attempts FROM waiting") == [(1,)]
    await asyncio.sleep(0.1)
    await intake.sweep()
    assert await rows(database, "SELECT attempts FROM waiting") == [(2,)]
    first_seen = {r.received_at for r in notes.received if word_of(r.envelope) == "second"}
    assert len(first_seen) == 1


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


async def test_a_save_that_fails_is_taken_apart_until_the_message_at_fault_is_alone(database, intake, notes):
    def saving(state):
        if any(word == "poison" for _, word in state):
            raise ZeroDivisionError("cannot be saved")

    notes.saving = saving
    batch = [unordered(f"s{n}", "fine") for n in range(60)]
    batch[41] = unordered("s41", "poison")
    batch[7] = unordered("s7", "poison")
    await intake.take(*batch)
    assert await rows(database, "SELECT count(*) FROM note") == [(58,)]
    assert sorted(await parked(database)) == [
        ("s41", "ZeroDivisionError: cannot be saved"),
        ("s7", "ZeroDivisionError: cannot be saved"),
    ]
    assert len(intake.acknowledged) == 60
    assert len(notes.batches) < 40


async def test_a_statement_that_a_message_breaks_parks_that_message(database, intake, notes):
    async def save(tx, state):
        await tx.execute(text("SELECT CAST(:w AS integer[])"), {"w": [int(w) for _, w in state]})
        for subject, word in state:
            await tx.execute(
                text("INSERT INTO note (subject, word) VALUES (:s, CAST(10 / CAST(:w AS integer) AS text))"),
                {"s": subject, "w": int(word)},
            )

    notes.save = save
    await intake.take(unordered("a", "5"), unordered("a", "0"), unordered("a", "2"))
    assert await words(database, "a") == ["2", "5"]
    ((_, reason),) = await parked(database)
    assert "division by zero" in reason


async def test_a_waiting_row_that_cannot_be_saved_is_parked_by_the_sweep(database, intake, notes):
    await intake.take(ordered("a", 2, "poison"), ordered("a", 3))

    def saving(state):
        if any(word == "poison" for _, word in state):
            raise ZeroDivisionError("cannot be saved")

    notes.saving = saving
    await intake.take(ordered("a", 1))
    assert await words(database, "a") == ["1"]
    await intake.sweep()
    assert await parked(database) == [("a", "ZeroDivisionError: cannot be saved")]
    assert [subject for subject, _ in await waiting(database)] == ["a"]


async def test_a_failing_load_is_taken_apart_as_well(database, intake, notes):
    load = notes.load

    async def failing(tx, messages):
        if any(word_of(m.envelope) == "poison" for m in messages):
            raise ValueError("cannot be loaded")
        return await load(tx, messages)

    notes.load = failing
    await intake.take(unordered("a", "x"), unordered("a", "poison"), unordered("a", "y"))
    assert await words(database, "a") == ["x", "y"]
    assert await parked(database) == [("a", "ValueError: cannot be loaded")]


async def test_a_deadlock_redoes_the_batch_and_counts_against_nobody(database, postgres_url, intake, notes):
    async with database.transaction() as tx:
        await tx.execute(text("INSERT INTO note (subject, word) VALUES ('lock', 'p'), ('lock', 'q')"))
    rival = await asyncpg.connect(postgres_url)
    await rival.execute("SET deadlock_timeout = '60s'")  # so that the batch is the one that is chosen
    rivalry = rival.transaction()
    await rivalry.start()
    await rival.execute("SELECT FROM trial.note WHERE word = 'q' FOR UPDATE")
    save = notes.save
    crossed = []

    async def crossing(tx, state):
        await tx.execute(text("SELECT FROM note WHERE word = 'p' FOR UPDATE"))
        crossed.append(asyncio.create_task(rival.execute("SELECT FROM trial.note WHERE word = 'p' FOR UPDATE")))
        await asyncio.sleep(0.1)
        await tx.execute(text("SELECT FROM note WHERE word = 'q' FOR UPDATE"))
        await save(tx, state)

    async def give_way():
        await until(lambda: crossed)
        await crossed[0]
        notes.save = save
        await rivalry.commit()

    notes.save = crossing
    await asyncio.gather(intake.take(unordered("a", "x")), give_way())
    await rival.close()
    assert await words(database, "a") == ["x"]
    assert await parked(database) == []
    assert intake.application.counts.redone >= 1


async def test_a_connection_lost_at_commit_neither_loses_nor_doubles(database, postgres_url, intake, notes):
    commit = database._commit
    killed = []

    async def torn(tx):
        if len(killed) < 4:
            # In turn: the session ends before COMMIT reaches the server, and after the server has committed.
            after = len(killed) % 2
            if after:
                await tx.connection.exec_driver_sql("COMMIT")
            (pid,) = (await tx.execute(text("SELECT pg_backend_pid()"))).one()
            killed.append(pid)
            connection = await asyncpg.connect(postgres_url)
            await connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)
            await connection.close()
        await commit(tx)

    database._commit = torn
    one = [ordered("a", 1), unordered("a", "x")]
    await intake.take(*one)
    two = [ordered("a", 2), unordered("a", "y")]
    await intake.take(*two)
    assert len(killed) == 4
    assert await words(database, "a") == ["1", "x", "2", "y"]
    assert len(intake.acknowledged) == 4


async def test_while_the_database_is_away_a_batch_is_kept_until_stop(database, intake, notes):
    def raise_at_open(*_):
        raise DatabaseUnavailableError("away")

    database._open = raise_at_open
    task = asyncio.create_task(intake.take(ordered("a", 1)))
    await until(lambda: intake.application.counts.redone >= 3)
    assert not task.done()
    intake.stop.set()
    await task
    assert intake.acknowledged == []


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


async def test_a_waiting_row_that_kills_its_process_is_parked_and_its_neighbours_are_not(database, notes):
    def rule(received, state):
        if word_of(received.envelope) == "deadly" and received.attempts:
            raise asyncio.CancelledError  # ends the sweep as a kill does: nothing after it runs
        if not received.attempts:
            raise TransientError("later")

    notes.rule = rule
    intake = Intake(database, notes)
    await intake.take(*(unordered(f"s{n}", "harmless") for n in range(4)), unordered("s4", "deadly"))
    deaths = 0
    for _ in range(30):
        await make_due(database)
        try:
            await Intake(database, notes).sweep()
        except asyncio.CancelledError:
            deaths += 1
    assert deaths == MAX_ATTEMPTS
    ((subject, reason),) = await parked(database)
    assert subject == "s4"
    assert "may kill its consumer" in reason
    for n in range(4):
        assert await words(database, f"s{n}") == ["harmless"]
    assert await waiting(database) == []
