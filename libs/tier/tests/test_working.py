"""What a worker and the desk make of a piece of work, when nobody crashes."""

import asyncio
from datetime import UTC, datetime

from tierdesk_contracts.vocabulary import PauseParty, StepTried
from tierdesk_tier import Job, TierConsumer


async def fix(job: Job) -> None:
    await job.resolve("fixed")


async def test_work_is_accepted_once_worked_on_and_resolved(desk, at_work):
    async def repair(job: Job) -> None:
        await job.progress("technician on the way", steps_tried=["Rebooted", StepTried(step="Cleaned", result="no")])
        await job.pause("visit")
        await job.resume()
        await job.answer("The fuser is replaced.")
        await job.resolve("fuser replaced", root_cause="worn fuser")

    ticket = await desk.offer()
    async with at_work(repair):
        await desk.until(lambda: ticket.is_over)
    assert ticket.steps == ["accepted", "progressed", "paused", "resumed", "progressed", "resolved"]
    assert ticket.ordinals == [1, 2, 3, 4, 5, 6]
    assert [step.step for step in ticket.applied[1].steps_tried] == ["Rebooted", "Cleaned"]
    assert ticket.applied[2].party is PauseParty.VISIT
    assert ticket.last.root_cause == "worn fuser"
    assert await desk.bus.depth(desk.work_queue) == 0


async def test_an_outcome_says_whose_ticket_it_is_and_when(desk, at_work):
    then = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    ticket = await desk.offer()
    async with at_work(fix, worker="Zoë Müller", now=lambda: then):
        await desk.until(lambda: ticket.is_over)
    for envelope in desk.envelopes:
        assert (envelope.subject, envelope.tenant, envelope.time) == (ticket.id, "main", then)
        assert envelope.source == "/tierdesk/tier/Zo%C3%AB%20M%C3%BCller"
        assert envelope.data.worker == "Zoë Müller"


async def test_no_more_work_is_accepted_than_there_are_workers(desk, at_work):
    free = asyncio.Event()

    async def wait(job: Job) -> None:
        await free.wait()
        await job.resolve("waited")

    tickets = [await desk.offer() for _ in range(6)]
    async with at_work(wait, workers=2):
        await desk.until(lambda: sum(bool(ticket.applied) for ticket in tickets) == 2)
        await asyncio.sleep(0.5)
        assert [bool(ticket.applied) for ticket in tickets] == [True, True, False, False, False, False]
        free.set()
        await desk.until(lambda: all(ticket.is_over for ticket in tickets))


async def test_more_offers_than_a_consumer_may_hold_do_not_hide_the_answers(desk, at_work, monkeypatch):
    monkeypatch.setattr("tierdesk_tier.consumer.MOST_HELD", 3)
    tickets = [await desk.offer() for _ in range(150)]
    async with at_work(fix, workers=2):
        await desk.until(lambda: all(ticket.is_over for ticket in tickets))
    assert all(ticket.ordinals == [1, 2] for ticket in tickets)


async def test_a_reply_reaches_paused_work_past_the_offers_that_wait(desk, at_work):
    replies = []

    async def ask(job: Job) -> None:
        await job.answer("Which tray?")
        await job.pause("requester")
        async for update in job.updates:
            replies.append(update.reply)
            break
        await job.resolve("told which tray")

    ticket = await desk.offer()
    async with at_work(ask):
        await desk.until(lambda: ticket.last_ordinal == 3)
        for _ in range(30):
            await desk.offer()
        await desk.update(ticket, reply="Tray 2", resumed=True)
        await desk.until(lambda: ticket.is_over)
    assert replies == ["Tray 2"]


async def test_a_declined_offer_is_off_the_queue_and_not_accepted(desk, at_work):
    declined = await desk.offer("A copier")
    taken = await desk.offer("A printer")
    async with at_work(fix, accept=lambda offer: "printer" in offer.case.title):
        await desk.until(lambda: taken.is_over)
    assert declined.received == []
    assert await desk.bus.depth(desk.work_queue) == 0


async def test_an_offer_is_left_to_others_when_choosing_fails(desk, at_work):
    def choose(offer):
        if "copier" in offer.case.title:
            raise LookupError("nobody knows copiers")
        return "ben"

    left, taken = await desk.offer("A copier"), await desk.offer("A printer")
    async with at_work(fix, worker=choose):
        await desk.until(lambda: taken.is_over)
    assert left.received == []
    assert taken.worker == "ben"


async def test_an_offer_withdrawn_before_anybody_was_free_is_never_accepted(desk, at_work):
    free = asyncio.Event()

    async def wait(job: Job) -> None:
        await free.wait()
        await job.resolve("waited")

    first, second, third = [await desk.offer() for _ in range(3)]
    await desk.withdraw(second)
    async with at_work(wait):
        await desk.until(lambda: first.last_ordinal == 1)
        await asyncio.sleep(0.3)
        free.set()
        await desk.until(lambda: third.is_over)
    assert second.received == []


async def test_a_vendor_reads_work_and_writes_inbound_in_its_own_namespace(vendor_desk, new_bus):
    desk = vendor_desk
    bus = await new_bus("vendor")
    consumer = TierConsumer.vendor(bus, namespace=desk.namespace, worker="acme-1", work=fix, workers=4)
    stop = asyncio.Event()
    tickets = [await desk.offer() for _ in range(5)]
    running = asyncio.create_task(consumer.run(stop))
    await desk.until(lambda: all(ticket.is_over for ticket in tickets))
    stop.set()
    await running
    assert all(ticket.steps == ["accepted", "resolved"] for ticket in tickets)
    assert {envelope.source for envelope in desk.envelopes} == {"/vendor/acme-1"}
