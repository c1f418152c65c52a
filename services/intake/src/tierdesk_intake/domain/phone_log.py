"""What a phone event adds to its call, when the call becomes a ticket, and what is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_intake.domain.calls import EVENTS_PER_CALL, CallEvent, CallKind, CallState, SeenEvent, fold
from tierdesk_intake.domain.events import business_time
from tierdesk_intake.domain.ledger import Answer, Ledger, Posted, Ticket
from tierdesk_intake.domain.phone_routes import CallName, Lines, Route, choose_route, sent
from tierdesk_intake.domain.refusals import refuse_field
from tierdesk_policy import Phone


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
    """A call as it is kept: the distinct events by their digest, what they fold into, and the ticket it became.

    A recording that was told of just now is `to_fetch`.
    """

    name: CallName
    events: dict[bytes, SeenEvent] = field(default_factory=dict)
    new_events: dict[bytes, SeenEvent] = field(default_factory=dict)
    state: CallState | None = None
    ticket: UUID | None = None
    changed: bool = False
    to_fetch: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides where a caller goes, besides the call: what the company says, and what goes on at its telephones."""

    phone: Phone = field(default_factory=Phone)
    lines: Lines = field(default_factory=Lines)


def note(ledger: Ledger, call: Call, request: PostedByPhone, around: Surroundings) -> Answer:
    """Add the event to its call. Raises `RefusedError`, having changed nothing.

    A ticket is opened by the first event that calls for action, or by the promise to call back; from then on each change
    of what is known of the call is told again. Ringing alone, and calls that we make, tell nothing.
    """
    earlier = ledger.earlier_answer(request.posted)
    if earlier is not None:
        return earlier
    message_id, opened, route = ledger.mint.new(), None, None
    if _add(call, request.event, ledger.now) or _may_be_sent_on(call):
        before = None if call.state is None else call.state.route
        folded = fold(call.events.values()).model_copy(update={"route": before})
        route = choose_route(around.phone, call.name, folded, around.lines, ledger.now)
        state = sent(folded, route or (None if before is None else Route(before)))
        around.lines.note(call.name, state)
        if state != call.state:
            call.state, call.changed = state, True
            opened = _tell(ledger, call, state, request, message_id)
    return ledger.record(request.posted, _answer(ledger, call, route), event_id=message_id, opened=opened)


def _add(call: Call, event: CallEvent, now: datetime) -> bool:
    """Add what is new. A caller's waiting is known once: how often a telephone system asks what to do changes nothing."""
    digest = event.digest()
    asked = (seen.event for seen in call.events.values() if seen.event.kind is CallKind.QUEUE)
    if digest in call.events or (event.kind is CallKind.QUEUE and any(one.queue == event.queue for one in asked)):
        return False
    if len(call.events) >= EVENTS_PER_CALL:
        raise refuse_field("callId", f"a call has at most {EVENTS_PER_CALL} different events")
    call.events[digest] = call.new_events[digest] = SeenEvent(event, now)
    return True


def _may_be_sent_on(call: Call) -> bool:
    return call.state is not None and call.state.outcome in {CallOutcome.RINGING, CallOutcome.PROMISED}


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
    if state.recording is not None:
        call.to_fetch = state.recording
    return opened


def _answer(ledger: Ledger, call: Call, route: Route | None) -> Answer:
    tenant, _, call_id = call.name
    ticket = None if call.ticket is None else ledger.tickets[tenant, call.ticket]
    told = {
        "call": call_id,
        "ticket": None if ticket is None else str(ticket.id),
        "reference": None if ticket is None else ticket.reference,
        "route": None if route is None else route.value,
    }
    return Answer(json.dumps(told, separators=(",", ":")), call.ticket, None if ticket is None else ticket.reference)
