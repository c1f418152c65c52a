"""Shifts and records of people: kept in their groups, counted once, shown to those who look after them."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.lifecycle_events import ReopenedAgain
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_contracts.vocabulary import Actor, RejectReason
from tierdesk_contracts.work import OutcomeRejected
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_desk.domain.presence import State
from tierdesk_desk.domain.records import Tally
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.rota import read_rota
from tierdesk_desk.domain.shifts import ShiftError
from tierdesk_desk.handlers.forgetting import Forgetting
from tierdesk_desk.staff import Roll, SameShiftError, Staff, UnknownPersonError, UnknownShiftError
from tierdesk_desk.store.audit import read_entries, verify
from tierdesk_desk.store.records import read_tallies
from tierdesk_runtime.identifiers import Identifiers

FRONT, NETWORKS = ("l1", "front"), ("l2", "networks")
HOUR = timedelta(hours=1)


class Hashing:
    """Nobody signs in by a password here."""

    async def hash(self, password):
        return "x"


@pytest.fixture
def staff(desk):
    return Staff(desk.database, desk.shelf, desk.publisher)


@pytest.fixture
def add(desk):
    async def build(name, *grants, **fields):
        accounts = Accounts(desk.database, Hashing(), desk.clock, Identifiers())
        account, _ = await accounts.add("main", name, by="desk", grants=[read_grant(one) for one in grants], **fields)
        return account

    return build


@pytest.fixture
def lead(person):
    return person("lea", Grant(Role.LEAD, "l1"))


async def shifts_of(staff, lead):
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return await staff.shifts(lead, after=(epoch, uuid4()), limit=100)


async def test_a_lead_keeps_the_shifts_of_the_own_groups_and_each_change_is_in_the_audit(
    desk, staff, add, lead, person, now
):
    await add("ana", "agent:l1", "agent:l2")
    await add("bob", "agent:l2")
    shift = await staff.add_shift(lead, "ANA", FRONT, now, now + 8 * HOUR)
    for name, place, ends, field in (
        ("ana", NETWORKS, 8, "group"),
        ("ana", ("l1", "nothing"), 8, "group"),
        ("bob", FRONT, 8, "person"),
        ("eve", FRONT, 8, "person"),
        ("ana", FRONT, 0, "ends_at"),
        ("ana", FRONT, 169, "ends_at"),
    ):
        with pytest.raises(ShiftError) as raised:
            await staff.add_shift(lead, name, place, now, now + ends * HOUR)
        assert raised.value.field == field
    for ends in (8, 9):
        with pytest.raises(SameShiftError):
            await staff.add_shift(lead, "ana", FRONT, now, now + ends * HOUR)
    assert await shifts_of(staff, lead) == [shift]
    stranger, other = person("sue", Grant(Role.LEAD, "l2")), person("ole", Grant(Role.LEAD), tenant="other")
    for somebody in (stranger, other):
        assert await shifts_of(staff, somebody) == []
        with pytest.raises(UnknownShiftError):
            await staff.remove_shift(somebody, shift.id)
    await staff.remove_shift(lead, shift.id)
    assert await shifts_of(staff, lead) == []
    async with desk.database.read() as connection:
        entries = await read_entries(connection, "main", before=None, subject="ana", limit=10)
    assert [(one.actor, one.action) for one in entries[:2]] == [
        ("person:lea", "shift.removed"),
        ("person:lea", "shift.added"),
    ]
    assert entries[0].detail["place"] == "l1/front"
    assert (await verify(desk.database, "main")).fault is None


async def test_a_rota_is_taken_as_far_as_it_can_be_and_taken_again_changes_nothing(desk, staff, add, person, now):
    await add("ana", "agent:l1", "agent:l2")
    await add("bob", "agent:l2")
    lead = person("lea", Grant(Role.LEAD))
    table = """person,tier,group,starts,ends
