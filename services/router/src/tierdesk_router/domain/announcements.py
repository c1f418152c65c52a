"""What a tier is told of the events of a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from tierdesk_contracts import names, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Contract
from tierdesk_policy import BusinessTimeError, Policy
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Assignment, Ticket


class Destination(NamedTuple):
    """Where on the bus: namespace, exchange, key."""

    namespace: str
    exchange: str
    key: str


@dataclass(frozen=True, slots=True)
class Post:
    """A message for a tier."""

    data: Contract
    destination: Destination


@dataclass(frozen=True, slots=True)
class Party:
    """A requester, as far as people in house need to know."""

    id: UUID
    external: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    contact: str | None = None

    @property
    def reach(self) -> str | None:
        """How to reach them."""
        return self.contact or self.phone or self.email


def destination_of(tenant: str, tier: str, group: str, vendor: str | None) -> Destination:
    """Where work of a group goes: its queue in house, or its vendor's namespace."""
    if vendor is not None:
        return Destination(names.vendor_namespace(tenant, vendor), names.VENDOR_WORK, names.VENDOR_WORK)
    return Destination("", names.WORK, names.work_key(tenant, tier, group))


def home_of(tenant: str, vendor: str | None) -> str:
    """The namespace from which outcomes of such an assignment must come."""
    return "" if vendor is None else names.vendor_namespace(tenant, vendor)


def announce(draft: Draft, policy: Policy, party: Party | None) -> list[Post]:
    """The messages that the draft's events owe to tiers, in order."""
    posts: list[Post] = []
    ticket, live = draft.ticket, draft.before.assignment
    for event in draft.events:
        match event:
            case events.Offered():
                live = draft.ticket.assignment
                posts += _post(ticket, live, _offered(ticket, event, policy, party))
            case events.Accepted() if ticket.assignment is not None and ticket.assignment.id == event.assignment_id:
                live = ticket.assignment
                posts += _post(ticket, live, assigned(ticket, live, 1, policy, party))
            case events.Withdrawn():
                posts += _post(
                    ticket, live, work.WorkWithdrawn(
                        assignment_id=event.assignment_id, token=event.token, reason=event.reason
                    )
                )  # fmt: skip
                live = None
            case events.Escalated() | events.Transferred() | events.Returned() | events.Resolved():
                live = None
            case _ if live is not None and ticket.assignment is not None and ticket.assignment.id == live.id:
                posts += _post(ticket, live, _updated(live, event))
    return posts


def _post(ticket: Ticket, live: Assignment | None, data: Contract | None) -> list[Post]:
    if live is None or data is None:
        return []
    return [Post(data, destination_of(ticket.tenant, live.tier, live.group, live.vendor))]


def _updated(live: Assignment, event: events.TicketEvent) -> work.WorkUpdated | None:
    told: dict[str, object]
    match event:
        case events.Replied():
            told = {"reply": event.text}
        case events.Resumed() if event.actor.kind.value == "desk":
            told = {"resumed": True}
        case events.Reprioritised():
            told = {"priority": event.priority}
        case events.Matched():
            told = {"article_id": event.article_id, "article_title": event.title}
        case events.ResolutionOffered() if live.vendor is None:  # what people in house found out is not a vendor's
            told = {"resolution": event.how}
        case _:
            return None
    return work.WorkUpdated.model_validate({"assignment_id": live.id, "token": live.token, **told})


def _case(ticket: Ticket) -> work.Case:
    assert ticket.category is not None
    assert ticket.priority is not None
    return work.Case(
        reference=ticket.reference,
        title=ticket.title,
        text=ticket.text,
        category=ticket.category,
        priority=ticket.priority,
        asset=ticket.asset,
    )


def _internal(ticket: Ticket, vendor: str | None, party: Party | None) -> work.Internal | None:
    if vendor is not None:
        return None
    return work.Internal(
        requester_name=party.name if party else None,
        contact=party.reach if party else None,
        location=ticket.location,
        affected=ticket.affected,
        completeness=ticket.completeness,
        missing_facts=ticket.missing_facts,
        explanation=ticket.explanation,
        findings=ticket.findings,
        article_id=ticket.article_id,
        article_title=ticket.article_title,
    )


def promises(ticket: Ticket, policy: Policy) -> tuple[work.Deadline, ...]:
    """First response and resolution as promised when the ticket was opened; pauses come on top."""
    found = []
    assert ticket.category is not None
    assert ticket.priority is not None
    for kind in ("first_response", "resolution"):
        target = policy.target(kind, priority=ticket.priority, category=ticket.category, tier=ticket.tier)
        if target is None:
            continue
        try:
            due = policy.calendar(target.calendar).add(ticket.opened_at, target.within_seconds)
        except BusinessTimeError:
            continue
        found.append(work.Deadline(kind=kind, due_at=due))
    return tuple(found)


def _offered(ticket: Ticket, event: events.Offered, policy: Policy, party: Party | None) -> work.WorkOffered:
    return work.WorkOffered(
        assignment_id=event.assignment_id,
        token=event.token,
        tier=event.tier,
        group=event.group,
        reason=event.reason,
        attempt=event.attempt,
        accept_by=event.accept_by,
        deadlines=promises(ticket, policy),
        steps_tried=ticket.steps_tried,
        case=_case(ticket),
        internal=_internal(ticket, event.vendor, party),
    )


def assigned(
    ticket: Ticket, live: Assignment, last_ordinal: int, policy: Policy, party: Party | None
) -> work.WorkAssigned:
    """The answer to an acceptance; also to a repeated one of the same worker."""
    assert live.worker is not None
    return work.WorkAssigned(
        assignment_id=live.id,
        token=live.token,
        worker=live.worker,
        last_ordinal=last_ordinal,
        deadlines=promises(ticket, policy),
        steps_tried=ticket.steps_tried,
        case=_case(ticket),
        internal=_internal(ticket, live.vendor, party),
    )


def rejected(outcome: outcomes.Outcome, outcome_id: UUID, refusal: Refusal, last_ordinal: int) -> work.OutcomeRejected:
    """The answer to an outcome that changed nothing."""
    return work.OutcomeRejected(
        assignment_id=outcome.assignment_id,
        token=outcome.token,
        outcome_id=outcome_id,
        worker=outcome.worker,
        ordinal=outcome.ordinal,
        reason=refusal.reason,
        detail=refusal.detail,
        last_ordinal=last_ordinal,
    )
