"""Outcomes that died with the bus's disk, confirmed and not yet read, are said again when the desk repeats itself."""

import asyncio
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.operators import AmqpOperator, PostgresOperator
from tierdesk_bus import Address, Message
from tierdesk_contracts.outcome import WorkPaused, WorkProgressed, WorkResolved
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_contracts.work import OutcomeRejected, WorkAssigned, WorkOffered
from tierdesk_tier import Job, TierConsumer
from tierdesk_tier.memory import Memory

OUTCOMES_QUEUE = "router.outcomes"


def lose_once(desk, *types):
    """The first outcome of each of these types dies; answers the identifiers of the dead."""
    dead: list[UUID] = []
    left = set(types)

    def lose(outcome):
        if type(outcome) not in left:
            return False
        left.remove(type(outcome))
        dead.append(desk.heard[-1])
        return True

    desk.lose = lose
    return dead


class Fixing:
    """A work function that counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self, job: Job) -> None:
        self.runs += 1
        await job.progress("looking")
        await job.resolve("fixed")


@pytest.mark.parametrize("repeated", [(WorkAssigned,), (WorkOffered,), (WorkOffered, WorkAssigned)])
@pytest.mark.parametrize("lost", [(WorkResolved,), (WorkProgressed, WorkResolved)])
async def test_what_was_said_last_is_said_again_by_the_process_that_said_it(desk, at_work, lost, repeated):
    dead = lose_once(desk, *lost)
    fix = Fixing()
    ticket = await desk.offer()
    async with at_work(fix):
        await desk.until(lambda: len(dead) == len(lost))
        await desk.repeat(*repeated)
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "resolved"]
    assert ticket.ordinals == [1, 2, 3]
    assert fix.runs == 1, "the work is not done again"
    assert all(desk.heard.count(message_id) > 1 for message_id in dead), "under the same identifiers"


async def test_a_vendor_says_it_again_too(vendor_desk, new_bus):
    dead = lose_once(vendor_desk, WorkResolved)
    ticket = await vendor_desk.offer()
    consumer = TierConsumer.vendor(
        await new_bus("vendor"), namespace=vendor_desk.namespace, worker="acme", work=Fixing()
    )
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    await vendor_desk.until(lambda: len(dead) == 1)
    await vendor_desk.repeat(WorkOffered, WorkAssigned)
    await vendor_desk.until(lambda: ticket.is_over)
    stop.set()
    await running
    assert ticket.ordinals == [1, 2, 3]


async def test_what_the_desk_has_read_changes_nothing_when_it_is_said_again(desk, at_work):
    fix = Fixing()
    tickets = [await desk.offer() for _ in range(20)]
    async with at_work(fix, workers=5):
        await desk.until(lambda: all(ticket.is_over for ticket in tickets))
        first = len(desk.heard)
        await asyncio.sleep(0.5)
        await desk.repeat(WorkOffered, WorkAssigned)
        await desk.until(lambda: len(desk.heard) >= first + 2 * len(tickets))
        await asyncio.sleep(0.5)
    assert {tuple(ticket.ordinals) for ticket in tickets} == {(1, 2, 3)}
    assert not [envelope for envelope in desk.sent if isinstance(envelope.data, OutcomeRejected)]
    assert fix.runs == len(tickets)
    assert await desk.bus.depth(desk.work_queue) == 0, "the repeats are acknowledged"


async def test_work_that_goes_on_says_again_what_it_waits_for(desk, at_work):
    """A lost pause is followed by nothing: who waits for the requester waits for ever, if the desk does not know."""
    dead = lose_once(desk, WorkPaused)

    async def ask(job: Job) -> None:
        await job.pause("requester")
        async for update in job.updates:
            await job.resolve(f"as told: {update.reply}")
            return

    ticket = await desk.offer()
    async with at_work(ask):
        await desk.until(lambda: len(dead) == 1)
        await desk.repeat(WorkOffered, WorkAssigned)
        await desk.until(lambda: ticket.steps == ["accepted", "paused"])
        await desk.update(ticket, reply="Tray 2", resumed=True)
        await desk.until(lambda: ticket.is_over)
    assert ticket.ordinals == [1, 2, 3]
    assert ticket.last.how == "as told: Tray 2"


async def test_another_process_says_it_again_with_the_same_identifiers(desk, at_work):
    dead = lose_once(desk, WorkProgressed, WorkResolved)
    ticket = await desk.offer()
    async with at_work(Fixing()):
        await desk.until(lambda: len(dead) == 2)
        await asyncio.sleep(0.3)
    async with at_work(Fixing(), worker="ben"):
        await desk.repeat(WorkOffered, WorkAssigned)
        await desk.until(lambda: ticket.is_over)
    assert ticket.ordinals == [1, 2, 3]
    assert all(desk.heard.count(message_id) > 1 for message_id in dead)


async def test_a_lost_step_whose_successor_is_refused_after_the_end_is_said_again_before_it(desk, at_work):
    """The desk refuses the last step for the gap when the job is long over, and has read its identifier by that."""
    dead = lose_once(desk, WorkProgressed)
    desk.ignore = lambda outcome: isinstance(outcome, WorkResolved) and bool(dead)
    fix = Fixing()
    ticket = await desk.offer()
    async with at_work(fix):
        await desk.until(lambda: [type(outcome) for outcome in ticket.received][-1:] == [WorkResolved])
        await asyncio.sleep(0.5)
        desk.ignore = lambda outcome: False
        await desk.reject(ticket, desk.envelopes[-1], RejectReason.GAP, "an ordinal never came")
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "resolved"]


async def test_a_last_step_that_is_refused_for_the_gap_again_and_again_meets_no_silence(desk, at_work):
    """Each time the job is over when the refusal comes, and what is begun again knows the last refusal alone."""
    desk.ignore = lambda outcome: isinstance(outcome, WorkResolved)
    ticket = await desk.offer()
    async with at_work(Fixing()):
        for times in (1, 2, 3):
            await desk.until(lambda times=times: resolved(ticket) == times)
            await asyncio.sleep(0.5)
            if times == 3:
                desk.ignore = lambda outcome: False
            await desk.reject(ticket, desk.envelopes[-1], RejectReason.GAP, "an ordinal never came")
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "resolved"]
    assert len({envelope.id for envelope in desk.envelopes}) == len(desk.envelopes)


def resolved(ticket) -> int:
    return sum(isinstance(outcome, WorkResolved) for outcome in ticket.received)


async def test_a_step_that_came_late_takes_effect_once_though_its_successor_was_refused_for_the_gap(desk, at_work):
    """The job was over when the refusal came, so it is run again, and the desk has its first step already."""
    desk.ignore = lambda outcome: isinstance(outcome, (WorkProgressed, WorkResolved))
    ticket = await desk.offer()
    async with at_work(Fixing()):
        await desk.until(lambda: len(ticket.received) == 3)
        await asyncio.sleep(0.5)
        desk.ignore = lambda outcome: False
        _, late, early = desk.envelopes
        await desk.take_effect(ticket, late)
        await desk.reject(ticket, early, RejectReason.GAP, "an ordinal never came")
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "resolved"]
    assert ticket.ordinals == [1, 2, 3]


async def test_what_is_said_again_and_meets_another_step_is_said_under_the_next_ordinal(desk, at_work):
    """As when an earlier process had said something else under that ordinal, and the desk did read it."""
    dead = lose_once(desk, WorkResolved)
    ticket = await desk.offer()
    async with at_work(Fixing()):
        await desk.until(lambda: len(dead) == 1)
        await asyncio.sleep(0.3)
        ticket.last_ordinal = 3
        await desk.repeat(WorkAssigned)
        await desk.until(lambda: ticket.is_over)
        await desk.repeat(WorkAssigned, OutcomeRejected)
        await asyncio.sleep(1.0)
    reasons = [envelope.data.reason for envelope in desk.sent if isinstance(envelope.data, OutcomeRejected)]
    assert reasons[0] is RejectReason.REPEATED
    assert set(reasons[1:]) <= {RejectReason.STALE}
    assert ticket.steps.count("resolved") == 1
    assert await desk.bus.depth(desk.work_queue) == 0


@pytest.fixture
async def operator(request, bus_url):
    """Does to the server of the bus what an accident would."""
    if bus_url.startswith("amqp"):
        amqp = AmqpOperator(bus_url, request.getfixturevalue("amqp_management_url"))
        yield amqp
        await amqp.close()
    else:
        yield PostgresOperator(bus_url)


async def test_a_repeat_stays_in_the_queue_until_all_is_said_again(desk, at_work, operator):
    """A process that is stopped meanwhile leaves it to the next."""
    dead = lose_once(desk, WorkResolved)
    fix = Fixing()
    ticket = await desk.offer()
    async with at_work(fix, drain_seconds=0.1):
        await desk.until(lambda: len(dead) == 1)
        await asyncio.sleep(0.3)
        await operator.delete_queue(OUTCOMES_QUEUE)
        await desk.repeat(WorkAssigned)
        await asyncio.sleep(0.5)
    assert not ticket.is_over
    await desk.open_outcomes()
    async with at_work(fix):
        await desk.until(lambda: ticket.is_over)
    assert ticket.ordinals == [1, 2, 3]


def message(size: int) -> Message:
    return Message(str(uuid4()), "outcome.resolved.v1", Address("", "outcomes", "main.x"), b"x" * size)


@given(st.lists(st.tuples(st.integers(0, 12), st.lists(st.integers(0, 60), max_size=3)), max_size=60))
def test_memory_is_bounded_and_forgets_the_oldest_first(steps):
    memory = Memory(most_ended=8, most_bytes=200)
    keys = [(uuid4(), number) for number in range(13)]
    latest: dict = {}
    for number, sizes in steps:
        said = [message(size) for size in sizes]
        memory.keep(keys[number], said)
        latest.pop(number, None)
        latest[number] = tuple(said)
    kept = [number for number in latest if keys[number] in memory]
    assert all(memory.said(keys[number]) == latest[number] for number in kept)
    assert kept == list(latest)[len(latest) - len(kept) :], "the newest are kept"
    total = sum(len(one.body) for number in kept for one in latest[number])
    assert len(kept) <= 8
    assert total <= 200
    assert not latest or kept, "one that fits is never forgotten at once"
