"""What a worker does when the desk refuses, is silent, repeats itself, or when its own program fails."""

import asyncio

import pytest

from tierdesk_contracts.outcome import WorkAccepted, WorkEscalated, WorkProgressed, WorkReturned
from tierdesk_contracts.vocabulary import WithdrawReason
from tierdesk_tier import Job, WorkLostError, WorkOverError


async def fix(job: Job) -> None:
    await job.resolve("fixed")


async def test_withdrawn_work_is_cancelled_and_its_further_steps_are_refused(desk, at_work):
    told: list[object] = []

    async def wait(job: Job) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            told.append(job.lost)
            try:
                await job.resolve("too late")
            except WorkLostError as lost:
                told.append(lost.reason)
            raise

    ticket = await desk.offer()
    async with at_work(wait, drain_seconds=0.1):
        await desk.until(lambda: ticket.last_ordinal == 1)
        await asyncio.sleep(0.3)
        await desk.withdraw(ticket)
        await desk.until(lambda: len(told) == 2)
        after = await desk.offer()
        await desk.until(lambda: after.last_ordinal == 1)
    assert isinstance(told[0], WorkLostError)
    assert told[1] is WithdrawReason.CANCELLED
    assert ticket.steps == ["accepted"]


async def test_work_that_another_was_faster_to_accept_is_not_begun(desk, at_work):
    begun: list[str] = []

    async def note(job: Job) -> None:
        begun.append(job.ticket)
        await job.resolve("done")

    taken, free = await desk.offer(), await desk.offer()
    taken.worker, taken.last_ordinal = "ben", 1
    async with at_work(note):
        await desk.until(lambda: free.is_over)
        await desk.until(lambda: bool(taken.received))
    assert begun == [free.id]


async def test_a_refused_last_step_lets_the_work_begin_again_with_the_reason(desk, at_work):
    desk.forbid = lambda outcome: "no edge leads up" if isinstance(outcome, WorkEscalated) else None
    seen: list[str] = []

    async def try_up(job: Job) -> None:
        if job.refused is None:
            await job.escalate("cause_unclear", findings="beats me")
        else:
            seen.append(job.refused.detail)
            await job.resolve("found it after all")

    ticket = await desk.offer()
    async with at_work(try_up):
        await desk.until(lambda: ticket.is_over)
    assert seen == ["no edge leads up"]
    # The desk counts the refused outcome and answers the renewed acceptance with how far it has come.
    assert [(type(outcome).__name__, outcome.ordinal) for outcome in ticket.applied] == [
        ("WorkAccepted", 1),
        ("WorkResolved", 3),
    ]


async def test_work_whose_last_step_is_always_refused_is_not_begun_for_ever(desk, at_work):
    desk.forbid = lambda outcome: "no" if isinstance(outcome, WorkEscalated) else None
    runs: list[int] = []

    async def insist(job: Job) -> None:
        runs.append(1)
        await job.escalate("recurring")

    ticket, other = await desk.offer(), await desk.offer()
    async with at_work(insist):
        await desk.until(lambda: len(other.received) >= 5 and len(ticket.received) >= 5)
        await asyncio.sleep(1)
    assert len(runs) == 8, "once and three times again, for both"


async def test_a_refused_note_does_not_disturb_the_work(desk, at_work):
    desk.forbid = lambda outcome: "no" if isinstance(outcome, WorkProgressed) else None
    runs: list[int] = []

    async def chat(job: Job) -> None:
        runs.append(1)
        await job.progress("hm")
        await asyncio.sleep(0.5)
        await job.resolve("done")

    ticket = await desk.offer()
    async with at_work(chat):
        await desk.until(lambda: ticket.is_over)
    assert runs == [1]
    assert ticket.ordinals == [1, 3]


@pytest.mark.parametrize("last_step_refused", [False, True])
async def test_a_failing_work_function_is_run_three_times_then_its_work_is_handed_on(
    desk, at_work, monkeypatch, last_step_refused
):
    monkeypatch.setattr("tierdesk_tier.consumer.FIRST_PAUSE_SECONDS", 0.01)
    if last_step_refused:
        desk.forbid = lambda outcome: "no way up" if isinstance(outcome, WorkEscalated) else None
    runs: list[int] = []

    async def fail(job: Job) -> None:
        runs.append(1)
        await job.progress("looking into it")
        raise LookupError("a secret of the program")

    ticket = await desk.offer()
    async with at_work(fail):
        await desk.until(lambda: ticket.is_over)
    assert len(runs) == 6 if last_step_refused else 3
    assert isinstance(ticket.last, WorkReturned if last_step_refused else WorkEscalated)
    assert "LookupError" in ticket.last.findings
    assert "secret" not in ticket.last.findings
    assert ticket.steps.count("progressed") == (2 if last_step_refused else 1), "what is said again is said once"


