"""What a tier may do with work that it was offered: the fence, and the decision for each outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, OfferReason, RejectReason
from tierdesk_policy import Mode, Policy
from tierdesk_router.domain.contributions import contribute, find_invited, invite
from tierdesk_router.domain.description import FACTS_IN_HOUSE, check_description, describe_by, describe_by_steps
from tierdesk_router.domain.documentation import check_documented, documentation
from tierdesk_router.domain.escalation import check_mode, find_target, find_transfer
from tierdesk_router.domain.lifecycle import Draft, IllegalMoveError
from tierdesk_router.domain.offers import NewId, offer, release_contributions
from tierdesk_router.domain.priority import reweigh
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Assignment, Ticket

_VENDORS_PART: Final = "The desk carries this case itself and asks for your part of it."


def check_fence(ticket: Ticket, outcome: outcomes.Outcome) -> Assignment:
    """The live assignment, owning or contributing, if it is (assignment, token, worker)'s. Raises `Refusal`."""
    named = (outcome.assignment_id, outcome.token)
    parts = (ticket.assignment, *ticket.contributions)
    live = next((part for part in parts if part is not None and (part.id, part.token) == named), None)
    if live is None:
        raise Refusal(RejectReason.STALE, f"token {outcome.token} is void; the ticket's token is {ticket.token}")
    if live.worker is not None and live.worker != outcome.worker:
        raise Refusal(RejectReason.NOT_OWNER, f"{live.worker} has it")
    return live


@dataclass(frozen=True, slots=True)
class Decided:
    """What an outcome did: the events in `draft`, and the refusal if it was refused beyond its acceptance."""

    draft: Draft
    refusal: Refusal | None


def decide_outcome(
    ticket: Ticket, outcome: outcomes.Outcome, *, at: datetime, policy: Policy, new_id: NewId
) -> Decided:
    """Apply an outcome that is next in order. Raises `Refusal` when it does not pass the fence.

    The first outcome of an offer implies its acceptance, also when the rest of it is refused: its worker owns the
    work from then on and may try something else.
    """
    live = check_fence(ticket, outcome)
    kind = ActorKind.WORKER if live.vendor is None else ActorKind.VENDOR
    draft = Draft(ticket, at=at, actor=Actor(kind=kind, id=outcome.worker))
    owns = ticket.assignment is not None and ticket.assignment.id == live.id
    if live.worker is None:
        draft.record(events.Accepted if owns else events.Joined, assignment_id=live.id, worker=outcome.worker)
    accepted, count = draft.ticket, len(draft.events)
    try:
        if owns:
            _OUTCOMES[type(outcome)](draft, outcome, policy, new_id)
        else:
            contribute(draft, live, outcome, policy)
    except IllegalMoveError as error:
        refusal = Refusal(RejectReason.FORBIDDEN, str(error))
    except Refusal as error:
        refusal = error
    else:
        return Decided(draft, None)
    draft.ticket = accepted
    del draft.events[count:]
    return Decided(draft, refusal)


def _accept(draft: Draft, outcome: outcomes.WorkAccepted, policy: Policy, new_id: NewId) -> None:
    """Acceptance itself is recorded for every first outcome."""


def _progress(draft: Draft, outcome: outcomes.WorkProgressed, policy: Policy, new_id: NewId) -> None:
    del new_id
    assert draft.ticket.assignment is not None
    told = (outcome.location, outcome.contact, outcome.affected, outcome.department)
    if draft.ticket.assignment.vendor is not None and any(told):
        raise Refusal(RejectReason.FORBIDDEN, FACTS_IN_HOUSE)
    draft.record(
        events.Progressed,
        assignment_id=outcome.assignment_id,
        note=outcome.note,
        answer=outcome.answer,
        steps_tried=outcome.steps_tried,
    )
    describe_by(draft, policy, outcome)
    reweigh(draft, policy, impact=outcome.impact, urgency=outcome.urgency)


def _pause(draft: Draft, outcome: outcomes.WorkPaused, policy: Policy, new_id: NewId) -> None:
    del policy, new_id
    draft.record(events.Paused, assignment_id=outcome.assignment_id, party=outcome.party, note=outcome.note)


def _resume(draft: Draft, outcome: outcomes.WorkResumed, policy: Policy, new_id: NewId) -> None:
    del policy, new_id
    draft.record(events.Resumed, assignment_id=outcome.assignment_id, note=outcome.note)


def _resolve(draft: Draft, outcome: outcomes.WorkResolved, policy: Policy, new_id: NewId) -> None:
    del new_id
    check_documented(draft.ticket, outcome, policy)
    _note_steps(draft, outcome, policy)
    release_contributions(draft)
    draft.record(
        events.Resolved,
        assignment_id=outcome.assignment_id,
        how=outcome.how,
        root_cause=outcome.root_cause,
        **documentation(draft.ticket, outcome, policy),
    )


def _escalate(draft: Draft, outcome: outcomes.WorkEscalated, policy: Policy, new_id: NewId) -> None:
    ticket = draft.ticket
    if not _is_passed_through(ticket, policy):
        check_mode(ticket, policy, Mode.TIERED)
    target = find_target(ticket, policy, to_tier=outcome.to_tier, to_group=outcome.to_group)
    describe_by_steps(draft, policy, outcome.steps_tried)
    check_description(draft.ticket, policy, to_tier=target.tier, override=outcome.override)
    release_contributions(draft)
    draft.record(
        events.Escalated,
        assignment_id=outcome.assignment_id,
        reason=outcome.reason,
        findings=outcome.findings,
        steps_tried=outcome.steps_tried,
        to_tier=target.tier,
        to_group=target.id,
        override=outcome.override,
        contact_owner=_contact_owner(ticket, policy, outcome.worker, target.tier),
    )
    offer(draft, target, policy, reason=OfferReason.ESCALATION, at=draft.at, new_id=new_id)


