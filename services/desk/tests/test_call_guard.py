"""The call guard: who is at the telephone, who is reminded of it and once, and what is counted."""

from datetime import timedelta
from uuid import uuid4

import pytest

from tierdesk_contracts import ticket as events
from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind
from tierdesk_desk.domain.call_guard import GuardDay
from tierdesk_desk.handlers.call_guard import CallGuardWatch
from tierdesk_policy import Policy


@pytest.fixture
async def watch(desk, policy, message_of):
    """The watch of a company that reminds after 10 minutes and offers after 20."""
    document = policy.document() | {"phone": {"guard": {"remind": 600, "offer": 1_200}}}
    guarded = Policy.from_document(document)
    data = PolicyApplied(
        version=guarded.version, name="guarded", document=guarded.document(), applied_at=desk.clock.now()
    )
    assert await desk.receive(desk.tickets, message_of(data, subject=guarded.version)) == []
    return CallGuardWatch(desk.database, desk.shelf, desk.publisher)


@pytest.fixture
def call(desk, message_of, told_of):
    async def tell(outcome, *, call_id="c-1", by="Ann", sequence=1, **fields):
        told = {"reference": "TD-1", "provider": "pbx", "direction": "in", "waiting_seconds": 30.0}
        data = Called(**told | fields, call_id=call_id, outcome=outcome, answered_by=by)
        message = message_of(told_of(data), subject=str(uuid4()), sequence=sequence).model_copy(
            update={"time": desk.clock.now()}
        )
        assert await desk.receive(desk.tickets, message) == []

    return tell


@pytest.fixture
async def busy(desk, person, offered):
    """Ann, who holds a ticket."""
    offer = offered()
    await desk.offer(offer)
    ann = person("ann")
    await desk.board.claim(ann, offer.data.assignment_id)
    return ann


async def test_who_is_away_for_long_is_reminded_once_then_offered_once(desk, watch, call, busy):
    await call(CallOutcome.ANSWERED)
    desk.clock.advance_to(desk.clock.now() + timedelta(hours=1))
    assert await watch.look() == []  # at the telephone
    await call(CallOutcome.ENDED)
    desk.clock.advance_to(desk.clock.now() + timedelta(seconds=599))
    assert await watch.look() == []
    assert await desk.callbacks.away(busy) is None
    desk.clock.advance_to(desk.clock.now() + timedelta(seconds=1))
    assert await watch.look() == ["ann"]
    assert await watch.look() == []
    assert (await desk.callbacks.away(busy)).offered is False
    desk.clock.advance_to(desk.clock.now() + timedelta(seconds=600))
    assert await watch.look() == ["ann"]
    assert await watch.look() == []
    assert (await desk.callbacks.away(busy)).offered is True
    (away,), (day,) = await desk.callbacks.guard(busy, days=1)
    assert (away.name, away.offered) == ("ann", True)
    assert (day.reminded, day.offered, day.callers, day.waited_seconds) == (1, 1, 1, 30.0)
    await call(CallOutcome.ANSWERED, call_id="c-2")
    assert await desk.callbacks.away(busy) is None


async def test_who_holds_nothing_or_has_gone_home_is_left_alone(desk, watch, call, person):
    await call(CallOutcome.ENDED, by="bob")
    desk.clock.advance_to(desk.clock.now() + timedelta(minutes=30))
    assert await watch.look() == []


async def test_who_has_not_talked_for_a_shift_is_left_alone(desk, watch, call, busy):
    await call(CallOutcome.ENDED)
    desk.clock.advance_to(desk.clock.now() + timedelta(hours=9))
    assert await watch.look() == []


async def test_without_a_guard_nobody_is_watched_and_waiting_is_counted_all_the_same(desk, call, busy):
    watch = CallGuardWatch(desk.database, desk.shelf, desk.publisher)
    await call(CallOutcome.ENDED)
    desk.clock.advance_to(desk.clock.now() + timedelta(hours=1))
    assert await watch.look() == []
    _, (day,) = await desk.callbacks.guard(busy, days=1)
    assert day == GuardDay(day.day, callers=1, waited_seconds=30.0)


async def test_calls_of_one_batch_are_counted_together(desk, watch, busy, message_of, told_of):
    told = [
        Called(reference="TD-1", provider="pbx", call_id=f"c-{number}", direction="in", route=route,
               waiting_seconds=10.0, outcome=CallOutcome.MISSED)
        for number, route in enumerate(["l2", None, "l2"])
    ]  # fmt: skip
    messages = [message_of(told_of(one), subject=str(uuid4()), sequence=1) for one in told]
    assert await desk.receive(desk.tickets, *messages) == []
    _, (day,) = await desk.callbacks.guard(busy, days=1)
    assert (day.callers, day.waited_seconds, day.interrupted) == (3, 30.0, 2)


async def test_a_call_counts_once_however_often_it_is_told_of_and_in_whatever_order(desk, watch, call, busy):
    for sequence in (1, 2, 3):
        await call(CallOutcome.ENDED, route="l2", sequence=sequence)
    _, (day,) = await desk.callbacks.guard(busy, days=1)
    assert (day.callers, day.interrupted) == (1, 1)


async def test_what_is_handed_on_after_it_was_offered_is_an_interruption_of_the_next_tier(
    desk, watch, call, busy, message_of
):
    async def escalate(sequence):
        at = desk.clock.now()
        event = events.Escalated(
            sequence=sequence, at=at, actor=Actor(kind=ActorKind.WORKER, id="ann"), assignment_id=uuid4(),
            to_tier="l2", to_group="networks", reason="beyond_scope",
        )  # fmt: skip
        data = TicketChanged(
            sequence=sequence, reference="TD-1", status="triaged", tier="l2", group="networks", priority=3,
            category="hardware", events=(event,), policy_version="p", first_sequence=sequence,
        )  # fmt: skip
        assert await desk.receive(desk.tickets, message_of(data, subject=str(uuid4()), sequence=sequence)) == []

    await escalate(1)
    await call(CallOutcome.ENDED)
    desk.clock.advance_to(desk.clock.now() + timedelta(minutes=30))
    assert await watch.look() == ["ann", "ann"]
    await escalate(1)
    _, (day,) = await desk.callbacks.guard(busy, days=1)
    assert day.handed_on == 1
    desk.clock.advance_to(desk.clock.now() + timedelta(hours=8))
    await escalate(1)  # another day: nobody was offered anything
    _, (*_, day) = await desk.callbacks.guard(busy, days=2)
    assert day.handed_on == 1
