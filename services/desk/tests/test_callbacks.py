"""Callbacks: the machine alone under random stories, then on real rows with several people at once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_contracts.outcome import WorkProgressed
from tierdesk_desk.board import NotFoundError
from tierdesk_desk.domain import callbacks as machine
from tierdesk_desk.domain.callbacks import Callback, Cause, Result, Stage
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.work import ForbiddenStepError, OverError, TakenError
from tierdesk_desk.handlers.forgetting import Forgetting
from tierdesk_desk.store.callbacks import list_attempts, save_callbacks
from tierdesk_policy import load_policy

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NUMBER = "+442079460018"
HOLDS = timedelta(minutes=30)
OFFICE = load_policy("""
name: Office hours
tiers: [{id: l1}]
groups: [{id: front, tier: l1}]
categories: [{id: usage, tier: l1, group: front}]
default_calendar: office
calendars: [{id: office, tz: UTC, weekly: {mon: ["09:00-17:00"], tue: ["09:00-17:00"]}}]
phone: {country: GB, callbacks: {attempts: 2, spacing: 1h}}
""")


def callback(**fields):
    told = {"promised_at": NOW, "due_at": NOW + timedelta(hours=4), "ready_at": NOW, "changed_at": NOW}
    return Callback(
        **{
            "tenant": "main", "id": uuid4(), "ticket": "t", "reference": "TD-1", "tier": "l1", "group_id": "front",
            "number": NUMBER, "cause": Cause.MISSED, **told, **fields,
        }
    )  # fmt: skip


def called(outcome=CallOutcome.MISSED, **fields):
    told = {"reference": "TD-1", "provider": "pbx", "call_id": "c-1", "direction": "in", "caller": "442079460018"}
    return Called(**told | fields, outcome=outcome)


def follow(known, call, *, at=NOW, policy=OFFICE):
    return machine.follow_call(
        known,
        call,
        tenant="main",
        ticket="t",
        place=("l1", "front"),
        policy=policy,
        priority=None,
        category=None,
        at=at,
    )


def test_it_is_due_in_four_hours_of_work_over_night():
    late = datetime(2026, 3, 2, 15, tzinfo=UTC)
    one = follow([], called(), at=late)
    assert (one.number, one.cause, one.due_at) == (NUMBER, Cause.MISSED, datetime(2026, 3, 3, 11, tzinfo=UTC))


@pytest.mark.parametrize(
    ("outcome", "fields", "cause"),
    [
        (CallOutcome.PROMISED, {"route": "callback"}, Cause.QUEUE),
        (CallOutcome.VOICEMAIL, {}, Cause.VOICEMAIL),
        (CallOutcome.MISSED, {}, Cause.MISSED),
        (CallOutcome.ANSWERED, {}, None),
        (CallOutcome.ENDED, {}, None),
        (CallOutcome.MISSED, {"caller": None}, None),
        (CallOutcome.MISSED, {"direction": "out"}, None),
        (CallOutcome.UNREACHED, {"direction": "out"}, None),
    ],
)
def test_who_reached_nobody_is_called_back(outcome, fields, cause):
    one = follow([], called(outcome, **fields))
    assert (None if one is None else one.cause) is cause


def test_a_policy_may_call_back_only_who_was_promised_it():
    policy = OFFICE.model_copy(
        update={"phone": OFFICE.phone.model_copy(update={"callbacks": OFFICE.phone.callbacks.model_copy(update={"after": ()})})}
    )  # fmt: skip
    assert follow([], called(), policy=policy) is None
    assert follow([], called(CallOutcome.VOICEMAIL, route="callback"), policy=policy).cause is Cause.VOICEMAIL


def test_a_call_is_called_back_once_however_often_it_is_told_of():
    one = follow([], called())
    assert follow([one], called()) is None
    assert follow([one], called(CallOutcome.VOICEMAIL)).cause is Cause.VOICEMAIL
    over = replace(one, stage=Stage.DONE)
    assert follow([over], called()) is None


def test_whoever_calls_again_about_the_same_keeps_the_place_in_line():
    one = follow([], called())
    again = follow([one], called(call_id="c-2"), at=NOW + timedelta(hours=1))
    assert again == replace(one, asked=2, changed_at=NOW + timedelta(hours=1))


def test_who_got_through_after_all_need_not_be_called():
    one = follow([], called())
    through = follow([one], called(CallOutcome.ENDED))
    assert (through.stage, through.result) == (Stage.WITHDRAWN, "got_through")


def test_nobody_calls_before_the_next_attempt_is_due():
    one = machine.claim(callback(), [], "ann", NOW, holds=HOLDS)
    tried, made = machine.attempt(one, "ann", one.token, Result.BUSY, "", NOW, OFFICE)
    assert (tried.stage, tried.ready_at, made.number) == (Stage.WAITING, NOW + timedelta(hours=1), 1)
    with pytest.raises(ForbiddenStepError):
        machine.claim(tried, [], "bob", NOW + timedelta(minutes=59), holds=HOLDS)
    again = machine.claim(tried, [], "bob", NOW + timedelta(hours=1), holds=HOLDS)
    last, _ = machine.attempt(again, "bob", again.token, Result.NO_ANSWER, "", NOW + timedelta(hours=1), OFFICE)
    assert (last.stage, last.attempts, last.due_at) == (Stage.GIVEN_UP, 2, one.due_at)


def test_what_it_is_for_stands_there_still_for_whoever_tries_next():
    one = machine.claim(callback(note="The router"), [], "ann", NOW, holds=HOLDS)
    tried, made = machine.attempt(one, "ann", one.token, Result.BUSY, "After three", NOW, OFFICE)
    assert (tried.note, made.note) == ("The router\nAfter three", "After three")
    assert machine.add_note(tried, "After three", NOW) is tried
    assert machine.close(tried, "bob", NOW, "").note == tried.note
    assert len(machine.add_note(tried, "x" * 70_000, NOW).note) == machine.LONGEST_NOTE


def test_a_wrong_number_is_given_up_at_once():
    one = machine.claim(callback(), [], "ann", NOW, holds=HOLDS)
    assert machine.attempt(one, "ann", 1, Result.WRONG_NUMBER, "", NOW, OFFICE)[0].stage is Stage.GIVEN_UP


def test_two_people_never_speak_with_one_caller():
    other = machine.claim(callback(ticket="other"), [], "ann", NOW, holds=HOLDS)
    with pytest.raises(TakenError, match="ann has it"):
        machine.claim(callback(), [other], "bob", NOW, holds=HOLDS)
    assert machine.claim(callback(), [other], "ann", NOW, holds=HOLDS).claimed_by == "ann"
    assert machine.claim(callback(), [other], "bob", NOW + HOLDS, holds=HOLDS).claimed_by == "bob"


STEPS = st.sampled_from(["claim", "release", "attempt", "close", "stale"])


@given(
    st.lists(
        st.tuples(STEPS, st.sampled_from(["ann", "bob"]), st.sampled_from(list(Result)), st.integers(0, 5_000)),
        max_size=30,
    )
)
def test_whatever_people_do_one_holds_it_and_what_is_over_stays_over(story):
    one, now, tokens = callback(), NOW, {}
    for step, worker, result, seconds in story:
        before, now = one, now + timedelta(seconds=seconds)
        holder = one.holder(now)
        try:
            if step == "claim":
                one = machine.claim(one, [], worker, now, holds=HOLDS)
                tokens[worker] = one.token
            elif step == "release":
                one = machine.release(one, worker, tokens.get(worker, 1), now)
            elif step == "attempt":
                one, _ = machine.attempt(one, worker, tokens.get(worker, 1), result, "", now, OFFICE)
            elif step == "close":
                one = machine.close(one, worker, now, "")
            else:
                one, _ = machine.attempt(one, worker, one.token - 1, result, "", now, OFFICE)
        except (TakenError, OverError, ForbiddenStepError):
            assert one == before
        if one != before:
            assert before.is_open
            assert holder in {None, worker}
            assert step in {"claim", "close"} or holder == worker
            assert step != "stale"
        assert one.due_at == before.due_at
        assert one.attempts <= 2
        assert one.token >= before.token


# On rows.


@pytest.fixture
def calls(desk, message_of, told_of):
    async def tell(outcome=CallOutcome.MISSED, *, ticket=None, tenant="main", sequence=1, **fields):
        ticket = ticket or str(uuid4())
        told = told_of(called(outcome, **fields), sequence=sequence)
        message = message_of(told, subject=ticket, tenant=tenant, sequence=sequence)
        assert await desk.receive(desk.tickets, message) == []
        return ticket

    return tell


async def test_a_missed_call_stands_in_line_and_is_claimed_tried_and_reached(desk, calls, person):
    ticket = await calls()
    ann, bob = person("ann"), person("bob")
    ((one,), following) = await desk.callbacks.page(ann, after=None, limit=10)
    assert (one.ticket, one.number, one.stage, following) == (ticket, NUMBER, Stage.WAITING, None)
    held = await desk.callbacks.claim(ann, one.id)
    assert await desk.callbacks.claim(ann, one.id) == held
    with pytest.raises(TakenError):
        await desk.callbacks.claim(bob, one.id)
    done = await desk.callbacks.attempt(ann, one.id, held.token, Result.REACHED, "It works again")
    assert done.stage is Stage.DONE
    assert await desk.callbacks.page(ann, after=None, limit=10) == ([], None)
    _, (made,) = await desk.callbacks.read(ann, one.id)
    assert (made.worker, made.result, made.note) == ("ann", Result.REACHED, "It works again")
    (sent,) = await desk.sent()
    assert (sent.type, sent.subject, sent.data.outcome) == ("callback.noted.v1", ticket, CallOutcome.ENDED)
    with pytest.raises(OverError):
        await desk.callbacks.claim(bob, one.id)


async def test_many_claim_at_once_and_one_has_it(desk, calls, person):
    await calls()
    await calls(call_id="c-2")
    people = [person(f"agent-{number}") for number in range(8)]
    (found, _) = await desk.callbacks.page(people[0], after=None, limit=10)
    assert len(found) == 2
    wishes = [desk.callbacks.claim(one, found[number % 2].id) for number, one in enumerate(people)]
    got = await asyncio.gather(*wishes, return_exceptions=True)
    # Both are of one number, so even those who want the other one wait.
    assert sum(isinstance(one, Callback) for one in got) == 1
    assert sum(isinstance(one, TakenError) for one in got) == 7


async def test_a_caller_with_a_hundred_tickets_is_called_by_one_person(desk, message_of, told_of, person):
    told = [told_of(called(call_id=f"c-{number}")) for number in range(101)]
    assert await desk.receive(desk.tickets, *(message_of(one, subject=str(uuid4()), sequence=1) for one in told)) == []
    ann, bob = person("ann"), person("bob")
    found, _ = await desk.callbacks.page(ann, after=None, limit=200)
    first, *_, last = sorted(found, key=lambda one: one.id)
    held = await desk.callbacks.claim(ann, last.id)
    with pytest.raises(TakenError):
        await desk.callbacks.claim(bob, first.id)
    assert await desk.callbacks.mine(ann) == [held]
    assert await desk.callbacks.mine(bob) == []


async def test_who_waits_for_a_group_that_is_gone_is_called_back_all_the_same(desk, person):
    places = [("l1", "gone"), ("", "")]
    waiting = [callback(tier=tier, group_id=group, ticket=group) for tier, group in places]
    async with desk.database.transaction() as tx:
        await save_callbacks(tx.connection, waiting)

    async def seen(*grants):
        found, _ = await desk.callbacks.page(person("ann", *grants), after=None, limit=10)
        return {(one.tier, one.group_id) for one in found}

    assert await seen() == set(places)
    assert await seen(Grant(Role.AGENT, "l1")) == {("l1", "gone")}
    assert await seen(Grant(Role.AGENT, "l2")) == set()


async def test_what_was_noted_goes_to_the_ticket_of_whoever_has_it(desk, calls, person, offered, assigned):
    offer = offered()
    await desk.offer(offer)
    ann = person("ann")
    await desk.board.claim(ann, offer.data.assignment_id)
    assert await desk.receive(desk.work, assigned(offer, "ann")) == []
    promised = await desk.callbacks.promise(ann, offer.subject, "020 7946 0018 ", note="The router")
    same = await desk.callbacks.promise(ann, offer.subject, "020 7946 0018", note="And the printer")
    assert (same.id, same.due_at, same.note) == (promised.id, promised.due_at, "The router\nAnd the printer")
    held = await desk.callbacks.claim(ann, promised.id)
    await desk.callbacks.attempt(ann, promised.id, held.token, Result.NO_ANSWER, "Rang for a minute")
    accepted, told, tried, noted = await desk.sent()
    assert [one.type for one in (accepted, told, tried)] == [
        "outcome.accepted.v1", "callback.noted.v1", "callback.noted.v1",
    ]  # fmt: skip
    assert [one.data.outcome for one in (told, tried)] == [CallOutcome.PROMISED, CallOutcome.UNREACHED]
    assert isinstance(noted.data, WorkProgressed)
    assert (noted.data.note, noted.data.answer, noted.data.worker) == ("Rang for a minute", "", "ann")


async def test_nobody_sees_or_promises_callbacks_of_groups_that_are_not_theirs(desk, calls, person, offered):
    await calls()
    ((one,), _) = await desk.callbacks.page(person("ann"), after=None, limit=10)
    offer = offered()
    await desk.offer(offer)
    strangers = [person("eve", Grant(Role.AGENT, "l2")), person("ann", tenant="other")]
    for stranger in strangers:
        assert await desk.callbacks.page(stranger, after=None, limit=10) == ([], None)
        assert await desk.callbacks.of_ticket(stranger, one.ticket) == []
        for act in (
            desk.callbacks.read(stranger, one.id),
            desk.callbacks.claim(stranger, one.id),
            desk.callbacks.release(stranger, one.id, 1),
            desk.callbacks.attempt(stranger, one.id, 1, Result.REACHED),
            desk.callbacks.close(stranger, one.id),
            desk.callbacks.promise(stranger, offer.subject, NUMBER),
        ):
            with pytest.raises(NotFoundError):
                await act
    lead = person("lea", Grant(Role.LEAD))
    assert (await desk.callbacks.read(lead, one.id))[0] == one
    with pytest.raises(NotFoundError):
        await desk.callbacks.claim(lead, one.id)


async def test_the_line_goes_on_by_pages_in_order_of_what_is_due(desk, calls, person):
    for number in range(5):
        await calls(call_id=f"c-{number}", caller=f"44207946010{number}")
    ann = person("ann")
    seen, after = [], None
    while True:
        found, after = await desk.callbacks.page(ann, after=after, limit=2)
        seen += found
        if after is None:
            break
    assert len({one.id for one in seen}) == 5
    assert seen == sorted(seen, key=lambda one: (one.due_at, one.id))


async def test_who_may_be_calling_is_found_by_any_form_of_the_number(desk, calls, person, message_of):
    await calls()
    ann, other = person("ann"), person("ann", tenant="other")
    for form in ("+44 20 7946 0018", "00442079460018", "442079460018"):
        (caller,) = await desk.callbacks.callers(ann, form)
        assert caller.requester.party == "tel:442079460018"
        assert [one.reference for one in caller.requests] == ["TD-1"]
    for wrong in ("+44 20 7946 0019", "60018", "nobody", ""):
        assert await desk.callbacks.callers(ann, wrong) == []
    assert await desk.callbacks.callers(other, NUMBER) == []


async def test_what_has_long_been_over_is_forgotten_with_its_attempts_and_what_is_open_stays(desk, calls, person):
    await calls()
    await calls(call_id="c-2", caller="442079460019")
    ann = person("ann")
    ((one, other), _) = await desk.callbacks.page(ann, after=None, limit=10)
    held = await desk.callbacks.claim(ann, one.id)
    await desk.callbacks.attempt(ann, one.id, held.token, Result.REACHED)
    forgetting = Forgetting(desk.database, desk.publisher, after=timedelta(days=90))
    desk.clock.advance_to(NOW + timedelta(days=91))
    await forgetting.forget()
    with pytest.raises(NotFoundError):
        await desk.callbacks.read(ann, one.id)
    assert (await desk.callbacks.read(ann, other.id))[0].is_open
    async with desk.database.read() as connection:
        assert await list_attempts(connection, "main", one.id) == []
