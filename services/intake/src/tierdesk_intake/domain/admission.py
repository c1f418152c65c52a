"""Whether a posted event is taken, what it becomes, and what is answered."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from tierdesk_intake.domain.events import (
    PostedAlert,
    PostedFacts,
    PostedFollowUp,
    PostedOpening,
    PostedProblem,
    PostedReply,
    as_message,
    business_time,
)
from tierdesk_intake.domain.ledger import Answer, Ledger, Posted, Terms, Ticket
from tierdesk_intake.domain.refusals import refuse_field


class PostedToDesk(NamedTuple):
    """An event that reads well, with what it came with. `prefix` leads from the request to the event's fields."""

    posted: Posted
    event: PostedOpening | PostedFollowUp
    prefix: str = ""

    @property
    def names_terms(self) -> bool:
        """Whether it names anything that the policy must know."""
        event = self.event
        if isinstance(event, PostedFacts):
            return event.department is not None
        if isinstance(event, PostedProblem):
            return event.category is not None or event.department is not None
        return isinstance(event, PostedAlert) and event.category is not None

    @property
    def attachments(self) -> tuple[UUID, ...]:
        """The files that it names."""
        return self.event.attachments if isinstance(self.event, PostedReply) else ()


def admit(ledger: Ledger, terms: Terms, request: PostedToDesk) -> Answer:
    """Take the event into the ledger and answer it. Raises `RefusedError`, having changed nothing."""
    posted, event = request.posted, request.event
    earlier = ledger.earlier_answer(posted)
    if earlier is not None:
        return earlier
    opened = None
    if isinstance(event, PostedProblem | PostedAlert):
        _check_terms(terms, request, event)
        ticket = opened = ledger.open_ticket(posted.tenant)
        message = as_message(event, reference=ticket.reference)
    else:
        if isinstance(event, PostedFacts):
            _check_department(terms, request, event.department)
        ticket = ledger.find_ticket(posted.tenant, event.ticket, field=f"{request.prefix}ticket")
        files = ledger.find_attachments(ticket, request.attachments, field=f"{request.prefix}attachments")
        message = as_message(event, attachments=tuple(file.as_told() for file in files))
    message_id = ledger.mint.new()
    ledger.tell_attachments(posted.tenant, request.attachments, message_id)
    at = business_time(event.occurred_at, ledger.now)
    ledger.tell(ticket, message, message_id=message_id, at=at, traceparent=posted.traceparent)
    return ledger.record(posted, _accepted(ticket), event_id=message_id, opened=opened)


def _accepted(ticket: Ticket) -> Answer:
    # Written by hand: identifiers and references need no escaping, and this is the hot path.
    text = f'{{"ticket":"{ticket.id}","reference":"{ticket.reference}","status":"accepted"}}'
    return Answer(text, ticket.id, ticket.reference)


def _check_terms(terms: Terms, request: PostedToDesk, event: PostedOpening) -> None:
    known = terms.get(request.posted.tenant)
    if known is None:
        return  # before the first policy there is nothing to check against; triage falls back
    if event.category is not None and event.category not in known.categories:
        raise refuse_field(
            f"{request.prefix}category", f"no category of this desk; known are {', '.join(sorted(known.categories))}"
        )
    _check_department(terms, request, event.department if isinstance(event, PostedProblem) else None)


def _check_department(terms: Terms, request: PostedToDesk, department: str | None) -> None:
    known = terms.get(request.posted.tenant)
    if known is None:
        return
    if department is not None and known.departments and department not in known.departments:
        raise refuse_field(
            f"{request.prefix}department",
            f"no department of this desk; known are {', '.join(sorted(known.departments))}",
        )