def _is_passed_through(ticket: Ticket, policy: Policy) -> bool:
    """Whether machines or a vendor have it, who neither gather a swarm nor carry anything: they hand it on."""
    assert ticket.assignment is not None
    return ticket.assignment.vendor is not None or policy.tier(ticket.assignment.tier).hands_on_incomplete


def _contact_owner(ticket: Ticket, policy: Policy, worker: str, to_tier: str) -> str | None:
    """Who stays the requester's contact: the first of the people in house who hands it up."""
    assert ticket.tier is not None
    if ticket.contact_owner is not None:
        return None
    goes_up = policy.height(to_tier) > policy.height(ticket.tier)
    return worker if goes_up and not _is_passed_through(ticket, policy) else None


def _carry(draft: Draft, outcome: outcomes.WorkCarried, policy: Policy, new_id: NewId) -> None:
    check_mode(draft.ticket, policy, Mode.CARRY_THROUGH)
    _check_in_house(draft.ticket)
    target = find_target(draft.ticket, policy, to_tier=outcome.to_tier, to_group=None)
    describe_by_steps(draft, policy, outcome.steps_tried)
    check_description(draft.ticket, policy, to_tier=target.tier, override=outcome.override)
    draft.record(
        events.Carried,
        assignment_id=outcome.assignment_id,
        reason=outcome.reason,
        findings=outcome.findings,
        steps_tried=outcome.steps_tried,
        to_tier=target.tier,
        override=outcome.override,
        contact_owner=_contact_owner(draft.ticket, policy, outcome.worker, target.tier),
    )
    if target.vendor is not None and all(one.group != target.id for one in draft.ticket.contributions):
        invite(draft, target, policy, question=_VENDORS_PART, at=draft.at, new_id=new_id)


def _invite(draft: Draft, outcome: outcomes.WorkInvited, policy: Policy, new_id: NewId) -> None:
    _check_in_house(draft.ticket)
    group = find_invited(draft.ticket, policy, outcome.to_group)
    invite(draft, group, policy, question=outcome.question, at=draft.at, new_id=new_id)


def _check_in_house(ticket: Ticket) -> None:
    """What others find is told to the owner in full, and so not to a vendor."""
    if ticket.assignment is not None and ticket.assignment.vendor is not None:
        raise Refusal(RejectReason.FORBIDDEN, "a vendor invites nobody: hand it back with what you found")


def _contribute(draft: Draft, outcome: outcomes.WorkContributed, policy: Policy, new_id: NewId) -> None:
    del draft, outcome, policy, new_id
    raise Refusal(RejectReason.FORBIDDEN, "its owner does not contribute: resolve it, or hand it on")


def _transfer(draft: Draft, outcome: outcomes.WorkTransferred, policy: Policy, new_id: NewId) -> None:
    target = find_transfer(draft.ticket, policy, outcome.to_group)
    _note_steps(draft, outcome, policy)
    release_contributions(draft)
    draft.record(events.Transferred, assignment_id=outcome.assignment_id, findings=outcome.findings, to_group=target.id)
    offer(draft, target, policy, reason=OfferReason.TRANSFER, at=draft.at, new_id=new_id)


def _give_back(draft: Draft, outcome: outcomes.WorkReturned, policy: Policy, new_id: NewId) -> None:
    senders = draft.ticket.senders
    if not senders:
        raise Refusal(RejectReason.FORBIDDEN, "nobody handed it on: transfer or escalate it instead")
    sender = policy.group(senders[-1])
    _note_steps(draft, outcome, policy)
    release_contributions(draft)
    draft.record(
        events.Returned,
        assignment_id=outcome.assignment_id,
        reason=outcome.reason,
        findings=outcome.findings,
        to_tier=sender.tier,
        to_group=sender.id,
    )
    offer(draft, sender, policy, reason=OfferReason.RETURN, at=draft.at, new_id=new_id)


def _note_steps(
    draft: Draft, outcome: outcomes.WorkResolved | outcomes.WorkTransferred | outcomes.WorkReturned, policy: Policy
) -> None:
    if outcome.steps_tried:
        draft.record(events.Progressed, assignment_id=outcome.assignment_id, steps_tried=outcome.steps_tried)
        describe_by_steps(draft, policy, outcome.steps_tried)


_OUTCOMES: Final[dict[type[Any], Callable[[Draft, Any, Policy, NewId], None]]] = {
    outcomes.WorkAccepted: _accept,
    outcomes.WorkProgressed: _progress,
    outcomes.WorkPaused: _pause,
    outcomes.WorkResumed: _resume,
    outcomes.WorkResolved: _resolve,
    outcomes.WorkEscalated: _escalate,
    outcomes.WorkCarried: _carry,
    outcomes.WorkInvited: _invite,
    outcomes.WorkContributed: _contribute,
    outcomes.WorkTransferred: _transfer,
    outcomes.WorkReturned: _give_back,
}
