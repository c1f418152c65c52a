"""Requests are followed as those may see them who made them."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import KnownRequester, TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, PauseParty, Status
from tierdesk_desk.domain.requests import Requester, follow_request
from tierdesk_desk.store.requests import list_requests, read_entries, read_request, read_requester

REQUESTER = Actor(kind=ActorKind.REQUESTER, id="ann")
WORKER = Actor(kind=ActorKind.WORKER, id="amy")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET = "the secret of the team"
ASSIGNMENT = uuid4()


@pytest.fixture
def changed(message_of):
    """The router tells of a ticket."""

    def build(ticket, *happened, party="ann", **fields):
        return message_of(of_events(*happened, party=party, **fields), subject=ticket, sequence=1)

    return build


def of_events(*happened, party="ann", status=Status.OFFERED, reference="TD-TEST-0001", **known):
    first, last = happened[0].sequence, happened[-1].sequence
    who = None if party is None else KnownRequester(party=party, **{"name": "Ann Archer"} | known)
    return TicketChanged(
        reference=reference, policy_version="v1", status=status, first_sequence=first, sequence=last, events=happened,
        requester=who,
    )  # fmt: skip


def opened(now, title="The printer smokes"):
    return events.Opened(
        sequence=1,
        at=now,
        actor=REQUESTER,
        channel=Channel.PORTAL,
        requester_id=uuid4(),
        title=title,
        text="A lot.",
    )


async def read(desk, ticket):
    async with desk.database.read() as connection:
        return await read_request(connection, "main", ticket), await read_entries(connection, "main", ticket)


async def test_who_asked_sees_the_request_and_nobody_else(desk, changed, now):
    ticket = str(uuid4())
    assert await desk.receive(desk.tickets, changed(ticket, opened(now))) == []
    async with desk.database.read() as connection:
        (seen,) = await list_requests(connection, "main", "ann", limit=10, only_open=True)
        assert await list_requests(connection, "main", "bob", limit=10) == []
        assert await list_requests(connection, "other", "ann", limit=10) == []
    told = (seen.ticket, seen.reference, seen.title, seen.status, seen.party)
    assert told == (ticket, "TD-TEST-0001", "The printer smokes", "offered", "ann")


async def test_nobody_sees_what_the_router_has_told_of_without_who_asked(desk, changed, now):
    ticket = str(uuid4())
    assert await desk.receive(desk.tickets, changed(ticket, opened(now), party=None)) == []
    async with desk.database.read() as connection:
        assert await list_requests(connection, "main", "ann", limit=10) == []
    request, _ = await read(desk, ticket)
    assert request.party is None


async def test_how_they_are_reached_is_as_it_was_told_last(desk, changed, now):
    first, second = changed(str(uuid4()), opened(now), email="a@example.org", phone="1"), str(uuid4())
    assert await desk.receive(desk.tickets, first) == []
    assert await desk.receive(desk.tickets, changed(second, opened(now), contact="Desk 3.114")) == []
    async with desk.database.read() as connection:
        known = await read_requester(connection, "main", "ann")
    assert known == Requester("main", "ann", "Ann Archer", None, "Desk 3.114")


async def test_what_comes_again_is_told_once(desk, changed, now):
    ticket = str(uuid4())
    message = changed(ticket, opened(now))
    for _ in range(3):
        assert await desk.receive(desk.tickets, message) == []
    _, entries = await read(desk, ticket)
    assert [entry.kind for entry in entries] == ["opened"]


async def test_a_page_goes_on_where_the_one_before_ended(desk, changed, now):
    tickets = [str(uuid4()) for _ in range(7)]
    await desk.receive(desk.tickets, *(changed(ticket, opened(now)) for ticket in tickets))
    seen, after = [], None
    async with desk.database.read() as connection:
        while page := await list_requests(connection, "main", "ann", limit=3, after=after):
            seen += [one.ticket for one in page]
            after = page[-1].opened_at, page[-1].ticket
    assert seen == sorted(tickets, reverse=True)


def story(now):
    """All that may happen to a ticket, each with a word that its requester must not read where there is one."""

    def at(kind, sequence, actor=WORKER, **fields):
        return kind(sequence=sequence, at=now, actor=actor, **fields)

    held = {"assignment_id": ASSIGNMENT}
    return [
        lambda n: at(events.Progressed, n, **held, note=SECRET),
        lambda n: at(events.Progressed, n, **held, answer="Is it on?", note=SECRET),
        lambda n: at(events.Accepted, n, **held, worker=SECRET),
        lambda n: at(events.Paused, n, **held, party=PauseParty.REQUESTER, note=SECRET),
        lambda n: at(events.Paused, n, **held, party=PauseParty.VENDOR, note=SECRET),
        lambda n: at(events.Resumed, n, **held, note=SECRET),
        lambda n: at(events.Offered, n, **held, token=1, tier="l2", group="networks", reason="triage"),
        lambda n: at(
            events.Escalated, n, **held, reason="beyond_scope", findings=SECRET, to_tier="l2", to_group="networks"
        ),
        lambda n: at(events.Transferred, n, **held, findings=SECRET, to_group="clients"),
        lambda n: at(events.Returned, n, **held, reason="not_ours", findings=SECRET, to_tier="l1", to_group="front"),
        lambda n: at(events.Contributed, n, **held, findings=SECRET),
        lambda n: at(events.Resolved, n, **held, how="Switched it on.", root_cause=SECRET, waiver=SECRET),
        lambda n: at(events.Described, n, told=("location",), affected=SECRET, completeness=1),
        lambda n: at(events.Gathered, n, problem_id=uuid4(), problem_reference=SECRET, because=SECRET, by=SECRET),
        lambda n: at(events.Closed, n, comment=SECRET),
        lambda n: at(events.Merged, n, into=uuid4(), reference=SECRET, reason=SECRET),
        lambda n: at(events.Replied, n, REQUESTER, text="Yes, it is."),
        lambda n: at(events.FactsRequested, n, missing_facts=("location",), question="Where from?"),
    ]


@given(st.data())
def test_no_word_of_those_who_work_it_reaches_who_asked(data):
    kinds = story(NOW)
    chosen = data.draw(st.lists(st.sampled_from(range(len(kinds))), min_size=1, max_size=30))
    happened = [opened(NOW), *(kinds[kind](number) for number, kind in enumerate(chosen, start=2))]
    request, entries = follow_request(None, "main", "t", of_events(*happened))
    assert SECRET not in repr(request) + repr(entries)
    assert "networks" not in repr(request) + repr(entries)
    assert [entry.sequence for entry in entries] == sorted({entry.sequence for entry in entries})


@given(st.integers(min_value=1, max_value=17), st.integers(min_value=0, max_value=17))
def test_events_give_the_same_however_they_are_cut_into_messages(cut, again):
    happened = [opened(NOW), *(make(number) for number, make in enumerate(story(NOW), start=2))]
    whole, told = follow_request(None, "main", "t", of_events(*happened))
    half, first = follow_request(None, "main", "t", of_events(*happened[:cut]))
    if again < cut:  # comes once more, and tells nothing new
        assert follow_request(half, "main", "t", of_events(*happened[: again + 1])) == (half, ())
    assert follow_request(half, "main", "t", of_events(*happened[cut:])) == (whole, told[len(first) :])


def test_it_waits_for_who_asked_until_they_answer():
    asks = events.FactsRequested(
        sequence=2, at=NOW, actor=WORKER, missing_facts=("location",), question="Where from, please?"
    )
    asked, _ = follow_request(None, "main", "t", of_events(opened(NOW), asks))
    assert (asked.is_awaited, asked.asked, asked.missing) == (True, "Where from, please?", ("location",))
    told = events.Described(sequence=3, at=NOW, actor=REQUESTER, told=("location",), location="2.14", completeness=1)
    answered, entries = follow_request(asked, "main", "t", of_events(told))
    assert (answered.is_awaited, answered.asked, answered.missing) == (False, "", ())
    assert [(entry.kind, entry.by_requester) for entry in entries] == [("told", True)]
