"""What each event changes of a ticket besides its status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_contracts.vocabulary import ActorKind, OfferReason, StepTried, WithdrawReason
from tierdesk_router.domain.chain_effects import CHAIN_EFFECTS
from tierdesk_router.domain.ticket import Assignment, Ticket

STEPS_KEPT: Final = 100
"""So many steps tried, the newest, stand in a ticket's row and go out with each offer; the log keeps all."""


def _triaged(_: Ticket, event: events.Triaged) -> dict[str, Any]:
    return {
        "category": event.category,
        "impact": event.impact,
        "urgency": event.urgency,
        "priority": event.priority,
        "tier": event.tier,
        "group": event.group,
        "completeness": event.completeness,
        "missing_facts": event.missing_facts,
        "rule": event.explanation.rule,
        "explanation": event.explanation.because,
    }


def assignment_of(event: events.Offered | events.Invited) -> Assignment:
    """The assignment that an offer or an invitation makes."""
    return Assignment(
        id=event.assignment_id,
        token=event.token,
        tier=event.tier,
        group=event.group,
        vendor=event.vendor,
        reason=event.reason if isinstance(event, events.Offered) else OfferReason.INVITATION,
        attempt=event.attempt,
        offered_at=event.at,
        accept_by=event.accept_by,
        question=event.question if isinstance(event, events.Invited) else "",
    )


def accepted_by(assignment: Assignment, worker: str) -> Assignment:
    """The same assignment once a worker has it."""
    return assignment.model_copy(update={"worker": worker, "accept_by": None})


def _offered(_: Ticket, event: events.Offered) -> dict[str, Any]:
    return {"assignment": assignment_of(event), "token": event.token, "tier": event.tier, "group": event.group}


def _described(ticket: Ticket, event: events.Described) -> dict[str, Any]:
    told = {name: getattr(event, name) for name in ("location", "affected", "department")}
    change: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    return change | {
        "completeness": event.completeness,
        "missing_facts": event.missing_facts,
        "steps_tried": _add_steps(ticket, event.steps_tried),
    }


def _accepted(ticket: Ticket, event: events.Accepted) -> dict[str, Any]:
    assert ticket.assignment is not None
    accepted = accepted_by(ticket.assignment, event.worker).model_copy(update={"heard_at": event.at})
    return {"assignment": accepted, "unaccepted": 0}


def _heard(ticket: Ticket, at: datetime | None) -> dict[str, Any]:
    """The owner spoke; with `at` None its work waits for others, whose silence is not its own."""
    assert ticket.assignment is not None
    return {"assignment": ticket.assignment.model_copy(update={"heard_at": at, "chains_of_silence": ()})}


def _said(ticket: Ticket, event: TicketEvent) -> dict[str, Any]:
    """The owner said something, and goes on as before."""
    return _heard(ticket, None if ticket.paused_for is not None else event.at)


def _progressed(ticket: Ticket, event: events.Progressed) -> dict[str, Any]:
    assert ticket.assignment is not None
    by_owner = event.assignment_id == ticket.assignment.id  # what a guest notes does not break the owner's silence
    change = _said(ticket, event) if by_owner else {}
    return change | {"steps_tried": _add_steps(ticket, event.steps_tried)}


def _add_steps(ticket: Ticket, steps: tuple[StepTried, ...]) -> tuple[StepTried, ...]:
    return (ticket.steps_tried + steps)[-STEPS_KEPT:]


def _handed_on(ticket: Ticket, event: events.Escalated | events.Transferred) -> dict[str, Any]:
    sender = () if ticket.group is None else (ticket.group,)
    steps = event.steps_tried if isinstance(event, events.Escalated) else ()
    contact = event.contact_owner if isinstance(event, events.Escalated) else None
    return {
        "assignment": None,
        "contact_owner": ticket.contact_owner or contact,
        "senders": (ticket.senders + sender)[-50:],
        "findings": event.findings or ticket.findings,
        "steps_tried": _add_steps(ticket, steps),
        "hand_offs": ticket.hand_offs + 1,
        "paused_for": None,
    }


