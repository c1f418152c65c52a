"""Field visits and depot repairs: the machine alone under random stories, then on real rows with two people at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tierdesk_contracts.outcome import WorkResolved
from tierdesk_contracts.ticket import Closed, TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_desk.board import NotFoundError
from tierdesk_desk.domain import repairs, visits
from tierdesk_desk.domain.repairs import Repair, Stage, number_of, read_number
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.visits import ChangedError, EndedError, Outcome, Plan, SlotError, Visit
from tierdesk_desk.domain.work import ForbiddenStepError, MovedOnError, TakenError
from tierdesk_desk.handlers.forgetting import Forgetting
from tierdesk_desk.repairs import Parcel
from tierdesk_policy.zones import find_zone

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECRET = "12 Secret Street"


def slot(starts=24, hours=2, **fields):
    starts_at = NOW + starts * HOUR
    told = {"address": SECRET, "technician": "Theo Tate"} | fields
    return Plan(starts_at=starts_at, ends_at=starts_at + hours * HOUR, **told)


def visit(**fields):
    told = {"address": SECRET, "technician": "Theo Tate", "starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR}
    who = {"planned_by": "ann", "planned_at": NOW, "changed_by": "ann", "changed_at": NOW}
    place = {"tenant": "main", "ticket": "t", "reference": "TD-1", "tier": "l1", "group_id": "front"}
    return Visit(**{"id": uuid4(), **place, **told, **who, **fields})


def repair(**fields):
    who = {"announced_by": "ann", "announced_at": NOW, "changed_by": "ann", "changed_at": NOW}
    place = {"tenant": "main", "ticket": "t", "reference": "TD-1", "tier": "l1", "group_id": "front"}
    return Repair(**{"id": uuid4(), "number": "DR-1", "device": "Laptop", "depot": "Acme", **place, **who, **fields})


@pytest.mark.parametrize(
    ("plan", "field"),
    [(slot(hours=0), "ends_at"), (slot(hours=25), "ends_at"), (slot(-3), "ends_at"), (slot(24 * 400), "starts_at")],
)
def test_a_slot_that_cannot_be_is_refused_with_its_field(plan, field):
    with pytest.raises(SlotError) as raised:
        plan.check(NOW)
    assert raised.value.field == field
    with pytest.raises(SlotError):
        visits.move(visit(), plan, "", worker="ann", token=1, at=NOW)


def test_a_slot_is_told_in_the_time_of_the_desk():
    assert slot(starts=3).slot(find_zone("Europe/Berlin")) == "2026-03-02 13:00 to 15:00 (CET)"
    assert slot(starts=14, hours=3).slot(UTC) == "2026-03-02 23:00 to 2026-03-03 02:00 (UTC)"


VISIT_STEPS = st.tuples(st.sampled_from(["move", *Outcome]), st.sampled_from(["ann", "bob"]), st.integers(0, 1))
REPAIR_STEPS = st.tuples(st.sampled_from(list(Stage)), st.sampled_from(["ann", "bob"]), st.integers(0, 1))


@settings(max_examples=30)
@given(st.lists(VISIT_STEPS, max_size=6))
def test_a_visit_ends_once_and_only_for_who_has_seen_it_as_it_is(story):
    one = visit()
    for step, worker, behind in story:
        before, token = one, one.token - behind
        try:
            if step == "move":
                one = visits.move(one, slot(), "", worker=worker, token=token, at=NOW)
            else:
                one = visits.end(one, step, "Seen", worker=worker, token=token, at=NOW)
        except EndedError:
            assert not before.is_open
        except ChangedError:
            assert before.is_open
            assert behind
        else:
            assert before.is_open
            assert not behind
            assert (one.token, one.changed_by) == (before.token + 1, worker)
            assert one.is_open is (step == "move")


@settings(max_examples=30)
@given(st.lists(REPAIR_STEPS, max_size=8))
def test_a_device_goes_away_and_comes_back_or_is_lost_and_nothing_else_follows(story):
    one = repair()
    for stage, worker, behind in story:
        before, token = one, one.token - behind
        try:
            one = repairs.step(one, stage, "", worker=worker, token=token, at=NOW)
        except ForbiddenStepError:
            assert behind or stage not in repairs.NEXT[before.stage]
        else:
            assert stage in repairs.NEXT[before.stage]
            assert (one.stage, one.changed_by, one.token) == (stage, worker, before.token + 1)
    assert (one.ended_at is not None) is (one.stage in {Stage.BACK, Stage.LOST, Stage.CALLED_OFF})
    assert (one.sent_at is not None) or one.stage in {Stage.ANNOUNCED, Stage.CALLED_OFF}


@pytest.mark.parametrize(
    ("story", "follows"),
    [
        ((), "sent called_off"),
        (("sent",), "received back lost"),
        (("sent", "received"), "back lost"),
        (("sent", "lost"), ""),
    ],
)
def test_what_may_become_of_a_device(story, follows):
    one = repair()
    for stage in story:
        one = repairs.step(one, Stage(stage), "", worker="ann", token=one.token, at=NOW)
    for stage in Stage:
        if stage.value in follows.split():
            assert repairs.step(one, stage, "", worker="ann", token=one.token, at=NOW).stage is stage
        else:
            with pytest.raises(ForbiddenStepError):
                repairs.step(one, stage, "", worker="ann", token=one.token, at=NOW)


@settings(max_examples=30)
@given(st.uuids())
def test_a_return_number_is_read_however_it_is_written(chance):
    number = number_of(chance)
    worse = number.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert read_number(worse) == read_number(number.removeprefix("DR-")) == number
    assert not set(number[3:]) & set("ILOU")


def test_what_can_be_no_return_number_is_none():
    assert read_number("TD-1") == "TD-1"
    assert read_number("") == ""


# On rows.


@pytest.fixture
async def owned(desk, offered, assigned, person):
    """Work that ann has, of a new ticket: its assignment and its ticket."""

    async def own(**fields):
        offer = offered(**fields)
        await desk.offer(offer)
        await desk.board.claim(person("ann", tenant=offer.tenant), offer.data.assignment_id)
        assert await desk.receive(desk.work, assigned(offer, "ann")) == []
        return offer.data.assignment_id, offer.subject

    return own


async def said(desk):
    """What was sent since the first acceptance."""
    return [one.data for one in await desk.sent() if not one.type.startswith("outcome.accepted")]


def closed(message_of, ticket, sequence=9):
    actor = Actor(kind=ActorKind.DESK, id="clock")
    over = Closed(sequence=sequence, at=NOW, actor=actor)
    numbers = {"first_sequence": sequence, "sequence": sequence}
    told = TicketChanged(reference="TD-1", policy_version="v1", status=Status.CLOSED, events=(over,), **numbers)
    return message_of(told, subject=ticket, sequence=sequence)


async def test_the_work_waits_for_a_visit_until_it_ends_and_messages_do_not_tell_the_address(desk, owned, person):
    work, ticket = await owned()
    ann = person("ann")
    planned = await desk.visits.plan(ann, work, slot(), "The fan", based_on=1)
    with pytest.raises(MovedOnError):
        await desk.visits.plan(ann, work, slot(), "The fan", based_on=1)
    waits = await desk.board.read(ann, work)
    assert (waits.stage, waits.waits_for) == ("paused", "visit")
    moved = await desk.visits.move(ann, planned.id, slot(48, technician="Tess"), planned.token)
    ended = await desk.visits.end(ann, planned.id, Outcome.DONE, moved.token, "A new fan")
    assert (ended.outcome, ended.technician, ended.report) == (Outcome.DONE, "Tess", "A new fan")
    assert (await desk.board.read(ann, work)).stage == "owned"
    paused, noted, resumed = await said(desk)
    assert [type(one).__name__ for one in (paused, noted, resumed)] == ["WorkPaused", "WorkProgressed", "WorkResumed"]
    assert [one.ordinal for one in (paused, noted, resumed)] == [2, 3, 4]
    assert paused.note == "Field visit planned: 2026-03-03 09:00 to 11:00 (UTC).\n\nThe fan"
    assert resumed.note == "Field visit: done.\n\nA new fan"
    assert not any(SECRET.encode() in body for body in await outbox(desk))
    assert await desk.visits.of_ticket(ann, ticket) == [ended]


async def outbox(desk):
    table = desk.database.tables.outbox
    async with desk.database.read() as connection:
        return (await connection.execute(select(table.c.body))).scalars().all()


async def test_a_device_that_is_away_stops_the_vendors_clocks_and_a_visit_meanwhile_those_of_visits(
    desk, owned, person
):
    work, _ = await owned()
    ann = person("ann")
    one = await desk.repairs.announce(ann, work, Parcel("Laptop", "Acme"))
    assert (await desk.board.read(ann, work)).stage == "owned"
    one = await desk.repairs.step(ann, one.id, Stage.SENT, one.token, carrier_reference="1Z 999")
    assert (await desk.board.read(ann, work)).waits_for == "vendor"
    planned, other = [await desk.visits.plan(ann, work, slot(hours)) for hours in (24, 48)]
    await desk.visits.end(ann, other.id, Outcome.CALLED_OFF, other.token)
    assert (await desk.board.read(ann, work)).waits_for == "visit"
    await desk.visits.end(ann, planned.id, Outcome.CALLED_OFF, planned.token)
    assert (await desk.board.read(ann, work)).waits_for == "vendor"
    one = await desk.repairs.step(ann, one.id, Stage.BACK, one.token)
    assert (await desk.board.read(ann, work)).stage == "owned"
    assert (one.carrier_reference, one.sent_at, one.ended_at) == ("1Z 999", NOW, NOW)
    assert await desk.repairs.find(ann, one.number.lower()) == one
    told = [(one.ordinal, getattr(one, "party", None)) for one in await said(desk)]
    assert told == list(
        zip(range(2, 11), [None, "vendor", None, "visit", None, None, None, "vendor", None], strict=True)
    )


async def test_two_who_change_one_visit_at_once_change_it_once(desk, owned, person):
    work, _ = await owned()
    ann = person("ann")
    planned = await desk.visits.plan(ann, work, slot())
    wishes = [desk.visits.end(ann, planned.id, Outcome.DONE, planned.token)]
    wishes += [desk.visits.move(ann, planned.id, slot(hours), planned.token) for hours in (30, 40, 50)]
    got = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(one, Visit) for one in got) == 1
    assert all(isinstance(one, Visit | ForbiddenStepError) for one in got)
    assert len(await said(desk)) == 2
    assert (await desk.visits.read(ann, planned.id)).token == 2


async def test_who_has_the_ticket_changes_it_and_where_nobody_has_it_anybody_of_the_group(
    desk, owned, person, offered, message_of
):
    work, ticket = await owned()
    ann, bob = person("ann"), person("bob", Grant(Role.AGENT, "l1"))
    with pytest.raises(TakenError, match="ann has it"):
        await desk.visits.plan(bob, work, slot())
    planned = await desk.visits.plan(ann, work, slot())
    with pytest.raises(TakenError, match="ann has it"):
        await desk.visits.end(bob, planned.id, Outcome.DONE, planned.token)
    other = person("eve", Grant(Role.AGENT, "l2")), person("ann", tenant="other")
    for stranger in other:
        with pytest.raises(NotFoundError):
            await desk.visits.read(stranger, planned.id)
        with pytest.raises(NotFoundError):
            await desk.visits.end(stranger, planned.id, Outcome.DONE, planned.token)
        assert await desk.visits.page(stranger, after=None, limit=9) == ([], None)
    with pytest.raises(NotFoundError):
        await desk.visits.end(person("lea", Grant(Role.LEAD)), planned.id, Outcome.DONE, planned.token)
    await desk.board.say(ann, work, WorkResolved, {"how": "By mail"})
    before = len(await said(desk))
    moved = message_of(offered(place=("l2", "networks")).data, subject=ticket)
    await desk.offer(moved)
    await desk.board.claim(other[0], moved.data.assignment_id)
    with pytest.raises(TakenError, match="eve has it"):
        await desk.visits.end(bob, planned.id, Outcome.DONE, planned.token)
    await desk.board.say(other[0], moved.data.assignment_id, WorkResolved, {"how": "By mail"})
    assert (await desk.visits.end(bob, planned.id, Outcome.DONE, planned.token)).changed_by == "bob"
    assert len(await said(desk)) == before + 1


async def test_who_is_only_asked_to_help_arranges_nothing(desk, owned, person):
    work, _ = await owned(role="contributor", question="Who knows?")
    with pytest.raises(ForbiddenStepError):
        await desk.visits.plan(person("ann"), work, slot())
    with pytest.raises(ForbiddenStepError):
        await desk.repairs.announce(person("ann"), work, Parcel("Laptop", "Acme"))
    assert await desk.repairs.page(person("ann"), after=None, limit=9) == ([], None)


async def test_a_closed_ticket_calls_off_what_was_planned_and_what_is_away_stays_until_it_is_back(
    desk, owned, person, message_of
):
    work, ticket = await owned()
    ann = person("ann")
    planned = await desk.visits.plan(ann, work, slot())
    announced = await desk.repairs.announce(ann, work, Parcel("Screen", "Acme"))
    sent = await desk.repairs.announce(ann, work, Parcel("Laptop", "Acme"))
    sent = await desk.repairs.step(ann, sent.id, Stage.SENT, sent.token)
    assert await desk.receive(desk.tickets, closed(message_of, ticket)) == []
    assert (await desk.visits.read(ann, planned.id)).outcome is Outcome.CALLED_OFF
    assert (await desk.repairs.read(ann, announced.id)).stage is Stage.CALLED_OFF
    assert await desk.repairs.read(ann, sent.id) == sent
    desk.clock.advance_to(NOW + timedelta(days=91))
    await Forgetting(desk.database, desk.publisher, after=timedelta(days=90)).forget()
    with pytest.raises(NotFoundError):
        await desk.visits.read(ann, planned.id)
    assert await desk.repairs.read(ann, sent.id) == sent


async def test_return_numbers_never_meet_and_pages_go_on_by_the_slot(desk, owned, person, monkeypatch):
    work, _ = await owned()
    ann = person("ann")
    for name in ("first", "second"):
        ids = iter([uuid4(), UUID(int=7), uuid4(), UUID(int=7 if name == "first" else 8), *(uuid4() for _ in range(9))])
        monkeypatch.setattr(desk.publisher, "new_id", lambda ids=ids: next(ids))
        made = await desk.repairs.announce(ann, work, Parcel(name, "Acme"))
        assert made.number == number_of(UUID(int=7 if name == "first" else 8))
    monkeypatch.undo()
    plans = [slot(hours) for hours in (30, 26, 50)]
    for plan in plans:
        await desk.visits.plan(ann, work, plan)
    seen, after = [], None
    while True:
        found, after = await desk.visits.page(ann, after=after, limit=2)
        seen += found
        if after is None:
            break
    assert [one.plan for one in seen] == sorted(plans, key=lambda one: one.starts_at)
    today, _ = await desk.visits.page(ann, day=(NOW + timedelta(days=1)).date(), after=None, limit=9)
    assert today == seen[:2]