ana,l1,front,2026-03-02T09:00,2026-03-02T17:00
ana,l2,networks,2026-03-02T09:00,2026-03-02T17:00
bob,l1,front,2026-03-03T09:00,2026-03-03T17:00
eve,l1,front,2026-03-03T09:00,2026-03-03T17:00
ana,l3,makers,2026-03-03T09:00,2026-03-03T17:00
"""
    days = date(2026, 3, 1), date(2026, 3, 31)
    span = now - 48 * HOUR, now + 480 * HOUR

    async def take(text, **options):
        rota = read_rota(text.encode(), "r.csv", "UTC", *days)
        return await staff.take_rota("main", rota.entries, by="command-line:me", source="r.csv", **options)

    roll, faults = await take(table)
    assert roll == Roll(2, 0, 0, 0)
    assert [(fault.line, fault.field) for fault in faults] == [(4, "person"), (5, "person"), (6, "group")]
    assert (await take(table))[0] == Roll(0, 0, 2, 0)
    longer = table.replace("front,2026-03-02T09:00,2026-03-02T17:00", "front,2026-03-02T09:00,2026-03-02T18:00")
    assert (await take(longer))[0] == Roll(0, 1, 1, 0)
    without = "\n".join(longer.split("\n")[:2])
    assert (await take(without))[0] == Roll(0, 0, 1, 0)
    assert len(await shifts_of(staff, lead)) == 2
    assert (await take(without, withdraw=span))[0] == Roll(0, 0, 1, 1)
    assert [(one.name, one.group_id, one.ends_at.hour) for one in await shifts_of(staff, lead)] == [
        ("ana", "front", 18)
    ]
    async with desk.database.read() as connection:
        entries = await read_entries(connection, "main", before=None, subject="rota", limit=10)
    assert [one.detail["added"] for one in entries] == [0, 0, 2]


async def test_shifts_that_are_long_over_are_forgotten(desk, staff, add, person, now):
    await add("ana", "agent")
    lead = person("lea", Grant(Role.LEAD))
    for days in (0, 1, 20):
        await staff.add_shift(lead, "ana", FRONT, now + timedelta(days=days), now + timedelta(days=days, hours=8))
    desk.clock.advance_to(now + timedelta(days=100))
    forgetting = Forgetting(desk.database, desk.publisher, after=timedelta(days=90))
    assert await forgetting.forget() == 0
    assert [one.starts_at for one in await shifts_of(staff, lead)] == [now + timedelta(days=20)]


async def test_people_are_shown_to_those_who_lead_a_group_of_theirs(staff, add, person, now):
    account = await add("ana", "agent:l1/front", capacity=3)
    await add("bob", "agent:l2")
    await add("cai", "lead", "author")
    await add("dee", "agent")
    one = person("ana", Grant(Role.AGENT, "l1", "front"))
    object.__setattr__(one, "account_id", account.id)
    await staff.say(one, State.BUSY)
    expected = {
        (None, None): ["ana", "bob", "dee"],
        ("l1", None): ["ana", "dee"],
        ("l1", "front"): ["ana", "dee"],
        ("l2", "networks"): ["bob", "dee"],
    }
    for (tier, group), names in expected.items():
        found = await staff.people(person("lea", Grant(Role.LEAD, tier, group)), limit=10)
        assert [one.name for one in found] == names
    assert await staff.people(person("ole", Grant(Role.LEAD), tenant="other"), limit=10) == []
    (ana,) = await staff.people(person("lea", Grant(Role.LEAD)), limit=1)
    assert (ana.presence.state, ana.presence.since, ana.is_seen, ana.capacity, ana.on_rota) == (
        State.BUSY,
        now,
        False,
        3,
        False,
    )


async def test_each_ending_is_counted_once_a_refused_one_not_and_what_comes_back_with_who_solved_it(
    desk, person, offered, assigned, about, message_of, now
):
    amy = person("amy")

    async def tallies():
        async with desk.database.read() as connection:
            return await read_tallies(connection, "main", [FRONT, NETWORKS], since=date(2026, 3, 1))

    async def end(model, fields):
        offer = offered()
        one = await desk.offer(offer)
        await desk.board.claim(amy, one)
        await desk.receive(desk.work, assigned(offer, "amy"))
        await desk.board.say(amy, one, model, fields)
        return offer

    solved = await end(outcomes.WorkResolved, {"how": "Done."})
    await end(outcomes.WorkResolved, {"how": "Done."})
    escalated = await end(outcomes.WorkEscalated, {"reason": "cause_unclear"})
    await end(outcomes.WorkReturned, {"reason": "not_ours"})
    key = ("amy", FRONT, "hardware")
    assert await tallies() == {key: Tally(2, 1)}
    sent = (await desk.sent())[-3]
    refusal = about(
        escalated, OutcomeRejected, outcome_id=sent.id, worker="amy", ordinal=2, last_ordinal=1,
        reason=RejectReason.INCOMPLETE, detail="",
    )  # fmt: skip
    await desk.receive(desk.work, refusal)
    assert await tallies() == {key: Tally(2, 0)}
    changed = TicketChanged(
        reference="TD-1", status="triaged", tier="l1", group="front", priority=3, category="hardware",
        first_sequence=9, sequence=9, policy_version="1", events=(ReopenedAgain(sequence=9, at=now, actor=Actor(kind="requester", id="ann"), reason="No."),),
    )  # fmt: skip
    await desk.receive(desk.tickets, message_of(changed, subject=solved.subject, sequence=9))
    await desk.receive(desk.tickets, message_of(changed, subject=str(uuid4()), sequence=9))
    assert await tallies() == {key: Tally(2, 0, 1)}
    forgetting = Forgetting(desk.database, desk.publisher, after=timedelta(days=90))
    for later, kept in ((date(2026, 5, 31), {key: Tally(2, 0, 1)}), (date(2026, 6, 1), {})):
        desk.clock.advance_to(datetime.combine(later, now.timetz()))
        await forgetting.forget()
        assert await tallies() == kept


async def test_a_record_is_for_oneself_and_for_those_who_lead_the_group(desk, staff, add, person, offered):
    await add("amy", "agent")
    amy = person("amy")
    for place, category in ((FRONT, "hardware"), (NETWORKS, "network")):
        one = await desk.offer(offered(place=place, category=category))
        await desk.board.claim(amy, one)
        await desk.board.say(amy, one, outcomes.WorkResolved, {"how": "Done."})
    seen = {
        "amy": (amy, [FRONT, NETWORKS]),
        "lea": (person("lea", Grant(Role.LEAD, "l1")), [FRONT]),
        "lou": (person("lou", Grant(Role.LEAD)), [FRONT, NETWORKS]),
    }
    for asking, places in seen.values():
        one, lines, proposals = await staff.record(asking, "amy")
        assert (one.name, [line.place for line in lines], proposals) == ("amy", places, [])
    for stranger in (
        person("bob"),
        person("ole", Grant(Role.LEAD), tenant="other"),
        person("ada", Grant(Role.ADMINISTRATOR)),
    ):
        with pytest.raises(UnknownPersonError):
            await staff.record(stranger, "amy")
