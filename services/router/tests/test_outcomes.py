"""The fence, and the ways that a policy allows."""

from __future__ import annotations

from uuid import UUID

import pytest

from tierdesk_contracts import intake, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import RejectReason, Status
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.description import facts_told, score_description
from tierdesk_router.domain.disclosure import Party
from tierdesk_router.domain.outcomes import check_fence
from tierdesk_router.domain.refusal import Refusal


def test_the_first_to_accept_owns_it_and_the_second_is_told_so(desk):
    desk.open()
    desk.act(outcomes.WorkAccepted, "bob")
    with pytest.raises(Refusal) as refused:
        desk.act(outcomes.WorkAccepted, "cid")
    assert refused.value.reason is RejectReason.NOT_OWNER
    assert "bob" in refused.value.detail


def test_an_outcome_of_work_that_was_offered_anew_is_stale(desk):
    desk.open(category="laptop")
    old = desk.ticket.assignment
    desk.act(outcomes.WorkTransferred, "bob", to_group="network")
    with pytest.raises(Refusal) as refused:
        desk.act(outcomes.WorkResolved, "bob", live=old, how="done")
    assert refused.value.reason is RejectReason.STALE


def test_who_goes_home_hands_over_to_the_others_of_the_group(desk):
    desk.open(category="usage")
    before = desk.act(outcomes.WorkAccepted, "bob").draft.ticket.assignment
    decided = desk.act(outcomes.WorkTransferred, "bob", to_group="service-desk", findings="Calls back at nine.")
    assert decided.refusal is None
    ticket = desk.ticket
    assert (ticket.tier, ticket.group, ticket.findings) == ("l1", "service-desk", "Calls back at nine.")
    assert (ticket.assignment.worker, ticket.assignment.token > before.token) == (None, True)
    desk.act(outcomes.WorkAccepted, "cid")
    assert desk.ticket.assignment.worker == "cid"


def test_a_vendor_hands_over_to_nobody_and_keeps_its_clock(desk):
    desk.open(category="printer")
    decided = desk.act(outcomes.WorkTransferred, "vic", to_group="printer-vendor")
    assert decided.refusal is not None
    assert "has it already" in decided.refusal.detail


def test_a_right_assignment_with_an_old_token_is_stale(desk):
    desk.open()
    live = desk.ticket.assignment
    outcome = outcomes.WorkAccepted(assignment_id=live.id, token=live.token + 1, worker="bob", ordinal=1)
    with pytest.raises(Refusal) as refused:
        check_fence(desk.ticket, outcome)
    assert refused.value.reason is RejectReason.STALE


def test_a_first_outcome_implies_acceptance_even_when_the_rest_is_refused(desk):
    desk.open(category="printer")
    decided = desk.act(outcomes.WorkEscalated, "vic", reason="beyond_scope")
    assert decided.refusal is not None
    assert decided.refusal.reason is RejectReason.FORBIDDEN
    assert "edges to" in decided.refusal.detail
    assert desk.ticket.status is Status.ACCEPTED
    assert desk.ticket.assignment.worker == "vic"


def test_up_to_the_vendor_and_back_with_findings(desk):
    desk.open(category="usage")
    desk.act(
        outcomes.WorkEscalated,
        "bob",
        reason="needs_vendor",
        to_group="printer-vendor",
        findings="drum is worn",
        override="in haste",
    )
    assert (desk.ticket.tier, desk.ticket.group) == ("l4", "printer-vendor")
    assert desk.ticket.senders == ("service-desk",)
    desk.act(outcomes.WorkReturned, "vic", reason="not_ours", findings="not under contract")
    assert (desk.ticket.tier, desk.ticket.group) == ("l1", "service-desk")
    assert desk.ticket.findings == "not under contract"
    assert desk.ticket.hand_offs == 2


def test_without_a_wish_an_escalation_takes_the_next_tier_that_an_edge_leads_to(desk):
    desk.open(category="usage")
    desk.act(outcomes.WorkEscalated, "bob", reason="cause_unclear", override="in haste")
    assert (desk.ticket.tier, desk.ticket.group) == ("l2", "workplace")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (outcomes.WorkTransferred, {"to_group": "workplace"}),
        (outcomes.WorkEscalated, {"reason": "beyond_scope", "to_group": "duty"}),
        (outcomes.WorkEscalated, {"reason": "beyond_scope", "to_tier": "l9"}),
        (outcomes.WorkEscalated, {"reason": "beyond_scope", "to_tier": "l4", "to_group": "network"}),
        (outcomes.WorkReturned, {"reason": "wrong_group"}),
        (outcomes.WorkResumed, {}),
    ],
)
def test_a_step_that_the_policy_or_the_status_forbids_changes_nothing_but_ownership(desk, kind, fields):
    desk.open(category="usage")
    decided = desk.act(kind, "bob", **fields)
    assert decided.refusal is not None
    assert [event.kind for event in decided.draft.events] == ["accepted"]


def test_a_vendor_gets_the_case_and_nothing_internal(desk, policy):
    draft = desk.open(category="printer", location="canary-location", contact="canary-contact")
    party = Party(UUID(int=2), "canary-party", "canary-name", "canary@mail.example", "canary-phone", "canary-contact")
    posts = announce(draft, policy, party)
    assert [post.destination.namespace for post in posts] == ["v-main.printer"]
    assert b"canary" not in posts[0].data.model_dump_json().encode()


def test_people_in_house_get_who_and_where(desk, policy):
    draft = desk.open(category="usage", location="room 4", contact="ext. 12")
    offered = announce(draft, policy, Party(UUID(int=2), "ann", "Ann", contact="ext. 12"))[0].data
    assert isinstance(offered, work.WorkOffered)
    assert offered.internal is not None
    assert (offered.internal.requester_name, offered.internal.contact, offered.internal.location) == (
        "Ann",
        "ext. 12",
        "room 4",
    )


def test_an_accepted_and_resolved_outcome_in_one_needs_no_assignment_message(desk, policy):
    desk.open(category="usage")
    decided = desk.act(outcomes.WorkResolved, how="told them how")
    assert announce(decided.draft, policy, None) == []


def test_the_description_is_scored_by_what_its_category_asks_for(policy):
    report = intake.ProblemReport(requester=intake.Requester(party="ann", phone="12"), title="Broken")
    score = score_description(policy.category("usage"), facts_told(report))
    assert score.missing == ("location",)
    assert score.share == pytest.approx(2 / 3, abs=1e-3)


def test_a_department_that_overrides_wins_over_the_category_and_says_so(desk):
    desk.open(category="usage", department="networks")
    assert desk.ticket.group == "network"
    assert desk.ticket.rule == "department networks"


def test_an_unknown_category_is_taken_as_the_default_and_says_so(desk):
    desk.open(category="telepathy")
    assert desk.ticket.category == "usage"
    assert "telepathy is not known" in desk.ticket.explanation[0]


def test_priority_comes_from_impact_and_urgency(desk):
    desk.open(impact=1, urgency=2)
    assert desk.ticket.priority == 2
