"""The priority of a ticket whose impact or urgency turns out to be other than was told."""

from __future__ import annotations

from tierdesk_contracts import ticket as events
from tierdesk_policy import Policy
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.ticket import Ticket


def reweigh(draft: Draft, policy: Policy, *, impact: int | None, urgency: int | None) -> None:
    """Weigh the ticket anew by what is told; nothing is noted when neither changes."""
    ticket = draft.ticket
    impact = impact or ticket.impact or policy.default_impact
    urgency = urgency or ticket.urgency or policy.default_urgency
    if (impact, urgency) != (ticket.impact, ticket.urgency):
        priority = _weigh(ticket, policy, impact, urgency)
        draft.record(events.Reprioritised, impact=impact, urgency=urgency, priority=priority)


def _weigh(ticket: Ticket, policy: Policy, impact: int, urgency: int) -> int:
    """The priority of another impact and urgency; at least as pressing as a rule had made it, where one had."""
    before = policy.priority(ticket.impact or policy.default_impact, ticket.urgency or policy.default_urgency)
    by_matrix = policy.priority(impact, urgency)
    return by_matrix if ticket.priority is None or ticket.priority >= before else min(by_matrix, ticket.priority)
