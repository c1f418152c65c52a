"""Work survives the process that does it, and takes effect once."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts.outcome import WorkEscalated, WorkProgressed
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_tier import Job, WorkOverError
from tierdesk_tier.ledger import outcome_id

CHILD = """
import asyncio, sys
from tierdesk_tier import serve_tier

async def work(job):
    await job.progress("looking", answer="We are on it.")
    await job.pause("visit")
    print("paused", flush=True)
    await asyncio.sleep(3600)

asyncio.run(serve_tier(sys.argv[1], tier="l4", group="printer-vendor", worker="ann", work=work))
"""


@pytest.fixture
def child(bus_url: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, "-c", CHILD, bus_url], stdout=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def finish(job: Job) -> None:
    await job.progress("looking", answer="We are on it.")
    await job.pause("visit")
    await job.resume()
    await job.resolve("fuser replaced")


async def test_another_process_takes_up_what_a_killed_one_left_and_each_step_takes_effect_once(desk, at_work, child):
    ticket = await desk.offer()
    await asyncio.to_thread(child.stdout.readline)
    await desk.until(lambda: ticket.last_ordinal == 3)
    child.send_signal(signal.SIGKILL)
    async with at_work(finish, worker="ben"):
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "paused", "resumed", "resolved"]
    assert ticket.ordinals == [1, 2, 3, 4, 5]
    assert {outcome.worker for outcome in ticket.applied} == {"ann"}, "under the name that owns it"


async def test_a_terminated_process_ends_cleanly_within_its_time(desk, child):
    ticket = await desk.offer()
    await asyncio.to_thread(child.stdout.readline)
    await desk.until(lambda: ticket.last_ordinal == 3)
    done = await desk.offer()
    await desk.withdraw(ticket)
    await desk.until(lambda: done.last_ordinal == 3)
    await desk.withdraw(done)
    await asyncio.sleep(0.5)
    child.terminate()
    assert await asyncio.to_thread(child.wait, 30) == 0


@pytest.mark.parametrize("steps_before", range(5))
async def test_work_cut_short_anywhere_goes_on_without_saying_anything_twice(desk, at_work, steps_before):
    reached = asyncio.Event()

    def plan(job: Job):
        return [
            partial(job.progress, "looking"),
            partial(job.pause, "visit"),
            job.resume,
            partial(job.answer, "Nearly done."),
            partial(job.resolve, "fuser replaced"),
        ]

    async def stall(job: Job) -> None:
        for step in plan(job)[:steps_before]:
            await step()
        reached.set()
        await asyncio.sleep(3600)

    async def whole(job: Job) -> None:
        for step in plan(job):
            await step()

    ticket = await desk.offer()
    async with at_work(stall, drain_seconds=0.1):
        await reached.wait()
    async with at_work(whole):
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "paused", "resumed", "progressed", "resolved"]
    assert ticket.ordinals == [1, 2, 3, 4, 5, 6]
    assert [outcome.ordinal for outcome in ticket.received] == ticket.ordinals, "repeats are one message"


async def test_a_rerun_that_says_something_else_is_said_under_the_next_ordinals(desk, at_work):
    said = asyncio.Event()

    async def first(job: Job) -> None:
        await job.progress("the toner?")
        await job.progress("the drum?")
        said.set()
        await asyncio.sleep(3600)

    async def second(job: Job) -> None:
        await job.progress("the fuser!")
        await asyncio.sleep(1.0)
        await job.resolve("fuser replaced")

    ticket = await desk.offer()
    async with at_work(first, drain_seconds=0.1):
        await said.wait()
        await desk.until(lambda: ticket.last_ordinal == 3)
    async with at_work(second):
        await desk.until(lambda: ticket.is_over)
    assert [outcome.note for outcome in ticket.applied[1:4]] == ["the toner?", "the drum?", "the fuser!"]
    assert ticket.steps[-1] == "resolved"
    assert ticket.ordinals == list(range(1, len(ticket.ordinals) + 1))


async def test_a_rerun_whose_last_step_meets_an_older_one_is_not_lost(desk, at_work):
    said = asyncio.Event()

    async def first(job: Job) -> None:
        await job.progress("the toner?")
        said.set()
        await asyncio.sleep(3600)

    async def second(job: Job) -> None:
        await job.resolve("it works again by itself")

    ticket = await desk.offer()
    async with at_work(first, drain_seconds=0.1):
        await said.wait()
        await desk.until(lambda: ticket.last_ordinal == 2)
    async with at_work(second):
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "resolved"]


async def test_a_refusal_that_met_a_dead_process_is_heard_by_the_next(desk, at_work):
    desk.forbid = lambda outcome: "no edge leads up" if isinstance(outcome, WorkEscalated) else None
    said = asyncio.Event()

    async def dies(job: Job) -> None:
        await job.progress("looking")
        with contextlib.suppress(WorkOverError):
            await job.escalate("cause_unclear")
        said.set()
        await asyncio.sleep(3600)

    async def same(job: Job) -> None:
        if job.refused is not None:
            await job.resolve(f"not up: {job.refused.detail}")
            return
        await job.progress("looking")
        await job.escalate("cause_unclear")

    ticket = await desk.offer()
    async with at_work(dies, drain_seconds=0.1):
        await said.wait()
        await desk.until(lambda: ticket.last_ordinal == 3)
    async with at_work(same):
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "resolved"]
    assert ticket.last.how == "not up: no edge leads up"


async def test_work_that_a_dead_process_accepted_under_another_name_goes_on_under_that_name(desk, at_work):
    async def slowly(job: Job) -> None:
        await job.progress("looking")
        await asyncio.sleep(0.5)
        await job.resolve("fuser replaced")

    desk.ignore = lambda outcome: True
    ticket = await desk.offer()
    async with at_work(slowly, worker="ben"):
        await desk.until(lambda: bool(ticket.received))
        desk.ignore = lambda outcome: False
        ticket.worker, ticket.last_ordinal = "ann", 1
        await desk.assign(ticket)
        await desk.reject(ticket, desk.envelopes[0], RejectReason.NOT_OWNER, "ann owns it")
        await desk.until(lambda: ticket.is_over)
    assert [outcome.worker for outcome in ticket.applied] == ["ann"] * 2


async def test_a_reply_that_came_before_the_crash_is_told_again(desk, at_work):
    heard = asyncio.Event()

    async def hear(job: Job) -> None:
        await job.pause("requester")
        async for _ in job.updates:
            heard.set()
            await asyncio.sleep(3600)

    async def use(job: Job) -> None:
        await job.pause("requester")
        async for update in job.updates:
            await job.resolve(f"as told: {update.reply}")
            return

    ticket = await desk.offer()
    async with at_work(hear, drain_seconds=0.1):
        await desk.until(lambda: ticket.last_ordinal == 2)
        await desk.update(ticket, reply="Tray 2", resumed=True)
        await heard.wait()
    async with at_work(use):
        await desk.until(lambda: ticket.is_over)
    assert ticket.last.how == "as told: Tray 2"


async def test_a_stop_lets_running_work_end_and_accepts_nothing_more(desk, at_work):
    begun, free = asyncio.Event(), asyncio.Event()

    async def wait(job: Job) -> None:
        begun.set()
        await free.wait()
        await job.resolve("waited")

    running, waiting = await desk.offer(), await desk.offer()
    async with at_work(wait) as stop:
        await begun.wait()
        stop.set()
        await asyncio.sleep(0.3)
        free.set()
    await desk.until(lambda: running.is_over)
    assert waiting.received == []
    runs: list[str] = []

    async def note(job: Job) -> None:
        runs.append(job.ticket)
        await job.resolve("done")

    async with at_work(note):
        await desk.until(lambda: waiting.is_over)
        await asyncio.sleep(0.5)
    assert runs == [waiting.id], "finished work does not come again"


async def test_work_accepted_before_a_stop_and_assigned_after_it_is_done_by_the_next(desk, at_work):
    desk.ignore = lambda outcome: True
    ticket = await desk.offer()
    async with at_work(finish, drain_seconds=0.1):
        await desk.until(lambda: bool(ticket.received))
        await asyncio.sleep(0.3)
    desk.ignore = lambda outcome: False
    ticket.worker, ticket.last_ordinal = "ann", 1
    await desk.assign(ticket)
    async with at_work(finish, worker="ben"):
        await desk.until(lambda: ticket.is_over)
    assert ticket.last.worker == "ann"


texts = st.text(max_size=20).filter(lambda text: "\x00" not in text)


@given(texts, texts, st.integers(1, 9), st.integers(1, 9))
def test_outcomes_have_the_same_identifier_if_they_say_the_same_and_only_then(one, other, ordinal, other_ordinal):
    assignment = uuid4()

    def progressed(note: str, number: int) -> WorkProgressed:
        return WorkProgressed(assignment_id=assignment, token=1, worker="ann", ordinal=number, note=note)

    same = (one, ordinal) == (other, other_ordinal)
    assert (outcome_id(progressed(one, ordinal)) == outcome_id(progressed(other, other_ordinal))) is same
