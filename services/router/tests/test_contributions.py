"""Swarm and carry-through: others take part, and the ticket stays with its owner."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ticket_desk import NOW

from tierdesk_contracts import intake, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import RejectReason, Role, Status, StepTried, WithdrawReason
from tierdesk_policy import Policy
from tierdesk_router.domain.contributions import MOST_CONTRIBUTIONS, expire_invitations
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.requests import answer_request


def invite(desk, group="network"):
    """Invite a group, and answer the assignment that it is offered."""
    decided = desk.act(outcomes.WorkInvited, to_group=group, question="Is it the net?")
    assert decided.refusal is None
    return desk.ticket.contributions[-1]


def test_a_swarm_moves_no_ticket_and_its_owner_hears_what_the_expert_found(desk):
    desk.open_described("crisis")
    part = invite(desk)
    (offer,) = desk.told("network")
    assert isinstance(offer, work.WorkOffered)
    assert (offer.role, offer.question) == (Role.CONTRIBUTOR, "Is it the net?")
    desk.act(outcomes.WorkAccepted, "mia", live=part)
    (assigned,) = desk.told("network")
    assert (assigned.worker, assigned.role) == ("mia", Role.CONTRIBUTOR)
    (update,) = desk.told("service-desk")
    assert (update.contribution.word, update.contribution.worker) == ("joined", "mia")
    desk.act(outcomes.WorkContributed, "mia", live=part, findings="A loop in the switch.")
    (update,) = desk.told("service-desk")
    assert update.contribution.text == "A loop in the switch."
    assert desk.ticket.contributions == ()
    assert (desk.ticket.tier, desk.ticket.group, desk.ticket.assignment.worker) == ("l1", "service-desk", "bob")
    assert desk.ticket.hand_offs == 0


def test_in_a_swarm_nothing_is_escalated(desk):
    desk.open_described("crisis")
    decided = desk.act(outcomes.WorkEscalated, reason="beyond_scope")
    assert decided.refusal.reason is RejectReason.FORBIDDEN
    assert "invite" in decided.refusal.detail


def test_carried_through_all_tiers_it_keeps_its_owner_and_the_vendor_is_invited(desk):
    desk.open_described("trusted")
    desk.act(outcomes.WorkAccepted)
    owner = desk.ticket.assignment
    for tier in ("l2", "l4"):
        assert desk.act(outcomes.WorkCarried, reason="beyond_scope", findings="secret", to_tier=tier).refusal is None
        assert desk.ticket.tier == tier
        assert desk.ticket.assignment == owner
    (part,) = desk.ticket.contributions
    assert part.vendor == "printer"
    (offer,) = [post.data for post in desk.posts if post.destination.namespace]
    assert "secret" not in offer.model_dump_json()
    assert desk.act(outcomes.WorkResolved, how="done").refusal is None


def test_what_is_handed_from_tier_to_tier_is_not_carried(desk):
    desk.open_described("laptop")
    assert "escalate it" in desk.act(outcomes.WorkCarried, reason="beyond_scope").refusal.detail


def test_a_contributor_who_knows_of_no_contributions_solves_its_part_and_nothing_more(desk):
    desk.open_described("crisis")
    part = invite(desk)
    desk.act(outcomes.WorkResolved, "mia", live=part, how="Swapped it.", root_cause="Worn")
    assert desk.ticket.status is Status.ACCEPTED
    (update,) = [data for data in desk.told("service-desk") if data.contribution.word == "contributed"]
    assert update.contribution.text == "Swapped it.\nRoot cause: Worn"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (outcomes.WorkEscalated, {"reason": "beyond_scope"}),
        (outcomes.WorkTransferred, {"to_group": "duty"}),
        (outcomes.WorkInvited, {"to_group": "workplace", "question": "?"}),
        (outcomes.WorkCarried, {"reason": "beyond_scope"}),
        (outcomes.WorkProgressed, {"answer": "Hello requester"}),
    ],
)
def test_a_contributor_moves_nothing_and_answers_nobody(desk, kind, fields):
    desk.open_described("crisis")
    part = invite(desk)
    decided = desk.act(kind, "mia", live=part, **fields)
    assert decided.refusal.reason is RejectReason.FORBIDDEN
    assert [event.kind for event in decided.draft.events] == ["joined"]


def test_a_second_worker_does_not_take_a_contribution_over(desk):
    desk.open_described("crisis")
    part = invite(desk)
    desk.act(outcomes.WorkAccepted, "mia", live=part)
    with pytest.raises(Refusal) as refused:
        desk.act(outcomes.WorkContributed, "leo", live=part, findings="me too")
    assert refused.value.reason is RejectReason.NOT_OWNER


def test_when_the_owner_has_done_contributors_are_released_and_say_nothing_more(desk):
    desk.open_described("crisis")
    part = invite(desk)
    desk.act(outcomes.WorkAccepted, "mia", live=part)
    desk.act(outcomes.WorkResolved, how="done")
    (withdrawn,) = desk.told("network")
    assert isinstance(withdrawn, work.WorkWithdrawn)
    assert withdrawn.reason is WithdrawReason.OWNER_DONE
    with pytest.raises(Refusal) as refused:
        desk.act(outcomes.WorkContributed, "mia", live=part, findings="late")
    assert refused.value.reason is RejectReason.STALE


def test_a_cancelled_ticket_releases_its_contributors(desk):
    desk.open_described("crisis")
    invite(desk)
    draft = answer_request(desk.ticket, intake.Cancelled(), at=NOW, policy=desk.policy, new_id=desk.new_id)
    assert [event.kind for event in draft.events] == ["released", "withdrawn", "cancelled"]


def test_an_invitation_that_nobody_accepts_is_made_anew_and_then_the_owner_is_told(desk):
    desk.open_described("crisis")
    part = invite(desk, "duty")
    words = []
    for _ in range(3):
        part = desk.ticket.contributions[0]
        soon = part.accept_by - timedelta(seconds=1)
        assert expire_invitations(desk.ticket, desk.policy, now=soon, new_id=desk.new_id) is None
        desk.take(expire_invitations(desk.ticket, desk.policy, now=part.accept_by, new_id=desk.new_id))
        words += [data.contribution.word for data in desk.told("service-desk")]
    assert desk.ticket.contributions == ()
    assert words == ["not_accepted"]
    assert desk.ticket.assignment.worker == "bob"


def test_a_group_is_invited_once_at_a_time_and_not_more_than_so_many(desk, policy):
    desk.open_described("crisis")
    invite(desk)
    again = desk.act(outcomes.WorkInvited, to_group="network", question="and?")
    assert "invited already" in again.refusal.detail
    parts = tuple(desk.ticket.contributions[0] for _ in range(MOST_CONTRIBUTIONS))
    desk.ticket = desk.ticket.model_copy(update={"contributions": parts})
    assert "wait" in desk.act(outcomes.WorkInvited, to_group="duty", question="?").refusal.detail


def test_a_vendor_that_owns_a_ticket_invites_nobody(desk):
    desk.open_described("printer")
    assert "vendor" in desk.act(outcomes.WorkInvited, "vic", to_group="network", question="?").refusal.detail


def test_an_invited_vendor_tells_no_facts_about_the_requester(desk):
    desk.open_described("crisis")
    part = invite(desk, "printer-vendor")
    decided = desk.act(outcomes.WorkProgressed, "vic", live=part, contact="call my line")
    assert decided.refusal.reason is RejectReason.FORBIDDEN


def test_facts_that_a_guest_tells_reach_the_owner_and_count_in_the_priority(desk):
    desk.open_described("crisis")
    part = invite(desk)
    before = desk.ticket.priority
    desk.act(outcomes.WorkProgressed, "mia", live=part, location="B3", urgency=1)
    (internal,) = [data.internal for data in desk.told("service-desk") if data.internal is not None]
    assert internal.location == "B3"
    assert desk.ticket.priority < before


def test_what_a_guest_notes_does_not_break_the_owners_silence(desk):
    desk.open_described("crisis")
    part = invite(desk)
    heard = desk.ticket.assignment.heard_at
    desk.act(outcomes.WorkProgressed, "mia", live=part, note="hm")
    assert desk.ticket.assignment.heard_at == heard


def test_steps_that_a_guest_tells_count_as_told(desk, policy):
    document = policy.document()
    document["categories"] = [category | {"description_facts": ["steps_tried"]} for category in document["categories"]]
    desk.policy = Policy.from_document(document)
    desk.open_described("crisis")
    assert desk.ticket.missing_facts == ("steps_tried",)
    part = invite(desk)
    desk.act(outcomes.WorkContributed, "mia", live=part, findings="It is.", steps_tried=(StepTried(step="pinged it"),))
    assert desk.ticket.missing_facts == ()


def test_who_joins_and_declines_in_one_step_is_assigned_nothing(desk):
    desk.open_described("crisis")
    part = invite(desk)
    desk.act(outcomes.WorkReturned, "mia", live=part, reason="not_ours")
    assert desk.told("network") == []
    assert [data.contribution.word for data in desk.told("service-desk")] == ["joined", "declined"]


def test_machines_are_not_invited(desk):
    desk.open_described("crisis")
    assert "by machine" in desk.act(outcomes.WorkInvited, to_group="self-service", question="?").refusal.detail


def test_a_vendor_hands_a_swarmed_ticket_back_all_the_same(desk, policy):
    document = policy.document()
    for category in document["categories"]:
        if category["id"] == "printer":
            category["mode"] = "swarm"
    desk.policy = Policy.from_document(document)
    desk.open_described("printer")
    decided = desk.act(outcomes.WorkEscalated, "vic", reason="findings", to_tier="l2")
    assert decided.refusal is None
    assert desk.ticket.tier == "l2"


def test_a_carried_ticket_is_transferred_to_its_owners_colleagues_alone(desk):
    desk.open_described("trusted")
    desk.act(outcomes.WorkCarried, reason="beyond_scope", to_tier="l2", override="in haste")
    assert desk.act(outcomes.WorkTransferred, to_group="network").refusal is not None
    assert desk.act(outcomes.WorkTransferred, to_group="duty").refusal is None


def test_no_ticket_goes_to_a_vendor_whose_contract_does_not_cover_it_unless_it_is_named(desk):
    desk.open_described("laptop")
    decided = desk.act(outcomes.WorkEscalated, reason="needs_vendor", to_tier="l4", override="in haste")
    assert "no contract" in decided.refusal.detail
    named = desk.act(outcomes.WorkEscalated, reason="needs_vendor", to_group="printer-vendor", override="in haste")
    assert named.refusal is None