async def test_a_work_function_that_ends_without_an_outcome_counts_as_failed(desk, at_work, monkeypatch):
    monkeypatch.setattr("tierdesk_tier.consumer.FIRST_PAUSE_SECONDS", 0.01)

    async def forget(job: Job) -> None:
        await job.progress("hm")

    ticket = await desk.offer()
    async with at_work(forget):
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "escalated"]


async def test_a_step_after_the_last_one_is_a_fault_of_the_work_function(desk, at_work):
    caught: list[Exception] = []

    async def babble(job: Job) -> None:
        await job.resolve("done")
        try:
            await job.progress("by the way")
        except WorkOverError as error:
            caught.append(error)

    ticket = await desk.offer()
    async with at_work(babble):
        await desk.until(lambda: bool(caught) and ticket.is_over)
    assert ticket.steps == ["accepted", "resolved"]


async def test_a_word_that_the_protocol_does_not_know_is_refused_before_it_is_sent(desk, at_work):
    caught: list[str] = []

    async def mistype(job: Job) -> None:
        for step in (job.pause("vist"), job.escalate("bored"), job.give_back("no"), job.resolve("")):
            try:
                await step
            except ValueError as error:
                caught.append(str(error))
        await job.resolve("done")

    ticket = await desk.offer()
    async with at_work(mistype):
        await desk.until(lambda: ticket.is_over)
    assert caught[0] == "'vist' is none of requester, vendor, visit, change"
    assert len(caught) == 4
    assert ticket.ordinals == [1, 2]


async def test_messages_that_cannot_be_read_are_left_aside_and_the_next_is_worked_on(desk, at_work):
    await desk.publish(b"\xff not a message", "x1", "work.offered.v1")
    await desk.publish(b'{"type": "work.praised.v1", "id": "1"}', "x2", "work.praised.v1")
    ticket = await desk.offer()
    stray = desk.sent[-1].model_copy(update={"data": WorkAccepted(
        assignment_id=ticket.assignment_id, token=1, worker="x", ordinal=1), "type": "outcome.accepted.v1"})  # fmt: skip
    await desk.publish(stray.to_bytes(), "x3", stray.type)
    async with at_work(fix):
        await desk.until(lambda: ticket.is_over)
    assert await desk.bus.depth(desk.work_queue) == 0


async def test_an_outcome_is_published_again_until_somebody_takes_it(at_work, desk_without_outcomes):
    desk = desk_without_outcomes
    ticket = await desk.offer()
    async with at_work(fix):
        await asyncio.sleep(1.0)
        await desk.open_outcomes()
        listening = asyncio.create_task(desk.listen())
        await desk.until(lambda: ticket.is_over)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert ticket.ordinals == [1, 2]


async def test_an_acceptance_that_is_not_answered_is_asked_again(desk, at_work):
    muted: list[object] = []

    def ignore_first(outcome):
        muted.append(outcome)
        return len(muted) == 1

    desk.ignore = ignore_first
    ticket = await desk.offer()
    async with at_work(fix, answer_seconds=0.3):
        await desk.until(lambda: ticket.is_over)
    assert [type(outcome) for outcome in ticket.received[:2]] == [WorkAccepted, WorkAccepted]
    assert len({envelope.id for envelope in desk.envelopes}) == len(desk.envelopes)


async def test_offers_and_assignments_that_come_twice_are_worked_on_once(desk, at_work):
    runs: list[str] = []
    free = asyncio.Event()

    async def count(job: Job) -> None:
        runs.append(job.ticket)
        await free.wait()
        await job.resolve("done")

    ticket = await desk.offer()
    offer = desk.sent[-1]
    async with at_work(count, workers=3):
        await desk.until(lambda: ticket.last_ordinal == 1)
        for envelope in (offer, desk.sent[-1]):
            await desk.publish(envelope.to_bytes(), str(envelope.id), envelope.type)
        await desk.assign(ticket)
        await asyncio.sleep(0.5)
        free.set()
        await desk.until(lambda: ticket.is_over)
        for envelope in (offer, desk.sent[-1]):
            await desk.publish(envelope.to_bytes(), str(envelope.id), envelope.type)
        await asyncio.sleep(0.5)
    assert runs == [ticket.id]
    assert ticket.ordinals == [1, 2]
    assert await desk.bus.depth(desk.work_queue) == 0


async def test_what_the_broker_lost_is_said_again(desk, at_work):
    lost: list[object] = []

    def lose_second(outcome):
        if outcome.ordinal == 2 and not lost:
            lost.append(outcome)
            return True
        return False

    desk.lose = lose_second

    async def talk(job: Job) -> None:
        await job.progress("one")
        await job.progress("two")
        await asyncio.sleep(1.0)
        await job.resolve("done")

    ticket = await desk.offer()
    async with at_work(talk):
        await desk.until(lambda: ticket.is_over)
    assert ticket.ordinals == [1, 2, 3, 4]
    assert [outcome.note for outcome in ticket.applied[1:3]] == ["one", "two"]
