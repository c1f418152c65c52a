"""What a tier is told of the events of a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from tierdesk_contracts import names, work
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import ActorKind, Contract, WithdrawReason
from tierdesk_policy import Policy
from tierdesk_router.domain.disclosure import Party, assigned, internal_of, offer_of, vendor_view
from tierdesk_router.domain.effects import accepted_by, assignment_of
from tierdesk_router.domain.lifecycle import Draft
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


def destination_of(tenant: str, tier: str, group: str, vendor: str | None) -> Destination:
    """Where work of a group goes: its queue in house, or its vendor's namespace."""
    if vendor is not None:
        return Destination(names.vendor_namespace(tenant, vendor), names.VENDOR_OFFERS, names.VENDOR_WORK)
    return Destination("", names.WORK, names.work_key(tenant, tier, group))


def home_of(tenant: str, vendor: str | None) -> str:
    """The namespace from which outcomes of such an assignment must come."""
    return "" if vendor is None else names.vendor_namespace(tenant, vendor)


def announce(draft: Draft, policy: Policy, party: Party | None) -> list[Post]:
    """The messages that the draft's events owe to tiers, in order."""
    posts: list[Post] = []
    ticket, live = draft.ticket, draft.before.assignment
    parts = {part.id: part for part in draft.before.contributions}
    for number, event in enumerate(draft.events):
        if (part := _part_after(event, parts)) is not None:
            posts += _tell_of_part(ticket, part, event, policy, party)
            if not _is_asked_anew(event, part, draft.events[number + 1 :]):
                posts += _tell_owner(ticket, live, part, event)
            continue
        match event:
            case events.Offered():
                live = assignment_of(event)
                posts += _post(ticket, live, offer_of(ticket, live, policy, party))
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
            case events.Escalated() if event.actor.kind is ActorKind.DESK and live is not None:
                taken = WithdrawReason.ESCALATED
                posts += _post(ticket, live, work.WorkWithdrawn(assignment_id=live.id, token=live.token, reason=taken))
                live = None
            case events.Escalated() | events.Transferred() | events.Returned() | events.Resolved():
                live = None
            case _ if live is not None and ticket.assignment is not None and ticket.assignment.id == live.id:
                posts += _post(ticket, live, _updated(ticket, live, event, party))
    return posts


def _part_after(event: events.TicketEvent, parts: dict[UUID, Assignment]) -> Assignment | None:
    """The invitation or contribution that an event is about, as it is then; None for any other event."""
    if isinstance(event, events.Invited):
        parts[event.assignment_id] = assignment_of(event)
    part = parts.get(getattr(event, "assignment_id", UUID(int=0)))
    if part is not None and isinstance(event, events.Joined):
        part = parts[part.id] = accepted_by(part, event.worker)
    return part


def _tell_of_part(
    ticket: Ticket, part: Assignment, event: events.TicketEvent, policy: Policy, party: Party | None
) -> list[Post]:
    """What the invited group hears. Who has joined and ended in one step is told nothing: the work is over."""
    match event:
        case events.Invited():
            return _post(ticket, part, offer_of(ticket, part, policy, party))
        case events.Joined() if any(one.id == part.id for one in ticket.contributions):
            return _post(ticket, part, assigned(ticket, part, 1, policy, party))
        case events.Released():
            told = work.WorkWithdrawn(assignment_id=part.id, token=part.token, reason=event.reason)
            return _post(ticket, part, told)
    return []


def _is_asked_anew(event: events.TicketEvent, part: Assignment, later: Sequence[events.TicketEvent]) -> bool:
    """Whether the group lets an invitation pass and is invited once more: its owner need not hear of it."""
    return isinstance(event, events.Released) and any(
        isinstance(other, events.Invited) and other.group == part.group for other in later
    )


def _tell_owner(ticket: Ticket, owner: Assignment | None, part: Assignment, event: events.TicketEvent) -> list[Post]:
    word = _contribution(part, event)
    if owner is None or word is None:
        return []
    return _post(ticket, owner, work.WorkUpdated(assignment_id=owner.id, token=owner.token, contribution=word))


def _contribution(part: Assignment, event: events.TicketEvent) -> work.Contribution | None:
    """What the owner hears of it. Only owners in house invite, so nothing here is for a vendor's eyes."""
    match event:
        case events.Joined():
            word, text = "joined", ""
        case events.Progressed():
            word, text = "noted", event.note
        case events.Contributed():
            word, text = "contributed", event.findings
        case events.Declined():
            word, text = "declined", event.findings
        case events.Released() if event.reason is WithdrawReason.NOT_ACCEPTED:
            word, text = "not_accepted", ""
        case _:
            return None
    steps = event.steps_tried if isinstance(event, events.Progressed | events.Contributed) else ()
    return work.Contribution(group=part.group, worker=part.worker, word=word, text=text, steps_tried=steps)


def _post(ticket: Ticket, live: Assignment | None, data: Contract | None) -> list[Post]:
    if live is None or data is None:
        return []
    return [Post(data, destination_of(ticket.tenant, live.tier, live.group, live.vendor))]


def _updated(
    ticket: Ticket, live: Assignment, event: events.TicketEvent, party: Party | None
) -> work.WorkUpdated | None:
    told: dict[str, object]
    view = vendor_view(ticket, live.vendor, party)
    match event:
        case events.Replied() if view is not None and event.actor.id != str(ticket.requester_id):
            return None  # said of a ticket merged into this one: what names that requester is not known here
        case events.Replied():
            told = {"reply": event.text if view is None else view.redact(event.text)}
        case events.Resumed() if event.actor.kind.value == "desk":
            told = {"resumed": True}
        case events.Absorbed() if view is None:
            told = {"note": f"{event.reference} goes on in this ticket. {event.reason}".strip()}
        case events.Split() if view is None:
            told = {"note": f"Part of this goes on as {event.reference}. {event.reason}".strip()}
        case events.Described() if event.actor.id != live.worker and view is None:
            told = {"internal": internal_of(ticket, None, party)}
        case events.Reprioritised():
            told = {"priority": event.priority}
        case events.Matched() if view is None:  # articles are the desk's own
            told = {"article_id": event.article_id, "article_title": event.title}
        case events.ResolutionOffered() if live.vendor is None:  # what people in house found out is not a vendor's
            told = {"resolution": event.how}
        case _:
            return None
    return work.WorkUpdated.model_validate({"assignment_id": live.id, "token": live.token, **told})
