"""F3, F5, F12, F13: the broker dies, loses its disk, loses a binding, runs short of memory."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from bus.operators import vhost_of
from tierdesk_contracts.names import EVENTS, event_pattern

from .broker_access import SERVICE_QUEUES, Broker, pending, rebuild
from .field import Field, Plan, running_field
from .load import Book
from .run import Work, run, wait_for

RETURN_SECONDS = 30.0
DURABLE_SECONDS = 3.0
REPORTED = event_pattern("intake.problem_reported.v1")
CHANGED = event_pattern("ticket.changed.v1")


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_killed_broker_loses_no_confirmed_message_and_intake_never_refuses(own_ground, private_rabbit, tell):
    back: list[float] = []

    async def kill_broker(desk: Field, book: Book) -> None:
        for _ in range(2):
            await asyncio.sleep(4)
            await asyncio.to_thread(private_rabbit.kill9)
            await asyncio.sleep(3)
            await asyncio.to_thread(private_rabbit.start)
            broker = Broker(desk.ground)
            consumed = partial(broker.are_consumed, SERVICE_QUEUES)
            back.append(await wait_for(consumed, seconds=RETURN_SECONDS, what="all consumers are back"))
            await broker.close()
            await asyncio.sleep(DURABLE_SECONDS)

    async with running_field(own_ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(200, per_second=10), kill_broker)
    tell(outcome.line(f"2 kills of the broker, consumers back after {max(back):.1f} s"))
    outcome.expect_nothing_amiss()
    assert not outcome.book.refused, "intake answers 202 whether the broker is there or not"


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_broker_that_lost_its_disk_is_filled_again_from_the_outboxes(own_ground, private_rabbit, tell):
    async def lose_disk(desk: Field, book: Book) -> None:
        await asyncio.sleep(6)
        await asyncio.to_thread(private_rabbit.kill9)
        private_rabbit.wipe_data()
        await asyncio.to_thread(private_rabbit.start)
        desk.ground.broker.create_vhost(vhost_of(desk.ground.amqp_url))
        await rebuild(desk)

    async with running_field(own_ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(200, per_second=10), lose_disk)
    tell(outcome.line("the broker's data directory deleted"))
    outcome.expect_nothing_amiss()
    assert not outcome.book.refused


async def _lose_binding(desk: Field, book: Book) -> None:
    """Nothing takes reported problems for some seconds: until the router declares its queues again."""
    broker = Broker(desk.ground)
    await asyncio.sleep(3)
    await broker.unbind("router.intake", EVENTS, REPORTED)
    unrouted = 0
    end = time.monotonic() + 60
    while REPORTED not in await broker.bindings_of("router.intake", EVENTS) and time.monotonic() < end:
        unrouted = max(unrouted, await pending(desk.ground.database_url, ["intake"]))
        await asyncio.sleep(0.5)
    await broker.close()
    assert time.monotonic() < end, "the router did not bind its queue again"
    book.unrouted = unrouted


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_what_no_queue_takes_stays_in_the_outbox_until_one_does(ground, tell):
    async with running_field(ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(100, per_second=8), _lose_binding)
    tell(outcome.line(f"a binding dropped, the outbox held {outcome.book.unrouted}"))
    outcome.expect_nothing_amiss()
    assert outcome.book.unrouted > 0


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_without_the_broker_telling_what_it_could_not_route_a_lost_binding_loses_tickets(ground, tell):
    """The negative control."""
    plan = Plan(replicas=1, unsafe={"intake": "no_mandatory"})
    async with running_field(ground, plan) as desk:
        outcome = await run(desk, Work(100, per_second=8, settle_seconds=10), _lose_binding)
    tell(outcome.line("a binding dropped, unroutable taken for stored"))
    assert outcome.ledger.lost


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_follower_that_lost_its_binding_catches_up_when_all_is_published_again(ground, tell):
    """While others still take the same fact, the broker calls it routed: nobody but the follower's gap tells of it."""

    async def lose_follower(desk: Field, book: Book) -> None:
        broker = Broker(desk.ground)
        await asyncio.sleep(3)
        await broker.unbind("follower.events", EVENTS, CHANGED)
        await asyncio.sleep(3)
        await broker.close()
        await rebuild(desk)

    async with running_field(ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(100, per_second=15), lose_follower)
    tell(outcome.line("a follower's binding dropped, then everything published again"))
    outcome.expect_nothing_amiss()


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_broker_short_of_memory_holds_up_publishers_and_nobody_else(own_ground, private_rabbit, tell):
    held: list[int] = []

    async def run_short(desk: Field, book: Book) -> None:
        await asyncio.sleep(3)
        await asyncio.to_thread(private_rabbit.control, "set_vm_memory_high_watermark", "0.000001")
        await asyncio.sleep(15)
        held.append(await pending(desk.ground.database_url, ["intake"]))
        for process in desk.replicas["intake"]:
            assert await asyncio.to_thread(process.is_ready), "without a bus intake is ready still"
        await asyncio.to_thread(private_rabbit.control, "set_vm_memory_high_watermark", "0.4")

    async with running_field(own_ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(100, per_second=8), run_short)
    tell(outcome.line(f"15 s of a memory alarm, {held[0]} held in intake's outbox"))
    outcome.expect_nothing_amiss()
    assert held[0] > 0
    assert not outcome.book.refused
