"""Messages whose decision fails or has to wait: retried, waited for or parked; never lost."""

import asyncio

from sqlalchemy import text
from trial_service import Intake, Notes, make_due, ordered, parked, refuse, rows, unordered, waiting, word_of, words

from tierdesk_store import GapError, PermanentError, TransientError
from tierdesk_store.agenda import MAX_TRIES


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


def let_the_second_wait_for_the_first():
    """A rule that remembers which words it has let pass."""
    seen = set()

    def rule(received, state):
        word = word_of(received.envelope)
        if word == "second" and "first" not in seen:
            raise GapError("ordinal 1 is missing", retry_in_seconds=30)
        seen.add(word)

    return rule


async def test_a_message_that_waits_for_a_predecessor_goes_on_in_the_same_transaction(database, intake, notes):
    notes.rule = let_the_second_wait_for_the_first()
    await intake.take(unordered("a", "second"), unordered("a", "other"))
    assert await words(database, "a") == ["other"]
    assert await waiting(database) == [("a", "early")]
    await intake.take(unordered("a", "first"))
    assert await words(database, "a") == ["other", "first", "second"]
    await intake.take(unordered("b", "third"))
    assert await waiting(database) == []


async def test_a_gap_that_nobody_closes_is_decided_again_when_due_and_not_counted_before(database, intake, notes):
    notes.rule = refuse("second", GapError("ordinal 1 is missing", retry_in_seconds=30))
    await intake.take(unordered("a", "second"))
    for number in range(5):
        await intake.take(unordered("a", f"other {number}"))
    assert await rows(database, "SELECT attempts FROM waiting") == [(1,)]
    await make_due(database)
    await intake.sweep()
    assert await rows(database, "SELECT attempts FROM waiting") == [(2,)]
    waited = [r.waited_seconds for r in notes.received if word_of(r.envelope) == "second"]
    assert waited[0] == 0.0
    assert waited == sorted(waited)
    assert waited[-1] > 0.0


async def test_what_came_to_wait_while_its_predecessor_waited_for_the_lock_is_due_at_once(database):
    """Two consumers: one decides that the second message is early, while the other has the first in hand already."""
    holds_lock, may_go_on, other_began = asyncio.Event(), asyncio.Event(), asyncio.Event()
    rule = let_the_second_wait_for_the_first()

    class Holder(Notes):
        async def load(self, tx, messages):
            await tx.execute(text("SELECT pg_advisory_xact_lock(1)"))
            holds_lock.set()
            await may_go_on.wait()
            return []

    class Waiter(Notes):
        async def load(self, tx, messages):
            other_began.set()
            await tx.execute(text("SELECT pg_advisory_xact_lock(1)"))
            return []

    waiter = Intake(database, Waiter(rule=rule))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(Intake(database, Holder(rule=rule)).take(unordered("a", "second")))
        await holds_lock.wait()
        group.create_task(waiter.take(unordered("a", "first")))
        await other_began.wait()
        may_go_on.set()
    assert await words(database, "a") == ["first"]
    assert await waiting(database) == [("a", "early")]
    await waiter.sweep()
    assert await words(database, "a") == ["first", "second"]
    assert await waiting(database) == []


async def test_what_waits_for_another_predecessor_is_not_hurried_by_its_own_batch(database, intake, notes):
    notes.rule = refuse("third", GapError("ordinal 2 is missing", retry_in_seconds=30))
    await intake.take(unordered("a", "third"), unordered("a", "first"))
    await intake.take(unordered("a", "another"))
    assert await rows(database, "SELECT count(*) FROM waiting WHERE due_at <= now()") == [(0,)]
