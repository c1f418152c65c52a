"""The incident description: what is asked for, what is told, and what may not be handed up without it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticket_desk import NOW

from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import RejectReason, StepTried
from tierdesk_policy import Fact, Policy
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.description import score_description
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.requests import answer_request


def kinds(draft) -> list[str]:
    return [event.kind for event in draft.events]


def test_what_is_missing_is_asked_for_once_when_the_ticket_is_opened(desk):
    draft = desk.open(category="usage")
    (asked,) = [event for event in draft.events if event.kind == "facts_requested"]
    assert set(asked.missing_facts) == {"contact", "location"}
    assert "how we can reach you" in asked.question
    assert "where you are" in asked.question
    later = desk.act(outcomes.WorkProgressed, note="still nothing known")
    assert "facts_requested" not in kinds(later.draft)


def test_nothing_is_asked_when_nothing_is_missing(desk):
    assert "facts_requested" not in kinds(desk.open(category="usage", contact="4711", location="B3"))


def test_a_machine_is_asked_nothing(desk):
    alert = intake.Alerted(reference="TD-TEST-0001", source="probe", fingerprint="1", title="Down")
    assert "facts_requested" not in kinds(desk.open(alert))


def test_an_incomplete_description_is_not_handed_up_and_the_missing_facts_are_named(desk):
    desk.open(category="usage", contact="4711")
    decided = desk.act(outcomes.WorkEscalated, reason="cause_unclear")
    assert decided.refusal.reason is RejectReason.INCOMPLETE
    assert "location" in decided.refusal.detail
    assert "contact" not in decided.refusal.detail
    assert desk.ticket.assignment.worker == "bob"
    assert desk.ticket.tier == "l1"


def test_once_the_missing_facts_are_told_it_goes_up(desk):
    desk.open(category="usage")
    told = desk.act(outcomes.WorkProgressed, contact="4711", location="B3")
    (described,) = [event for event in told.draft.events if event.kind == "described"]
    assert set(described.told) == {"contact", "location"}
    assert desk.ticket.completeness == 1.0
    assert desk.ticket.location == "B3"
    assert desk.act(outcomes.WorkEscalated, reason="cause_unclear").refusal is None


def test_how_to_reach_the_requester_stands_in_no_event(desk):
    desk.open(category="usage")
    told = desk.act(outcomes.WorkProgressed, contact="canary-4711", location="B3")
    assert "canary" not in "".join(event.model_dump_json() for event in told.draft.events)
    assert "canary" not in desk.ticket.model_dump_json()


def test_with_a_reason_it_goes_up_all_the_same_and_the_log_says_why(desk):
    desk.open(category="usage")
    decided = desk.act(outcomes.WorkEscalated, reason="outage_risk", override="The building burns.")
    (escalated,) = [event for event in decided.draft.events if event.kind == "escalated"]
    assert escalated.override == "The building burns."
    assert desk.ticket.missing_facts


def test_the_way_down_asks_for_nothing(desk):
    desk.open(category="laptop")
    assert desk.ticket.missing_facts
    assert desk.act(outcomes.WorkEscalated, reason="findings", to_tier="l1").refusal is None


@pytest.mark.parametrize("category", ["how-to", "printer"])
def test_bots_of_a_tier_that_may_and_vendors_hand_on_what_they_have(desk, category):
    desk.open(category=category)
    assert desk.ticket.missing_facts
    decided = desk.act(outcomes.WorkEscalated, reason="beyond_scope", to_tier="l1")
    assert decided.refusal is None


def test_steps_tried_that_come_with_the_escalation_count_as_told(desk, policy):
    document = policy.document()
    document["categories"][0]["description_facts"] = ["steps_tried"]
    desk.policy = Policy.from_document(document)
    desk.open(category="usage")
    assert desk.ticket.missing_facts == ("steps_tried",)
    decided = desk.act(outcomes.WorkEscalated, reason="cause_unclear", steps_tried=(StepTried(step="pinged it"),))
    assert decided.refusal is None


def test_a_vendor_tells_no_facts_about_the_requester(desk):
    desk.open(category="printer")
    decided = desk.act(outcomes.WorkProgressed, location="B3")
    assert decided.refusal.reason is RejectReason.FORBIDDEN
    assert desk.ticket.location is None


def test_who_handed_it_up_first_stays_the_contact(desk):
    desk.open(category="usage", contact="4711", location="B3")
    desk.act(outcomes.WorkEscalated, reason="cause_unclear")
    assert desk.ticket.contact_owner == "bob"
    live = desk.ticket.assignment
    outcome = outcomes.WorkEscalated(
        assignment_id=live.id, token=live.token, worker="mia", ordinal=1, reason="needs_vendor", to_tier="l4"
    )
    decided = decide_outcome(desk.ticket, outcome, at=NOW, policy=desk.policy, new_id=desk.new_id)
    assert decided.draft.ticket.contact_owner == "bob"


@given(told=st.sets(st.sampled_from(list(Fact))), more=st.sets(st.sampled_from(list(Fact))))
def test_who_tells_more_is_never_scored_lower(policy, told, more):
    for category in policy.categories:
        before = score_description(category, frozenset(told))
        after = score_description(category, frozenset(told | more))
        assert 0 <= before.share <= after.share <= 1
        assert set(after.missing) <= set(before.missing)
        assert (after.share == 1) == (not after.missing)


def test_what_the_requester_is_asked_the_requester_can_tell(desk):
    desk.open(category="usage")
    told = intake.FactsTold(contact="canary-4711", location="B3", steps_tried=(StepTried(step="pinged it"),), urgency=1)
    draft = answer_request(desk.ticket, told, at=NOW, policy=desk.policy, new_id=desk.new_id)
    assert kinds(draft) == ["described", "reprioritised"]
    assert draft.ticket.missing_facts == ()
    assert draft.ticket.urgency == 1
    assert [tried.step for tried in draft.ticket.steps_tried] == ["pinged it"]
    assert "canary" not in "".join(event.model_dump_json() for event in draft.events)
    (internal,) = [post.data.internal for post in announce(draft, desk.policy, None) if post.data.internal]
    assert internal.missing_facts == ()


def test_facts_that_come_when_the_ticket_is_over_are_noted(desk):
    desk.open(category="usage")
    over = answer_request(desk.ticket, intake.Confirmed(), at=NOW, policy=desk.policy, new_id=desk.new_id).ticket
    told = intake.FactsTold(affected="all of us")
    draft = answer_request(over, told, at=NOW, policy=desk.policy, new_id=desk.new_id)
    assert kinds(draft) == ["replied"]
    assert "all of us" in draft.events[0].text


def test_a_new_way_to_reach_the_requester_is_told_to_the_owner_without_being_written_down(desk):
    desk.open(category="usage", contact="4711", location="B3")
    told = intake.FactsTold(contact="canary-4712")
    draft = answer_request(desk.ticket, told, at=NOW, policy=desk.policy, new_id=desk.new_id)
    (described,) = draft.events
    assert described.told == ("contact",)
    assert "canary" not in described.model_dump_json()
    assert [post.data.internal is not None for post in announce(draft, desk.policy, None)] == [True]


@pytest.mark.parametrize(("category", "to_tier"), [("how-to", "l1"), ("laptop", "l1")])
def test_neither_a_machine_nor_who_hands_it_down_becomes_the_contact(desk, category, to_tier):
    desk.open(category=category)
    assert desk.act(outcomes.WorkEscalated, reason="findings", to_tier=to_tier).refusal is None
    assert desk.ticket.contact_owner is None
