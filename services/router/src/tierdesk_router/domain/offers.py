"""Offers: to whom, until when, and what happens to one that nobody accepts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, OfferReason, WithdrawReason
from tierdesk_policy import BusinessTimeError, Group, Policy
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.ticket import Ticket

NewId = Callable[[], UUID]

DESK: Final = Actor(kind=ActorKind.DESK, id="router")
"""Who acts when the policy decides."""


def offer(draft: Draft, group: Group, policy: Policy, *, reason: OfferReason, at: datetime, new_id: NewId) -> None:
    """Offer the ticket to `group`, under a new token. `attempt` counts unaccepted offers to that group in a row."""
    attempt = 1
    if reason is OfferReason.NOT_ACCEPTED:
        previous = next(event for event in reversed(draft.events) if isinstance(event, events.Withdrawn))
        attempt = _attempts_so_far(draft, previous, group) + 1
    draft.record(
        events.Offered,
        actor=DESK,
        assignment_id=new_id(),
        token=draft.ticket.token + 1,
        tier=group.tier,
        group=group.id,
        vendor=group.vendor,
        reason=reason,
        attempt=attempt,
        accept_by=due_to_accept(group, policy, at),
    )


def due_to_accept(group: Group, policy: Policy, at: datetime) -> datetime | None:
    """Until when a group has time to accept, in its own hours; None where its calendar never comes that far."""
    try:
        return policy.calendar(group.calendar).add(at, policy.offer_rule(group.id).accept_within_seconds)
    except BusinessTimeError:
        return None


def _attempts_so_far(draft: Draft, withdrawn: events.Withdrawn, group: Group) -> int:
    before = draft.before.assignment
    same = before is not None and before.id == withdrawn.assignment_id and before.group == group.id
    return before.attempt if same and before is not None else 0


def expire_offer(ticket: Ticket, policy: Policy, *, now: datetime, new_id: NewId) -> Draft | None:
    """Withdraw an offer that nobody accepted in time and make it anew; None when it is not due (any more).

    The same group is asked as often as its rule says, then its fallback; a group without one is asked again for ever.
    """
    assignment = ticket.assignment
    if assignment is None or assignment.worker is not None or assignment.accept_by is None:
        return None
    if assignment.accept_by > now:
        return None
    group = policy.group(assignment.group)
    if assignment.attempt >= policy.offer_rule(group.id).attempts and group.fallback is not None:
        group = policy.group(group.fallback)
    return _offer_anew(ticket, group, policy, now=now, new_id=new_id)


def renew_offer(ticket: Ticket, policy: Policy, *, now: datetime, new_id: NewId) -> Draft | None:
    """Take back an offer that nobody has accepted, due or not, and make it anew to the same group, as one more attempt.

    For a bus that has lost messages: the group may never have seen the offer, or its answer may be lost. None for a
    ticket that is not offered, or that somebody has accepted.
    """
    assignment = ticket.assignment
    if assignment is None or assignment.worker is not None:
        return None
    return _offer_anew(ticket, policy.group(assignment.group), policy, now=now, new_id=new_id)


def _offer_anew(ticket: Ticket, group: Group, policy: Policy, *, now: datetime, new_id: NewId) -> Draft:
    draft = Draft(ticket, at=now, actor=DESK)
    withdraw(draft, WithdrawReason.NOT_ACCEPTED)
    offer(draft, group, policy, reason=OfferReason.NOT_ACCEPTED, at=now, new_id=new_id)
    return draft


def withdraw(draft: Draft, reason: WithdrawReason) -> None:
    """Take the owning assignment back, if there is one, and with it all contributions."""
    release_contributions(draft, reason)
    assignment = draft.ticket.assignment
    if assignment is not None:
        draft.record(events.Withdrawn, actor=DESK, assignment_id=assignment.id, token=assignment.token, reason=reason)


def release_contributions(draft: Draft, reason: WithdrawReason = WithdrawReason.OWNER_DONE) -> None:
    """Take all invitations and contributions back, before the owner's assignment ends."""
    for part in draft.ticket.contributions:
        draft.record(events.Released, actor=DESK, assignment_id=part.id, token=part.token, reason=reason)


def close_resolved(ticket: Ticket, policy: Policy, *, now: datetime) -> Draft | None:
    """Close a resolved ticket whose time to object has passed; None when it is not due."""
    due = close_due(ticket, policy)
    if due is None or due > now:
        return None
    draft = Draft(ticket, at=now, actor=DESK)
    draft.record(events.Closed, comment="Nobody objected in time.")
    return draft


def close_due(ticket: Ticket, policy: Policy) -> datetime | None:
    """When a resolved ticket closes by itself, in business time; None for any other."""
    if ticket.resolved_at is None or ticket.closed_at is not None:
        return None
    return policy.calendar("elapsed").add(ticket.resolved_at, policy.close_after_seconds)
