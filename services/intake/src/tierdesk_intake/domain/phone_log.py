"""What a phone event adds to its call, when the call becomes a ticket, and what is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from uuid import UUID

from tierdesk_contracts.intake import Called
from tierdesk_intake.domain.calls import EVENTS_PER_CALL, CallEvent, CallState, SeenEvent, fold
from tierdesk_intake.domain.events import business_time
from tierdesk_intake.domain.ledger import Answer, Ledger, Posted, Ticket
from tierdesk_intake.domain.refusals import refuse_field

CallName = tuple[str, str, str]
"""Tenant, provider, and the provider's identifier of the call."""


@dataclass(frozen=True, slots=True)
class PostedByPhone:
    """A phone event that reads well, with what it came with."""

    posted: Posted
    provider: str
    call_id: str
    event: CallEvent

    @property
    def call_name(self) -> CallName:
        """The call it belongs to."""
        return (self.posted.tenant, self.provider, self.call_id)


@dataclass(slots=True)
class Call:
    """A call as it is kept: the distinct events by their digest, what they fold into, and the ticket it became."""

    name: CallName
    events: dict[bytes, SeenEvent] = field(default_factory=dict)
    new_events: dict[bytes, SeenEvent] = field(default_factory=dict)
    state: CallState | None = None
    ticket: UUID | None = None
    changed: bool = False


def note(ledger: Ledger, call: Call, request: PostedByPhone) -> Answer:
    """Add the event to its call. Raises `RefusedError`, having changed nothing.

    A ticket is opened by the first event that calls for action; from then on each change of what is known of the
    call is told again. Ringing alone, and calls that we make, tell nothing.
    """
    earlier = ledger.earlier_answer(request.posted)
    if earlier is not None:
        return earlier
    digest = request.event.digest()
    message_id, opened = ledger.mint.new(), None
    if digest not in call.events:
        if len(call.events) >= EVENTS_PER_CALL:
            raise refuse_field("callId", f"a call has at most {EVENTS_PER_CALL} different events")
        seen = SeenEvent(request.event, ledger.now)
        call.events[digest] = call.new_events[digest] = seen
        state = fold(call.events.values())
        if state != call.state:
            call.state, call.changed = state, True
            opened = _tell(ledger, call, state, request, message_id)
    return ledger.record(request.posted, _answer(ledger, call), event_id=message_id, opened=opened)


def _tell(ledger: Ledger, call: Call, state: CallState, request: PostedByPhone, message_id: UUID) -> Ticket | None:
    """Publish what is now known, if it matters; answer the ticket if that opened one."""
    tenant, provider, call_id = call.name
    opened = None
    if call.ticket is None:
        if not state.is_actionable:
            return None
        ticket = opened = ledger.open_ticket(tenant)
        ledger.tickets[tenant, ticket.id] = ticket
        call.ticket = ticket.id
    else:
        ticket = ledger.tickets[tenant, call.ticket]
    data = Called(reference=ticket.reference, provider=provider, call_id=call_id, **dict(state))
    at = business_time(request.event.occurred_at, ledger.now)
    ledger.tell(ticket, data, message_id=message_id, at=at, traceparent=request.posted.traceparent)
    return opened


def _answer(ledger: Ledger, call: Call) -> Answer:
    tenant, _, call_id = call.name
    ticket = None if call.ticket is None else ledger.tickets[tenant, call.ticket]
    told = {
        "call": call_id,
        "ticket": None if ticket is None else str(ticket.id),
        "reference": None if ticket is None else ticket.reference,
    }
    return Answer(json.dumps(told, separators=(",", ":")), call.ticket, None if ticket is None else ticket.reference)
