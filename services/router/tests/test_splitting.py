"""Splitting: two matters in one report become two tickets that name each other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tierdesk_contracts import intake, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status, StepTried
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.disclosure import Party
from tierdesk_router.domain.requests import Origin, answer_request, open_by
from tierdesk_router.domain.splitting import Part, SplitError, check_part, report_part, split, told_apart

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ANN = Actor(kind=ActorKind.WORKER, id="ann")
PARTY = Party(UUID(int=2), "zoe", "Zoe", "zoe@example.org", contact="4711")
QUEUE, UPPER = "work.main.l1.service-desk", "work.main.l2.workplace"
STEPS = (StepTried(step="Turned it off and on", result="Same"),)


def open_part(desk, part):
    """The new ticket and the old, as the command decides them."""
    report = report_part(desk.ticket, part, PARTY, "TD-TEST-0002")
    origin = Origin(desk.ticket.id, desk.ticket.reference, ANN, "two matters")
    opened = open_by(
        report, tenant="main", ticket_id=UUID(int=9), requester_id=PARTY.id, at=LATER, policy=desk.policy,
        new_id=desk.new_id, origin=origin,
    )  # fmt: skip
    return opened, split(desk.ticket, opened.ticket, reason="two matters", by=ANN, at=LATER)


def test_the_new_ticket_is_triaged_by_itself_and_both_logs_name_each_other(desk):
    desk.open(category="usage", location="B3", asset="PC-7", steps_tried=STEPS, text="And the dock is dead.")
    before = desk.ticket
    opened, whole = open_part(desk, Part("Dock is dead", "No light.", "laptop"))
    assert [event.kind for event in opened.events][:3] == ["opened", "split_off", "triaged"]
    assert (opened.events[0].actor, opened.events[0].at) == (ANN, LATER)
    new = opened.ticket
    assert (new.title, new.category, new.group, new.opened_at) == ("Dock is dead", "laptop", "workplace", LATER)
    assert (new.requester_id, new.location, new.asset, new.steps_tried) == (before.requester_id, "B3", "PC-7", STEPS)
    assert (opened.events[1].reference, opened.events[1].reason) == (before.reference, "two matters")
    (event,) = whole.events
    assert (event.kind, event.reference, event.ticket, event.actor) == ("split", "TD-TEST-0002", new.id, ANN)
    assert (whole.ticket.status, whole.ticket.assignment, whole.ticket.parts) == (
        before.status, before.assignment, (new.id,),
    )  # fmt: skip
    assert new.split_from == before.id


def test_what_is_told_of_the_part_takes_the_place_of_what_the_whole_says(desk):
    desk.open(category="usage", location="B3", asset="PC-7", impact=1, steps_tried=STEPS)
    opened, _ = open_part(desk, Part("Dock", location="C1", asset="D-1", with_steps=False))
    assert (opened.ticket.location, opened.ticket.asset, opened.ticket.steps_tried) == ("C1", "D-1", ())
    assert opened.ticket.impact == desk.policy.default_impact


def test_the_owner_in_house_hears_of_it_and_a_vendor_does_not(desk):
    desk.open(category="laptop")
    _, whole = open_part(desk, Part("Dock"))
    (post,) = announce(whole, desk.policy, PARTY)
    assert post.data.note == "Part of this goes on as TD-TEST-0002. two matters"
    desk.open(category="printer")
    _, whole = open_part(desk, Part("Dock"))
    assert announce(whole, desk.policy, PARTY) == []


@pytest.mark.parametrize("over", [intake.Cancelled(), intake.Confirmed()])
def test_a_ticket_that_is_over_is_not_split(desk, over):
    desk.open()
    desk.take(answer_request(desk.ticket, over, at=NOW, policy=desk.policy, new_id=desk.new_id))
    with pytest.raises(SplitError, match="report the other matter by itself"):
        open_part(desk, Part("Dock"))


def test_a_solved_ticket_can_be_split_for_what_is_not_solved(desk):
    desk.open()
    desk.act(outcomes.WorkResolved, how="restarted")
    _, whole = open_part(desk, Part("Dock"))
    assert whole.ticket.status is Status.RESOLVED


def test_what_the_policy_does_not_have_is_refused_by_field(policy):
    for part, field in ((Part("x", category="coffee"), "category"), (Part("x", department="hr"), "department")):
        with pytest.raises(SplitError) as refused:
            check_part(part, policy)
        assert refused.value.field == field
    check_part(Part("x", category="usage", department="networks"), policy)


def test_a_part_is_told_apart_from_the_whole_and_from_its_other_parts(desk):
    desk.open()
    _, whole = open_part(desk, Part("Dock"))
    assert told_apart(whole.ticket) == {whole.ticket.id, UUID(int=9)}


async def test_both_tickets_are_worked_by_themselves(router):
    ticket = await router.report(category="usage", title="No mail; the dock is dead too", location="B3")
    offer = await router.next_work(QUEUE)
    await router.act(outcomes.WorkAccepted, offer, ticket)
    assert isinstance(await router.next_work(QUEUE), work.WorkAssigned)
    asked = {"title": "The dock is dead", "category": "laptop", "reason": "Two matters."}
    answer = await router.request("POST", f"/v1/tickets/{ticket}/split", json=asked)
    new = answer.json()
    assert (answer.status_code, new["category"], new["tier"], new["location"]) == (201, "laptop", "l2", "B3")
    assert answer.headers["location"] == f"/v1/tickets/{new['id']}"
    assert new["reference"] in (await router.next_work(QUEUE)).note
    above = await router.next_work(UPPER)
    assert (above.case.reference, above.internal.requester) == (new["reference"], "ann")
    (named,) = [one for one in await router.story(ticket, until="split") if one["kind"] == "split"]
    (back,) = [one for one in await router.story(UUID(new["id"]), until="offered") if one["kind"] == "split_off"]
    assert (named["ticket"], back["ticket"]) == (new["id"], str(ticket))
    assert named["actor"] == back["actor"] == {"kind": "worker", "id": "test"}
    assert named["reason"] == back["reason"] == "Two matters."
    rows = await router.fetch("SELECT subject FROM router.outbox WHERE type = 'ticket.added.v1'")
    assert [row["subject"] for row in rows] == [new["id"]]
    # What its requester says next is the first that intake tells of it.
    await router.send(EVENTS, intake.RequesterReplied(text="any news?"), UUID(new["id"]), sequence=1)
    assert (await router.next_work(UPPER)).reply == "any news?"


async def test_the_same_part_is_split_off_once_also_by_many_at_once(router):
    ticket = await router.report()
    await router.story(ticket, until="offered")
    path, asked = f"/v1/tickets/{ticket}/split", {"title": "The dock", "text": "is dead"}
    answers = await asyncio.gather(*(router.request("POST", path, json=asked) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await router.request("POST", path, json={"title": "The chair", "text": "is dead"})
    assert other.status_code == 201
    log = await router.story(ticket, until="split")
    assert [event["kind"] for event in log].count("split") == 2


async def test_the_two_are_not_proposed_for_merging_and_a_third_is(router):
    document = (await router.request("GET", "/v1/policy")).json()["document"]
    likeness = {"repeat": {"within": "1d"}}
    assert (await router.request("PUT", "/v1/policy", json=document | {"likeness": likeness})).status_code == 200
    ticket = await router.report(category="usage", title="Printer and scanner broken", requester={"party": "eve"})
    await router.story(ticket, until="offered")
    asked = {"title": "Scanner broken", "category": "usage"}
    part = (await router.request("POST", f"/v1/tickets/{ticket}/split", json=asked)).json()
    asked = {"title": "Printer broken", "category": "usage"}
    sibling = (await router.request("POST", f"/v1/tickets/{ticket}/split", json=asked)).json()
    for one in (part, sibling):
        log = await router.story(UUID(one["id"]), until="offered")
        assert "merge_proposed" not in [event["kind"] for event in log]
    again = await router.report(category="usage", title="Scanner broken", requester={"party": "eve"})
    assert await router.story(again, until="merge_proposed")


async def test_parts_that_are_split_off_at_once_are_not_proposed_for_merging(router):
    document = (await router.request("GET", "/v1/policy")).json()["document"]
    likeness = {"repeat": {"within": "1d"}}
    assert (await router.request("PUT", "/v1/policy", json=document | {"likeness": likeness})).status_code == 200
    ticket = await router.report(category="usage", title="Two scanners", requester={"party": "eve"})
    await router.story(ticket, until="offered")
    path = f"/v1/tickets/{ticket}/split"
    asked = [{"title": "Scanner broken", "text": f"Number {number}", "category": "usage"} for number in range(6)]
    answers = await asyncio.gather(*(router.request("POST", path, json=one) for one in asked))
    assert {answer.status_code for answer in answers} == {201}
    for answer in answers:
        log = await router.story(UUID(answer.json()["id"]), until="offered")
        assert "merge_proposed" not in [event["kind"] for event in log]


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"title": "x", "category": "coffee"}, 409, "category"),
        ({"title": "x", "department": "hr"}, 409, "department"),
        ({"title": ""}, 422, "title"),
        ({"title": "\x00"}, 422, "title"),
        ({"title": "x", "impact": 9}, 422, "impact"),
        ({"title": "x", "with_steps": 0}, 422, "with_steps"),
        ({}, 422, "title"),
        ({"title": "x", "tenant": "other"}, 422, "tenant"),
    ],
)
async def test_what_cannot_be_split_off_is_refused_with_the_field(router, asked, status, field):
    ticket = await router.report()
    await router.story(ticket, until="offered")
    answer = await router.request("POST", f"/v1/tickets/{ticket}/split", json=asked)
    assert answer.status_code == status, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "split" not in [event["kind"] for event in await router.story(ticket, until="offered")]


async def test_a_ticket_that_is_over_or_anothers_is_split_by_nobody(router):
    ticket = await router.report()
    await router.story(ticket, until="offered")
    path, asked = f"/v1/tickets/{ticket}/split", {"title": "The dock"}
    assert (await router.request("POST", path, json=asked, tenant="other")).status_code == 404
    await router.send(EVENTS, intake.Cancelled(), ticket, sequence=2)
    await router.story(ticket, until="cancelled")
    answer = await router.request("POST", path, json=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert (await router.fetch("SELECT count(*) FROM router.ticket"))[0]["count"] == 1
