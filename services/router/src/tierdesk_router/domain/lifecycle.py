"""The ticket's lifecycle: which event may follow in which status, and what a ticket is after it.

`MOVES` is the whole table. `evolve` is total over the events that `MOVES` allows and reads nothing but its arguments,
so that a row always equals its log folded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_router.domain.chain_effects import find_ended_chains
from tierdesk_router.domain.effects import EFFECTS
from tierdesk_router.domain.ticket import Ticket

EventT = TypeVar("EventT", bound=TicketEvent)

_OPEN: Final = (Status.TRIAGED, Status.OFFERED, Status.ACCEPTED, Status.PAUSED)
_ANY: Final = (Status.NEW, *_OPEN, Status.RESOLVED, Status.CLOSED, Status.CANCELLED, Status.MERGED)
_HELD: Final = (Status.ACCEPTED, Status.PAUSED)
_WITHIN_WORK: Final = ("carried", "invited", "joined", "contributed", "declined", "released")

OPEN: Final = frozenset(_OPEN)
"""Decided, and not over."""

TERMINAL: Final = frozenset({Status.CANCELLED, Status.MERGED})
"""No event leads out of these. A closed ticket may be reopened for a while, and so is not among them."""

MOVES: Final[Mapping[tuple[Status, str], Status]] = {
    (Status.NEW, "triaged"): Status.TRIAGED,
    (Status.TRIAGED, "triaged"): Status.TRIAGED,
    (Status.NEW, "split_off"): Status.NEW,
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
    **{(status, kind): status for status in (*_OPEN, Status.RESOLVED) for kind in ("absorbed", "split")},
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
    **{(status, kind): status for status in _OPEN for kind in ("merge_proposed", "resolution_offered", "announced")},
    **{(status, kind): status for status in _ANY for kind in ("gathered", "ungathered")},
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
    effect = EFFECTS.get(kind)
    if effect is not None:
        change |= effect(ticket, event)
    return ticket.model_copy(update=change)
