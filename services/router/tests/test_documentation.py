"""What a resolution leaves behind: who owes it, what is refused, and what the log tells of it."""

from __future__ import annotations

import importlib
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.knowledge import ArticleDraft
from tierdesk_contracts.vocabulary import RejectReason, Status, StepTried
from tierdesk_policy import Policy
from tierdesk_router.domain.documentation import STEPS_TOLD
from tierdesk_router.domain.requests import answer_request

DRAFT = ArticleDraft(
    title="Dock shows nothing", body="Renew its firmware.", keywords=("docking",), audience="requester"
)
HIGH, LOW, VENDOR = "laptop", "usage", "printer"


def owing_from(policy, tier):
    """The same policy, in which this tier and those above owe an article."""
    document = policy.document()
    return Policy.from_document(document | {"knowledge": document["knowledge"] | ({"owed_from": tier} if tier else {})})


@pytest.fixture
def owing(desk):
    desk.policy = owing_from(desk.policy, "l2")
    return desk


def resolved(decided):
    (event,) = [event for event in decided.draft.events if isinstance(event, events.Resolved)]
    return event


def test_a_resolution_that_leaves_nothing_behind_is_refused_and_the_work_stays_its_owners(owing):
    owing.open(category=HIGH)
    decided = owing.act(outcomes.WorkResolved, how="New firmware.", steps_tried=(StepTried(step="Looked"),))
    assert decided.refusal.reason is RejectReason.UNDOCUMENTED
    assert all(word in decided.refusal.detail for word in ("tier l2", "article_id", "draft", "waiver"))
    assert (owing.ticket.status, owing.ticket.assignment.worker) == (Status.ACCEPTED, "bob")
    assert not owing.ticket.steps_tried
    assert owing.act(outcomes.WorkResolved, how="New firmware.", waiver="It will not come again.").refusal is None


@pytest.mark.parametrize("left", [{"article_id": "KB-1"}, {"draft": DRAFT}, {"waiver": "Once in a life."}])
def test_any_of_the_three_will_do_and_stands_in_the_log(owing, left):
    owing.open(category=HIGH)
    event = resolved(owing.act(outcomes.WorkResolved, how="New firmware.", **left))
    assert {"article_id": event.article_id, "draft": event.draft, "waiver": event.waiver} == {
        "article_id": None, "draft": None, "waiver": "",
    } | left  # fmt: skip
    assert event.tier == "l2"


@pytest.mark.parametrize("named", [{"article_id": "KB-1"}, {"draft": DRAFT}])
def test_what_waives_the_article_that_it_names_is_refused(desk, named):
    desk.open(category=LOW)
    decided = desk.act(outcomes.WorkResolved, how="done", waiver="No need.", **named)
    assert decided.refusal.reason is RejectReason.FORBIDDEN
    assert "leave out one" in decided.refusal.detail


def test_below_that_tier_and_without_the_rule_nothing_is_owed(desk):
    desk.open(category=HIGH)
    assert desk.act(outcomes.WorkResolved, how="done").refusal is None
    desk.policy = owing_from(desk.policy, "l2")
    desk.open(category=LOW)
    assert desk.act(outcomes.WorkResolved, how="done").refusal is None


def test_a_vendor_owes_nothing_and_what_it_says_of_articles_is_left_out(owing):
    owing.open(category=VENDOR)
    event = resolved(owing.act(outcomes.WorkResolved, "vic", how="New drum.", draft=DRAFT, waiver="Ours alone."))
    assert (event.draft, event.waiver, event.tier) == (None, "", "l4")
    assert event.dossier.title == "Broken"


def test_what_was_drafted_reaches_no_vendor_who_has_the_ticket_later(desk):
    desk.open_described(HIGH)
    desk.act(outcomes.WorkResolved, how="Secret fix.", draft=DRAFT, article_id="KB-SECRET")
    again = intake.Reopened(reason="It is back.")
    desk.take(answer_request(desk.ticket, again, at=desk.ticket.last_at, policy=desk.policy, new_id=desk.new_id))
    desk.act(outcomes.WorkEscalated, reason="needs_vendor", to_group="printer-vendor", override="in haste")
    told = "".join(post.data.model_dump_json() for post in desk.posts if post.destination.namespace)
    assert told
    assert not [word for word in ("Secret", "SECRET", DRAFT.title, DRAFT.body) if word in told]


