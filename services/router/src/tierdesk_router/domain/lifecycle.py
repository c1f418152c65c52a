"""The ticket's lifecycle: which event may follow in which status, and what a ticket is after it.

`MOVES` is the whole table. `evolve` is total over the events that `MOVES` allows and reads nothing but its arguments,
so that a row always equals its log folded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_contracts.vocabulary import Actor, ActorKind, OfferReason, Status, StepTried, WithdrawReason
from tierdesk_router.domain.chain_effects import CHAIN_EFFECTS, find_ended_chains
from tierdesk_router.domain.ticket import Assignment, Ticket

EventT = TypeVar("EventT", bound=TicketEvent)

_OPEN: Final = (Status.TRIAGED, Status.OFFERED, Status.ACCEPTED, Status.PAUSED)
_ANY: Final = (Status.NEW, *_OPEN, Status.RESOLVED, Status.CLOSED, Status.CANCELLED, Status.MERGED)
_HELD: Final = (Status.ACCEPTED, Status.PAUSED)
_WITHIN_WORK: Final = ("carried", "invited", "joined", "contributed", "declined", "released")

OPEN: Final = frozenset(_OPEN)
"""Decided, and not over."""

STEPS_KEPT: Final = 100
"""So many steps tried, the newest, stand in a ticket's row and go out with each offer; the log keeps all."""

TERMINAL: Final = frozenset({Status.CANCELLED, Status.MERGED})
"""No event leads out of these. A closed ticket may be reopened for a while, and so is not among them."""

MOVES: Final[Mapping[tuple[Status, str], Status]] = {
    (Status.NEW, "triaged"): Status.TRIAGED,
    (Status.TRIAGED, "triaged"): Status.TRIAGED,
    (Status.TRIAGED, "offered"): Status.OFFERED,
    (Status.OFFERED, "accepted"): Status.ACCEPTED,
    **{(held, "progressed"): held for held in _HELD},
    **{(held, kind): held for held in _HELD for kind in _WITHIN_WORK},
    **{(held, "paused"): Status.PAUSED for held in _HELD},
    (Status.PAUSED, "resumed"): Status.ACCEPTED,
    **{(held, "resolved"): Status.RESOLVED for held in _HELD},
    **{(held, kind): Status.TRIAGED for held in _HELD for kind in ("escalated", "transferred", "returned")},
    (Status.OFFERED, "escalated"): Status.TRIAGED,
    **{(live, "withdrawn"): Status.TRIAGED for live in (Status.OFFERED, *_HELD)},
    **{(status, "closed"): Status.CLOSED for status in (Status.TRIAGED, Status.RESOLVED)},
    **{(status, "cancelled"): Status.CANCELLED for status in (Status.NEW, Status.TRIAGED)},
    (Status.TRIAGED, "merged"): Status.MERGED,
    **{(status, "absorbed"): status for status in (*_OPEN, Status.RESOLVED)},
    **{(status, kind): status for status in _OPEN for kind in ("facts_requested", "described")},
    **{(status, "reopened"): Status.TRIAGED for status in (Status.RESOLVED, Status.CLOSED)},
    **{(status, "reprioritised"): status for status in _OPEN},
    **{
        (status, kind): status
        for status in _OPEN
        for kind in ("chain_started", "notified", "step_skipped", "chain_waiting", "acknowledged")
    },
    **{(status, "chain_stopped"): status for status in _ANY[1:]},
    **{(status, kind): status for status in _ANY for kind in ("replied", "called", "matched", "alarm")},
}
"""(status, kind of event) → status after it. What is not here is illegal."""


class IllegalMoveError(Exception):
    """The ticket's status does not allow this event."""

    def __init__(self, status: Status, kind: str) -> None:
        """Names both."""
        super().__init__(f"a ticket that is {status.value} cannot be {kind}")
        self.status = status
        self.kind = kind


