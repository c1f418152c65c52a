"""Requests are followed as those may see them who made them."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import intake
from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, PauseParty, Status
from tierdesk_desk.domain.requests import follow_request
from tierdesk_desk.store.requests import list_requests, read_entries, read_request

REQUESTER = Actor(kind=ActorKind.REQUESTER, id="ann")
WORKER = Actor(kind=ActorKind.WORKER, id="amy")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET = "the secret of the team"
ASSIGNMENT = uuid4()


@pytest.fixture
def reported(message_of):
    """Intake tells of a problem."""

    def build(ticket, party="ann", **fields):
        asked = intake.Requester(party=party, name="Ann Archer", email="ann@example.org")
        told = {"requester": asked, "title": "The printer smokes", "text": "A lot.", "reference": "TD-TEST-0001"}
        return message_of(intake.ProblemReported(**told | fields), subject=ticket, sequence=1)

    return build


@pytest.fixture
def changed(message_of):
    """The router tells of a ticket."""

    def build(ticket, *happened, status=Status.OFFERED, reference="TD-TEST-0001"):
        return message_of(of_events(*happened, status=status, reference=reference), subject=ticket, sequence=1)

    return build


def of_events(*happened, status=Status.OFFERED, reference="TD-TEST-0001"):
    first, last = happened[0].sequence, happened[-1].sequence
    return TicketChanged(
        reference=reference, policy_version="v1", status=status, first_sequence=first, sequence=last, events=happened
    )


def opened(now, requester_id, title="The printer smokes"):
    return events.Opened(
        sequence=1,
        at=now,
        actor=REQUESTER,
        channel=Channel.PORTAL,
        requester_id=requester_id,
        title=title,
        text="A lot.",
    )


async def read(desk, ticket):
    async with desk.database.read() as connection:
        return await read_request(connection, "main", ticket), await read_entries(connection, "main", ticket)


@pytest.mark.parametrize("is_first", [True, False])
async def test_who_asked_sees_the_request_whichever_is_heard_first(desk, reported, changed, now, is_first):
    ticket, router_id = str(uuid4()), uuid4()
    both = [reported(ticket), changed(ticket, opened(now, router_id))]
    for one in both if is_first else reversed(both):
        assert await desk.receive(desk.tickets, one) == []
    async with desk.database.read() as connection:
        (seen,) = await list_requests(connection, "main", "ann", limit=10, only_open=True)
        assert await list_requests(connection, "main", "bob", limit=10) == []
        assert await list_requests(connection, "other", "ann", limit=10) == []
    assert (seen.ticket, seen.reference, seen.title, seen.status) == (
        ticket,
        "TD-TEST-0001",
        "The printer smokes",
        "offered",
    )
    assert (seen.party, seen.requester_id) == ("ann", router_id)


async def test_part_of_a_ticket_is_asked_by_who_asked_for_the_whole(desk, reported, changed, now):
    whole, part, router_id = str(uuid4()), str(uuid4()), uuid4()
    await desk.receive(desk.tickets, reported(whole), changed(whole, opened(now, router_id)))
    await desk.receive(desk.tickets, changed(part, opened(now, router_id, "The other half"), reference="TD-TEST-0002"))
    async with desk.database.read() as connection:
        seen = await list_requests(connection, "main", "ann", limit=10)
    assert {one.ticket for one in seen} == {whole, part}


async def test_what_comes_again_is_told_once(desk, reported, changed, now):
    ticket = str(uuid4())
    message = changed(ticket, opened(now, uuid4()))
    for _ in range(3):
        assert await desk.receive(desk.tickets, reported(ticket), message) == []
    _, entries = await read(desk, ticket)
    assert [entry.kind for entry in entries] == ["opened"]


async def test_a_page_goes_on_where_the_one_before_ended(desk, reported, changed, now):
    tickets = [str(uuid4()) for _ in range(7)]
    await desk.receive(desk.tickets, *map(reported, tickets))
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
    happened = [opened(NOW, UUID(int=1)), *(kinds[kind](number) for number, kind in enumerate(chosen, start=2))]
    request, entries = follow_request(None, "main", "t", of_events(*happened))
    assert SECRET not in repr(request) + repr(entries)
    assert "networks" not in repr(request) + repr(entries)
    assert [entry.sequence for entry in entries] == sorted({entry.sequence for entry in entries})


@given(st.integers(min_value=1, max_value=17), st.integers(min_value=0, max_value=17))
def test_events_give_the_same_however_they_are_cut_into_messages(cut, again):
    happened = [opened(NOW, UUID(int=1)), *(make(number) for number, make in enumerate(story(NOW), start=2))]
    whole, told = follow_request(None, "main", "t", of_events(*happened))
    half, first = follow_request(None, "main", "t", of_events(*happened[:cut]))
    if again < cut:  # comes once more, and tells nothing new
        assert follow_request(half, "main", "t", of_events(*happened[: again + 1])) == (half, ())
    assert follow_request(half, "main", "t", of_events(*happened[cut:])) == (whole, told[len(first) :])


def test_it_waits_for_who_asked_until_they_answer():
    asks = events.FactsRequested(
        sequence=2, at=NOW, actor=WORKER, missing_facts=("location",), question="Where from, please?"
    )
    asked, _ = follow_request(None, "main", "t", of_events(opened(NOW, uuid4()), asks))
    assert (asked.is_awaited, asked.asked, asked.missing) == (True, "Where from, please?", ("location",))
    told = events.Described(sequence=3, at=NOW, actor=REQUESTER, told=("location",), location="2.14", completeness=1)
    answered, entries = follow_request(asked, "main", "t", of_events(told))
    assert (answered.is_awaited, answered.asked, answered.missing) == (False, "", ())
    assert [(entry.kind, entry.by_requester) for entry in entries] == [("told", True)]
