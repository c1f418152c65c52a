"""Contributions: what those do whom a ticket's owner has invited. They help; only the owner moves the ticket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import MAX_TEXT, RejectReason, WithdrawReason
from tierdesk_policy import Group, Policy, UnknownNameError
from tierdesk_router.domain.description import FACTS_IN_HOUSE, describe_by, describe_by_steps
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.offers import DESK, NewId, due_to_accept
from tierdesk_router.domain.priority import reweigh
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Assignment, Ticket

MOST_CONTRIBUTIONS: Final = 20
"""So many contribute to one ticket at once, at the most."""
_MOVES_NOTHING: Final = (
    "who contributes moves nothing: say what you found with `contributed`, or decline with `returned`"
)


def invite(
    draft: Draft, group: Group, policy: Policy, *, question: str, at: datetime, new_id: NewId, attempt: int = 1
) -> None:
    """Ask `group` to contribute, under a token of its own. Raises `Refusal(FORBIDDEN)` when too many do already."""
    if len(draft.ticket.contributions) >= MOST_CONTRIBUTIONS:
        raise Refusal(
            RejectReason.FORBIDDEN, f"{MOST_CONTRIBUTIONS} contribute already: wait until one has done its part"
        )
    draft.record(
        events.Invited,
        assignment_id=new_id(),
        token=draft.ticket.token + 1,
        tier=group.tier,
        group=group.id,
        vendor=group.vendor,
        question=question,
        attempt=attempt,
        accept_by=due_to_accept(group, policy, at),
    )


def find_invited(ticket: Ticket, policy: Policy, to_group: str) -> Group:
    """The group to invite, of any tier. Raises `Refusal(FORBIDDEN)` for one that is unknown or has it already."""
    try:
        group = policy.group(to_group)
    except UnknownNameError as error:
        raise Refusal(RejectReason.FORBIDDEN, str(error)) from error
    if policy.tier(group.tier).hands_on_incomplete:
        raise Refusal(RejectReason.FORBIDDEN, f"{group.id} is worked by machine, and has nothing to contribute")
    if any(one.group == group.id for one in ticket.contributions):
        raise Refusal(RejectReason.FORBIDDEN, f"{group.id} is invited already")
    return group


def expire_invitations(ticket: Ticket, policy: Policy, *, now: datetime, new_id: NewId) -> Draft | None:
    """Make invitations anew that nobody accepted in time, as often as the group's rule says; None when none is due."""
    due = [one for one in ticket.contributions if one.accept_by is not None and one.accept_by <= now]
    if not due:
        return None
    draft = Draft(ticket, at=now, actor=DESK)
    for one in due:
        draft.record(events.Released, assignment_id=one.id, token=one.token, reason=WithdrawReason.NOT_ACCEPTED)
        if one.attempt < policy.offer_rule(one.group).attempts:
            group = policy.group(one.group)
            invite(draft, group, policy, question=one.question, at=now, new_id=new_id, attempt=one.attempt + 1)
    return draft


def contribute(draft: Draft, part: Assignment, outcome: outcomes.Outcome, policy: Policy) -> None:
    """Apply what an invited worker says. Raises `Refusal(FORBIDDEN)` for what only an owner may."""
    step = _CONTRIBUTIONS.get(type(outcome))
    if step is None:
        raise Refusal(RejectReason.FORBIDDEN, _MOVES_NOTHING)
    step(draft, part, outcome, policy)


def _progress(draft: Draft, part: Assignment, outcome: outcomes.WorkProgressed, policy: Policy) -> None:
    if outcome.answer:
        raise Refusal(RejectReason.FORBIDDEN, "only the owner answers the requester: put it into the note")
    if part.vendor is not None and (outcome.location or outcome.contact or outcome.affected or outcome.department):
        raise Refusal(RejectReason.FORBIDDEN, FACTS_IN_HOUSE)
    draft.record(events.Progressed, assignment_id=part.id, note=outcome.note, steps_tried=outcome.steps_tried)
    if part.vendor is None:
        describe_by(draft, policy, outcome)
        reweigh(draft, policy, impact=outcome.impact, urgency=outcome.urgency)


def _pause(draft: Draft, part: Assignment, outcome: outcomes.WorkPaused, policy: Policy) -> None:
    del policy
    draft.record(
        events.Progressed, assignment_id=part.id, note=f"Waits for: {outcome.party.value}. {outcome.note}"[:MAX_TEXT]
    )


def _resume(draft: Draft, part: Assignment, outcome: outcomes.WorkResumed, policy: Policy) -> None:
    del policy
    draft.record(events.Progressed, assignment_id=part.id, note=f"Goes on. {outcome.note}"[:MAX_TEXT])


def _finish(draft: Draft, part: Assignment, outcome: outcomes.WorkContributed, policy: Policy) -> None:
    draft.record(events.Contributed, assignment_id=part.id, findings=outcome.findings, steps_tried=outcome.steps_tried)
    describe_by_steps(draft, policy, outcome.steps_tried)


def _solve(draft: Draft, part: Assignment, outcome: outcomes.WorkResolved, policy: Policy) -> None:
    """To a worker who knows of no contributions its part is the whole; whether that solves the ticket, its owner says.

    So it is with an article that it drafts: the owner reads it, and may propose it with the resolution.
    """
    cause = f"\nRoot cause: {outcome.root_cause}" if outcome.root_cause else ""
    drafted = f"\nProposed article: {outcome.draft.title}\n{outcome.draft.body}" if outcome.draft else ""
    draft.record(
        events.Contributed,
        assignment_id=part.id,
        findings=f"{outcome.how}{cause}{drafted}"[:MAX_TEXT],
        steps_tried=outcome.steps_tried,
    )
    describe_by_steps(draft, policy, outcome.steps_tried)


def _decline(draft: Draft, part: Assignment, outcome: outcomes.WorkReturned, policy: Policy) -> None:
    del policy
    draft.record(events.Declined, assignment_id=part.id, reason=outcome.reason, findings=outcome.findings)


_CONTRIBUTIONS: Final[dict[type[Any], Callable[[Draft, Assignment, Any, Policy], None]]] = {
    outcomes.WorkAccepted: lambda *_: None,
    outcomes.WorkProgressed: _progress,
    outcomes.WorkPaused: _pause,
    outcomes.WorkResumed: _resume,
    outcomes.WorkContributed: _finish,
    outcomes.WorkResolved: _solve,
    outcomes.WorkReturned: _decline,
}