def test_where_it_stands_counts_for_what_is_carried_through(owing):
    owing.open(category="trusted", contact="4711", affected="all", impact=1)
    owing.act(outcomes.WorkCarried, reason="needs_vendor", to_tier="l2")
    assert owing.act(outcomes.WorkResolved, how="done").refusal.reason is RejectReason.UNDOCUMENTED


def test_a_dossier_goes_with_what_has_no_draft_and_stands_above_those_who_take_documented_problems(desk):
    steps = tuple(StepTried(step=f"step {number}") for number in range(STEPS_TOLD + 5))
    desk.open(category=HIGH, text="No picture.", asset="DOCK-7", affected="All of accounts", steps_tried=steps)
    dossier = resolved(desk.act(outcomes.WorkResolved, how="done", article_id="KB-1")).dossier
    assert (dossier.title, dossier.text, dossier.asset, dossier.affected) == (
        "Broken", "No picture.", "DOCK-7", "All of accounts",
    )  # fmt: skip
    assert dossier.steps_tried == steps[5:]
    for category, left in ((HIGH, {"draft": DRAFT}), (HIGH, {"waiver": "No need."}), (LOW, {})):
        desk.open(category=category)
        assert resolved(desk.act(outcomes.WorkResolved, how="done", **left)).dossier is None


def test_what_a_contributor_drafts_the_owner_reads(desk):
    desk.open_described("crisis")
    desk.act(outcomes.WorkInvited, to_group="network", question="Is it the net?")
    (part,) = desk.ticket.contributions
    desk.act(outcomes.WorkResolved, "mia", live=part, how="Swapped it.", draft=DRAFT)
    (update,) = [data for data in desk.told("service-desk") if data.contribution.word == "contributed"]
    assert update.contribution.text == "Swapped it.\nProposed article: Dock shows nothing\nRenew its firmware."


@pytest.fixture(scope="module")
def ticket_desk():
    return importlib.import_module("ticket_desk").TicketDesk


@given(
    category=st.sampled_from([HIGH, LOW, VENDOR]),
    owed_from=st.sampled_from([None, "l1", "l2", "l4"]),
    article=st.booleans(), draft=st.booleans(), waiver=st.booleans(),
)  # fmt: skip
def test_a_resolution_is_refused_exactly_where_it_owes_and_leaves_nothing_or_contradicts_itself(
    policy, ticket_desk, category, owed_from, article, draft, waiver
):
    policy = owing_from(policy, owed_from)
    desk = ticket_desk(policy)
    desk.open(category=category)
    left = {"article_id": "KB-1" if article else None, "draft": DRAFT if draft else None, "waiver": "No." * waiver}
    decided = desk.act(outcomes.WorkResolved, how="done", **left)
    owes = owed_from is not None and policy.height(desk.ticket.tier) >= policy.height(owed_from)
    if category == VENDOR:
        reason = None
    elif waiver and (article or draft):
        reason = RejectReason.FORBIDDEN
    else:
        reason = RejectReason.UNDOCUMENTED if owes and not (article or draft or waiver) else None
    assert (decided.refusal and decided.refusal.reason) == reason
    assert desk.ticket.status is (Status.ACCEPTED if reason else Status.RESOLVED)


async def test_the_worker_is_told_what_to_send_and_the_log_tells_what_was_sent(router, policy):
    document = owing_from(policy, "l2").document()
    applied = await router.request("PUT", "/v1/policy", content=json.dumps(document))
    assert applied.status_code == 200
    ticket = await router.report(category=HIGH)
    offer = await router.next_work("work.main.l2.workplace")
    ordinals = itertools.count(1)
    await router.act(outcomes.WorkAccepted, offer, ticket, ordinal=next(ordinals))
    await router.next_work("work.main.l2.workplace")
    await router.act(outcomes.WorkResolved, offer, ticket, how="done", ordinal=next(ordinals))
    rejected = await router.next_work("work.main.l2.workplace")
    assert (rejected.reason, rejected.last_ordinal) == (RejectReason.UNDOCUMENTED, 2)
    await router.act(outcomes.WorkResolved, offer, ticket, how="done", draft=DRAFT, ordinal=next(ordinals))
    log = await router.story(ticket, until="resolved")
    assert log[-1]["draft"]["title"] == DRAFT.title