class Draft:
    """Events in the making: each is numbered, checked against the table and folded as it is recorded."""

    def __init__(self, ticket: Ticket, *, at: datetime, actor: Actor) -> None:
        """`at` and `actor` hold for every event recorded, unless `record` is told otherwise."""
        self.before = ticket
        self.ticket = ticket
        self.events: list[Any] = []
        self.at = at
        self.actor = actor

    def record(self, event_type: type[EventT], *, actor: Actor | None = None, **fields: Any) -> EventT:
        """Append an event, and the ends of the chains that it stops. Raises `IllegalMoveError`, with nothing recorded."""
        kind = event_type.model_fields["kind"].default
        if (self.ticket.status, kind) not in MOVES:
            raise IllegalMoveError(self.ticket.status, kind)
        event = event_type(sequence=self.ticket.sequence + 1, at=self.at, actor=actor or self.actor, **fields)
        self.ticket = evolve(self.ticket, event)
        self.events.append(event)
        for chain, why in find_ended_chains(self.ticket, event):
            self.record(events.ChainStopped, actor=event.actor, escalation=chain.escalation, why=why)
        return event


def open_ticket(opened: events.Opened, *, tenant: str, ticket_id: UUID, reference: str, policy_version: str) -> Ticket:
    """The ticket after its first event."""
    return Ticket(
        tenant=tenant,
        id=ticket_id,
        reference=reference,
        policy_version=policy_version,
        status=Status.NEW,
        sequence=opened.sequence,
        opened_at=opened.at,
        last_at=opened.at,
        channel=opened.channel,
        requester_id=opened.requester_id,
        title=opened.title,
        text=opened.text,
        asset=opened.asset,
        location=opened.location,
        affected=opened.affected,
        department=opened.department,
        category=opened.category,
        impact=opened.impact,
        urgency=opened.urgency,
        steps_tried=opened.steps_tried,
    )


def evolve(ticket: Ticket, event: TicketEvent) -> Ticket:
    """The ticket after one more event. Raises `IllegalMoveError` for what the table does not allow."""
    kind: str = event.kind  # type: ignore[attr-defined]  # every concrete event has one
    status = MOVES.get((ticket.status, kind))
    if status is None:
        raise IllegalMoveError(ticket.status, kind)
    change: dict[str, Any] = {"status": status, "sequence": event.sequence}
    if event.actor.kind is not ActorKind.DESK:
        change["last_at"] = max(event.at, ticket.last_at)
    effect = _EFFECTS.get(kind)
    if effect is not None:
        change |= effect(ticket, event)
    return ticket.model_copy(update=change)


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
    return _said(ticket, event) | {"steps_tried": _add_steps(ticket, event.steps_tried)}


def _add_steps(ticket: Ticket, steps: tuple[StepTried, ...]) -> tuple[StepTried, ...]:
    return (ticket.steps_tried + steps)[-STEPS_KEPT:]


def _handed_on(ticket: Ticket, event: events.Escalated | events.Transferred) -> dict[str, Any]:
    sender = () if ticket.group is None else (ticket.group,)
    steps = event.steps_tried if isinstance(event, events.Escalated) else ()
    return {
        "assignment": None,
        "contact_owner": ticket.contact_owner or _contact(ticket, event),
        "senders": (ticket.senders + sender)[-50:],
        "findings": event.findings or ticket.findings,
        "steps_tried": _add_steps(ticket, steps),
        "hand_offs": ticket.hand_offs + 1,
        "paused_for": None,
    }


def _contact(ticket: Ticket, event: events.Escalated | events.Transferred | events.Carried) -> str | None:
    """Who stays the requester's contact: the first worker in house who handed the ticket to another tier."""
    live = ticket.assignment
    if live is None or live.vendor is not None or isinstance(event, events.Transferred):
        return None
    return live.worker if event.actor.kind is not ActorKind.DESK else None


def _carried(ticket: Ticket, event: events.Carried) -> dict[str, Any]:
    return _said(ticket, event) | {
        "tier": event.to_tier,
        "contact_owner": ticket.contact_owner or _contact(ticket, event),
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


_EFFECTS: Final[Mapping[str, Callable[[Ticket, Any], dict[str, Any]]]] = {
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
    "transferred": _handed_on,
    "returned": _returned,
    "withdrawn": _withdrawn,
    "matched": lambda _, event: {"article_id": event.article_id, "article_title": event.title},
    **CHAIN_EFFECTS,
}
