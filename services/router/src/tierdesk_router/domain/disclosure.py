"""What a party is shown of a ticket: people in house all that they need, a vendor an allow-list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import work
from tierdesk_contracts.vocabulary import Mode, OfferReason, RejectReason, Role, StepTried
from tierdesk_policy import BusinessTimeError, Policy
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Assignment, Ticket
from tierdesk_router.domain.vendor_view import VendorView

_TOLD_OUTSIDE: Final = {
    RejectReason.STALE: "its work was withdrawn, ended, or offered anew since",
    RejectReason.FORBIDDEN: (
        "this step is not open to you as the work stands; go on with it, resolve it, or give it back with what you found"
    ),
    RejectReason.INCOMPLETE: "the description lacks facts; give it back with what you found",
}
"""In the desk's own words a refusal may name groups and tiers, and count offers."""


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


def vendor_view(ticket: Ticket, vendor: str | None, party: Party | None) -> VendorView | None:
    """How the vendor may read the ticket; None for a party in house."""
    if vendor is None:
        return None
    known = () if party is None else (party.name, party.external, party.email, party.phone, party.contact)
    return VendorView(ticket, vendor, known)


def _case(ticket: Ticket, view: VendorView | None) -> work.Case:
    if view is not None:
        return view.case
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


def _steps(ticket: Ticket, view: VendorView | None) -> tuple[StepTried, ...]:
    return ticket.steps_tried if view is None else view.steps_tried


def internal_of(ticket: Ticket, vendor: str | None, party: Party | None) -> work.Internal | None:
    """What people in house see besides; None for a vendor."""
    if vendor is not None:
        return None
    return work.Internal(
        requester=party.external if party else None,
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


def promises(ticket: Ticket, part: Assignment, policy: Policy) -> tuple[work.Deadline, ...]:
    """When what was promised is due; pauses come on top.

    People in house are told what the requester was promised when the ticket was opened, a vendor what its contract says
    from this offer on, and nothing else.
    """
    if part.vendor is None:
        found = [_deadline(kind, ticket, policy, since=ticket.opened_at) for kind in ("first_response", "resolution")]
    else:
        found = [_deadline("contract", ticket, policy, since=part.offered_at, tier=part.tier, vendor=part.vendor)]
    return tuple(deadline for deadline in found if deadline is not None)


def _deadline(
    kind: str, ticket: Ticket, policy: Policy, *, since: datetime, tier: str | None = None, vendor: str | None = None
) -> work.Deadline | None:
    """None where nothing of the kind is promised, or its calendar never comes that far."""
    assert ticket.category is not None
    assert ticket.priority is not None
    target = policy.target(kind, priority=ticket.priority, category=ticket.category, tier=tier, vendor=vendor)
    if target is None:
        return None
    try:
        return work.Deadline(kind=kind, due_at=policy.calendar(target.calendar).add(since, target.within_seconds))
    except BusinessTimeError:
        return None


def _asked(ticket: Ticket, part: Assignment, policy: Policy, view: VendorView | None) -> dict[str, Any]:
    """What the holder of an assignment is asked for."""
    assert ticket.category is not None
    return {
        "role": Role.CONTRIBUTOR if part.reason is OfferReason.INVITATION else Role.OWNER,
        "question": part.question if view is None else view.redact(part.question),
        "mode": Mode(policy.category(ticket.category).mode.value),
    }


def offer_of(ticket: Ticket, part: Assignment, policy: Policy, party: Party | None) -> work.WorkOffered:
    """The message that offers it, to own or to contribute."""
    view = vendor_view(ticket, part.vendor, party)
    return work.WorkOffered(
        assignment_id=part.id,
        token=part.token,
        **_asked(ticket, part, policy, view),
        tier=part.tier,
        group=part.group,
        reason=part.reason,
        attempt=part.attempt,
        accept_by=part.accept_by,
        deadlines=promises(ticket, part, policy),
        steps_tried=_steps(ticket, view),
        case=_case(ticket, view),
        internal=internal_of(ticket, part.vendor, party),
    )


def assigned(
    ticket: Ticket, live: Assignment, last_ordinal: int, policy: Policy, party: Party | None
) -> work.WorkAssigned:
    """The answer to an acceptance; also to a repeated one of the same worker."""
    assert live.worker is not None
    view = vendor_view(ticket, live.vendor, party)
    return work.WorkAssigned(
        assignment_id=live.id,
        token=live.token,
        **_asked(ticket, live, policy, view),
        worker=live.worker,
        last_ordinal=last_ordinal,
        deadlines=promises(ticket, live, policy),
        steps_tried=_steps(ticket, view),
        case=_case(ticket, view),
        internal=internal_of(ticket, live.vendor, party),
    )


def rejected(
    outcome: outcomes.Outcome, outcome_id: UUID, refusal: Refusal, last_ordinal: int, *, outside: bool
) -> work.OutcomeRejected:
    """The answer to an outcome that changed nothing. Somebody `outside` is told no names of the desk's own."""
    return work.OutcomeRejected(
        assignment_id=outcome.assignment_id,
        token=outcome.token,
        outcome_id=outcome_id,
        worker=outcome.worker,
        ordinal=outcome.ordinal,
        reason=refusal.reason,
        detail=_TOLD_OUTSIDE.get(refusal.reason, refusal.detail) if outside else refusal.detail,
        last_ordinal=last_ordinal,
    )