def _carried(ticket: Ticket, event: events.Carried) -> dict[str, Any]:
    return _said(ticket, event) | {
        "tier": event.to_tier,
        "contact_owner": ticket.contact_owner or event.contact_owner,
        "findings": event.findings or ticket.findings,
        "steps_tried": _add_steps(ticket, event.steps_tried),
    }


def _invited(ticket: Ticket, event: events.Invited) -> dict[str, Any]:
    change = _said(ticket, event) if event.actor.kind is not ActorKind.DESK else {}
    return change | {"contributions": (*ticket.contributions, assignment_of(event)), "token": event.token}


def _joined(ticket: Ticket, event: events.Joined) -> dict[str, Any]:
    return {
        "contributions": tuple(
            accepted_by(one, event.worker) if one.id == event.assignment_id else one for one in ticket.contributions
        )
    }


def _contribution_over(ticket: Ticket, event: events.Contributed | events.Declined | events.Released) -> dict[str, Any]:
    steps = event.steps_tried if isinstance(event, events.Contributed) else ()
    left = tuple(one for one in ticket.contributions if one.id != event.assignment_id)
    return {"contributions": left, "steps_tried": _add_steps(ticket, steps)}


def _returned(ticket: Ticket, event: events.Returned) -> dict[str, Any]:
    return {
        "assignment": None,
        "senders": ticket.senders[:-1],
        "findings": event.findings or ticket.findings,
        "hand_offs": ticket.hand_offs + 1,
        "paused_for": None,
    }


def _withdrawn(ticket: Ticket, event: events.Withdrawn) -> dict[str, Any]:
    unaccepted = ticket.unaccepted + (event.reason is WithdrawReason.NOT_ACCEPTED)
    return {"assignment": None, "paused_for": None, "unaccepted": unaccepted}


def _without_problem(ticket: Ticket, event: events.Gathered | events.Ungathered) -> tuple[str, ...]:
    return tuple(reference for reference in ticket.problems if reference != event.problem_reference)


EFFECTS: Final[Mapping[str, Callable[[Ticket, Any], dict[str, Any]]]] = {
    "triaged": _triaged,
    "offered": _offered,
    "described": _described,
    "accepted": _accepted,
    "progressed": _progressed,
    "reprioritised": lambda _, event: {
        "impact": event.impact,
        "urgency": event.urgency,
        "priority": event.priority,
    },
    "paused": lambda ticket, event: _heard(ticket, None) | {"paused_for": event.party.value},
    "resumed": lambda ticket, event: _heard(ticket, event.at) | {"paused_for": None},
    "resolved": lambda ticket, event: {
        "assignment": None,
        "paused_for": None,
        "resolved_at": event.at,
        "article_id": event.article_id or ticket.article_id,
    },
    "closed": lambda _, event: {"closed_at": event.at},
    "reopened": lambda _, __: {"resolved_at": None, "closed_at": None},
    "escalated": _handed_on,
    "carried": _carried,
    "invited": _invited,
    "joined": _joined,
    "contributed": _contribution_over,
    "declined": _contribution_over,
    "released": _contribution_over,
    "merged": lambda _, event: {"merged_into": event.into},
    "split": lambda ticket, event: {"parts": (*ticket.parts, event.ticket)},
    "split_off": lambda _, event: {"split_from": event.ticket},
    "transferred": _handed_on,
    "returned": _returned,
    "withdrawn": _withdrawn,
    "matched": lambda _, event: {"article_id": event.article_id, "article_title": event.title},
    **CHAIN_EFFECTS,
    "gathered": lambda ticket, event: {"problems": (*_without_problem(ticket, event), event.problem_reference)},
    "ungathered": lambda ticket, event: {"problems": _without_problem(ticket, event)},
}
