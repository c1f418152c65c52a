"""Merging: one matter, one ticket, and nothing that anybody said is lost."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tierdesk_contracts import intake, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.merging import MergeError, merge, pass_on
from tierdesk_router.domain.requests import answer_request, open_by
from tierdesk_router.handlers.intake import requester_of

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
QUEUE = "work.main.l1.service-desk"
ANN = Actor(kind=ActorKind.WORKER, id="ann")


@pytest.fixture
def open_one(policy):
    numbers = itertools.count(100)

    def open_one(category=None):
        report = intake.ProblemReported(
            reference=f"TD-TEST-{next(numbers)}",
            requester=intake.Requester(party="ann"),
            title="Broken",
            category=category,
        )
        return open_by(
            report, tenant="main", ticket_id=UUID(int=next(numbers)), requester_id=UUID(int=2), at=NOW, policy=policy,
            new_id=lambda: UUID(int=next(numbers)),
        ).ticket  # fmt: skip

    return open_one


def test_the_source_ends_with_its_work_withdrawn_and_the_target_says_what_goes_on_in_it(open_one):
    source, target = open_one(), open_one()
    ending, going_on = merge(source, target, reason="the same", by=ANN, at=NOW)
    assert [event.kind for event in ending.events] == ["withdrawn", "merged"]
    assert (ending.ticket.status, ending.ticket.merged_into) == (Status.MERGED, target.id)
    assert ending.ticket.assignment is None
    assert [event.kind for event in going_on.events] == ["absorbed"]
    assert going_on.ticket.assignment == target.assignment


def test_merged_again_nothing_happens(open_one):
    source, target = open_one(), open_one()
    ending, going_on = merge(source, target, reason="", by=ANN, at=NOW)
    assert merge(ending.ticket, going_on.ticket, reason="", by=ANN, at=NOW) is None


def test_a_ticket_goes_on_neither_in_itself_nor_in_one_that_is_over(open_one, policy):
    source, target = open_one(), open_one()
    over = answer_request(target, intake.Cancelled(), at=NOW, policy=policy, new_id=lambda: UUID(int=1)).ticket
    for one, other in ((source, source), (source, over), (over, source)):
        with pytest.raises(MergeError):
            merge(one, other, reason="", by=ANN, at=NOW)


async def test_a_reply_to_a_merged_ticket_is_heard_by_whoever_has_the_other(router):
    first, second = await router.report(), await router.report()
    offers = [await router.next_work(QUEUE) for _ in range(2)]
    answer = await router.request("POST", f"/v1/tickets/{first}/merge", json={"into": str(second), "reason": "twice"})
    assert (answer.status_code, answer.json()["status"]) == (200, "merged")
    again = await router.request("POST", f"/v1/tickets/{first}/merge", json={"into": str(second)})
    assert (again.status_code, again.json()["sequence"]) == (200, answer.json()["sequence"])
    told = [await router.next_work(QUEUE) for _ in range(2)]
    (withdrawn,) = [one for one in told if isinstance(one, work.WorkWithdrawn)]
    (noted,) = [one for one in told if isinstance(one, work.WorkUpdated)]
    assert withdrawn.reason == "merged"
    assert "goes on in this ticket" in noted.note
    await router.act(
        outcomes.WorkAccepted, next(one for one in offers if one.assignment_id == noted.assignment_id), second
    )
    assert isinstance(await router.next_work(QUEUE), work.WorkAssigned)
    photo = intake.AttachedFile(
        id=UUID(int=7), file_name="TD-1.png", name="smoke.png", media_type="image/png", size_bytes=9
    )
    reply = intake.RequesterReplied(text="and it smokes", attachments=(photo,))
    await router.send(EVENTS, reply, first, sequence=2)
    update = await router.next_work(QUEUE)
    assert update.reply == "and it smokes"
    await router.send(EVENTS, intake.Reopened(reason="still broken"), first, sequence=3)
    update = await router.next_work(QUEUE)
    assert "still broken" in update.reply
    for ticket in (first, second):
        replies = [event for event in await router.story(ticket, until="replied") if event["kind"] == "replied"]
        assert replies[0]["attachments"] == [photo.model_dump(mode="json")]


@pytest.mark.parametrize(
    ("into", "status"), [("TD-NONE-0000", 404), ("\x00", 422), ("", 422), (None, 422), ("itself", 409)]
)
async def test_what_cannot_be_merged_is_refused_with_the_field_or_the_reason(router, into, status):
    ticket = await router.report()
    await router.story(ticket, until="offered")
    named = str(ticket) if into == "itself" else into
    answer = await router.request("POST", f"/v1/tickets/{ticket}/merge", json={"into": named})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_ticket_of_another_tenant_is_merged_by_nobody_else(router):
    ticket, other = await router.report(), await router.report()
    await router.story(other, until="offered")
    answer = await router.request("POST", f"/v1/tickets/{ticket}/merge", json={"into": str(other)}, tenant="other")
    assert answer.status_code == 404


def test_what_is_said_of_a_merged_ticket_reaches_no_vendor(open_one, policy):
    """The requester may be another one, whose name nobody could take out."""
    source, target = open_one(), open_one("printer")
    source = source.model_copy(update={"requester_id": UUID(int=3)})
    ending, going_on = merge(source, target, reason="", by=ANN, at=NOW)
    said = answer_request(
        ending.ticket, intake.FactsTold(location="Room 7", impact=1), at=NOW, policy=policy, new_id=lambda: UUID(int=1)
    )
    passed = pass_on(ending.ticket, going_on.ticket, said.events, at=NOW)
    assert "Room 7" in passed.events[0].text
    assert announce(passed, policy, None) == []


def test_each_caller_who_withholds_the_number_is_somebody_else():
    calls = [
        intake.Called(reference="TD-1", provider="pbx", call_id=call, direction="in", outcome="answered")
        for call in "ab"
    ]
    names = {requester_of(call).external for call in calls}
    assert len(names) == 2
