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
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status, StepTried
from tierdesk_router.domain.ticket import Assignment, Ticket

EventT = TypeVar("EventT", bound=TicketEvent)

_OPEN: Final = (Status.TRIAGED, Status.OFFERED, Status.ACCEPTED, Status.PAUSED)
_ANY: Final = (Status.NEW, *_OPEN, Status.RESOLVED, Status.CLOSED, Status.CANCELLED, Status.MERGED)
_HELD: Final = (Status.ACCEPTED, Status.PAUSED)

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
    **{(held, "paused"): Status.PAUSED for held in _HELD},
    (Status.PAUSED, "resumed"): Status.ACCEPTED,
    **{(held, "resolved"): Status.RESOLVED for held in _HELD},
    **{(held, kind): Status.TRIAGED for held in _HELD for kind in ("escalated", "transferred", "returned")},
    **{(live, "withdrawn"): Status.TRIAGED for live in (Status.OFFERED, *_HELD)},
    **{(status, "closed"): Status.CLOSED for status in (Status.TRIAGED, Status.RESOLVED)},
    **{(status, "cancelled"): Status.CANCELLED for status in (Status.NEW, Status.TRIAGED)},
    **{(status, "reopened"): Status.TRIAGED for status in (Status.RESOLVED, Status.CLOSED)},
    **{(status, "reprioritised"): status for status in _OPEN},
    **{(status, kind): status for status in _ANY for kind in ("replied", "called", "matched", "alarm")},
    **{(status, kind): status for status in _OPEN for kind in ("merge_proposed", "resolution_offered", "announced")},
    **{(status, kind): status for status in _ANY for kind in ("gathered", "released")},
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
        """Append an event. Raises `IllegalMoveError`, and then nothing was recorded."""
        kind = event_type.model_fields["kind"].default
        if (self.ticket.status, kind) not in MOVES:
            raise IllegalMoveError(self.ticket.status, kind)
        event = event_type(sequence=self.ticket.sequence + 1, at=self.at, actor=actor or self.actor, **fields)
        self.ticket = evolve(self.ticket, event)
        self.events.append(event)
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


def _offered(_: Ticket, event: events.Offered) -> dict[str, Any]:
    assignment = Assignment(
        id=event.assignment_id,
        token=event.token,
        tier=event.tier,
        group=event.group,
        vendor=event.vendor,
        reason=event.reason,
        attempt=event.attempt,
        offered_at=event.at,
        accept_by=event.accept_by,
    )
    return {"assignment": assignment, "token": event.token, "tier": event.tier, "group": event.group}


def _accepted(ticket: Ticket, event: events.Accepted) -> dict[str, Any]:
    assert ticket.assignment is not None
    return {"assignment": ticket.assignment.model_copy(update={"worker": event.worker, "accept_by": None})}


def _add_steps(ticket: Ticket, steps: tuple[StepTried, ...]) -> tuple[StepTried, ...]:
    return (ticket.steps_tried + steps)[-STEPS_KEPT:]


def _handed_on(ticket: Ticket, event: events.Escalated | events.Transferred) -> dict[str, Any]:
    sender = () if ticket.group is None else (ticket.group,)
    steps = event.steps_tried if isinstance(event, events.Escalated) else ()
    return {
        "assignment": None,
        "senders": (ticket.senders + sender)[-50:],
        "findings": event.findings or ticket.findings,
        "steps_tried": _add_steps(ticket, steps),
        "hand_offs": ticket.hand_offs + 1,
        "paused_for": None,
    }


def _returned(ticket: Ticket, event: events.Returned) -> dict[str, Any]:
    return {
        "assignment": None,
        "senders": ticket.senders[:-1],
        "findings": event.findings or ticket.findings,
        "hand_offs": ticket.hand_offs + 1,
        "paused_for": None,
    }


def _without_problem(ticket: Ticket, event: events.Gathered | events.Released) -> tuple[str, ...]:
    return tuple(reference for reference in ticket.problems if reference != event.problem_reference)


_EFFECTS: Final[Mapping[str, Callable[[Ticket, Any], dict[str, Any]]]] = {
    "triaged": _triaged,
    "offered": _offered,
    "accepted": _accepted,
    "progressed": lambda ticket, event: {"steps_tried": _add_steps(ticket, event.steps_tried)},
    "reprioritised": lambda _, event: {
        "impact": event.impact,
        "urgency": event.urgency,
        "priority": event.priority,
    },
    "paused": lambda _, event: {"paused_for": event.party.value},
    "resumed": lambda _, __: {"paused_for": None},
    "resolved": lambda ticket, event: {
        "assignment": None,
        "paused_for": None,
        "resolved_at": event.at,
        "article_id": event.article_id or ticket.article_id,
    },
    "closed": lambda _, event: {"closed_at": event.at},
    "reopened": lambda _, __: {"resolved_at": None, "closed_at": None},
    "escalated": _handed_on,
    "transferred": _handed_on,
    "returned": _returned,
    "withdrawn": lambda _, __: {"assignment": None, "paused_for": None},
    "matched": lambda _, event: {"article_id": event.article_id, "article_title": event.title},
    "gathered": lambda ticket, event: {"problems": (*_without_problem(ticket, event), event.problem_reference)},
    "released": lambda ticket, event: {"problems": _without_problem(ticket, event)},
}
