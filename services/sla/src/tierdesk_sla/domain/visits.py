"""The clocks of visits: who was offered the work, which tier has it, and which vendor.

| clock | starts | ends met |
|---|---|---|
| acceptance, one for each visit of a group | the group is offered the work | a worker of it takes it |
| visit, one for each visit of a tier | the first offer to a group of the tier, or carrying it there | the tier hands it on, or resolves it |
| contract, one for each visit of a vendor | the offer or invitation to the vendor | it resolves it, contributes, or hands it back with findings |

Work that is returned, withdrawn or taken on by the desk ends without a verdict, unless it was late already. A group
that lets an offer pass and is asked again goes on with the clocks that it has.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import EscalationReason, OfferReason, WithdrawReason
from tierdesk_policy import ClockKind, Policy
from tierdesk_sla.domain.clocks import Clock, end, hold
from tierdesk_sla.domain.timeline import Timeline

_DONE: Final = (events.Escalated, events.Transferred, events.Carried, events.Contributed)
"""Whoever says this has done its part."""


def offer(timeline: Timeline, event: events.Offered, policy: Policy) -> Timeline:
    """A group is offered the work."""
    asked_again = any(_is_same_visit(clock, event) for clock in timeline.clocks)
    timeline = _await_acceptance(timeline, event, policy, asked_again=asked_again)
    timeline = _enter_tier(timeline, event.tier, event, policy)
    return _begin_contract(timeline, event, policy, asked_again=asked_again)


def invite(timeline: Timeline, event: events.Invited, policy: Policy) -> Timeline:
    """A group is asked to contribute; of a vendor its contract holds for that too."""
    return _begin_contract(timeline, event, policy, asked_again=event.attempt > 1)


def accept(timeline: Timeline, event: Any, policy: Policy) -> Timeline:
    """A worker has taken it; any outcome says so."""
    return _end_of(timeline, event, policy, ClockKind.ACCEPTANCE, kept=True)


def carry(timeline: Timeline, event: events.Carried, policy: Policy) -> Timeline:
    """Its owner takes it to another tier."""
    return _enter_tier(accept(timeline, event, policy), event.to_tier, event, policy)


def resolve(timeline: Timeline, event: events.Resolved, policy: Policy) -> Timeline:
    """Tier and vendor have done their part."""
    timeline = timeline.end(event.at, policy, ClockKind.VISIT, kept=True)
    return _end_of(timeline, event, policy, ClockKind.CONTRACT, kept=True)


def leave(timeline: Timeline, event: Any, policy: Policy) -> Timeline:
    """An assignment is over without the ticket being solved."""
    kept = _has_done_its_part(event)
    if not (isinstance(event, events.Withdrawn) and event.reason is WithdrawReason.NOT_ACCEPTED):
        # Of an offer that nobody accepted, the next offer tells whether the visit goes on.
        timeline = _end_of(timeline, event, policy, ClockKind.ACCEPTANCE, kept=False)
    timeline = _end_of(timeline, event, policy, ClockKind.CONTRACT, kept=kept)
    to_tier = getattr(event, "to_tier", None)
    return timeline if to_tier is None else _leave_tier(timeline, to_tier, event, policy)


def _await_acceptance(timeline: Timeline, event: events.Offered, policy: Policy, *, asked_again: bool) -> Timeline:
    """Begin a visit; the group that did not accept and is asked again goes on with the visit that it has."""
    if asked_again:
        return timeline.revise(
            lambda clock: clock._replace(assignment_id=event.assignment_id) if _is_same_visit(clock, event) else clock
        )
    return _start(timeline.end(event.at, policy, ClockKind.ACCEPTANCE, kept=False), ClockKind.ACCEPTANCE, event, policy)


def _is_same_visit(clock: Clock, event: events.Offered) -> bool:
    """Whether the clock is of the visit that goes on: the group that let the offer before pass is asked again."""
    return (
        event.reason is OfferReason.NOT_ACCEPTED
        and clock.is_open
        and (clock.kind, clock.tier, clock.group) == (ClockKind.ACCEPTANCE, event.tier, event.group)
    )


def _enter_tier(timeline: Timeline, tier: str, event: Any, policy: Policy) -> Timeline:
    timeline = _leave_tier(timeline, tier, event, policy)
    if timeline.open_clocks(ClockKind.VISIT) or not policy.promises(ClockKind.VISIT):
        return timeline
    return timeline.start(ClockKind.VISIT, event.at, policy, tier=tier)


def _leave_tier(timeline: Timeline, to_tier: str, event: Any, policy: Policy) -> Timeline:
    kept = _has_done_its_part(event)
    return timeline.revise(
        lambda clock: clock if clock.tier == to_tier else end(clock, event.at, policy, kept=kept), ClockKind.VISIT
    )


def _begin_contract(timeline: Timeline, event: Any, policy: Policy, *, asked_again: bool) -> Timeline:
    if event.vendor is None:
        return timeline
    place = _last_contract(timeline, event.vendor, event.group) if asked_again else None
    if place is not None:
        timeline = timeline.resume(place, event.at, policy)
        clock = timeline.clocks[place]._replace(assignment_id=event.assignment_id)
        if timeline.waiting_for is not None:
            clock = hold(clock, timeline.waiting_for, event.at, policy)
        return timeline._replace(clocks=(*timeline.clocks[:place], clock, *timeline.clocks[place + 1 :]))
    return _start(timeline, ClockKind.CONTRACT, event, policy) if policy.promises(ClockKind.CONTRACT) else timeline


def _last_contract(timeline: Timeline, vendor: str, group: str) -> int | None:
    """The place of the vendor's last visit, which goes on when it let an offer pass and is asked again."""
    sought = (ClockKind.CONTRACT, vendor, group)
    places = [place for place, clock in enumerate(timeline.clocks) if (clock.kind, clock.vendor, clock.group) == sought]
    return places[-1] if places else None


def _start(timeline: Timeline, kind: ClockKind, event: Any, policy: Policy) -> Timeline:
    return timeline.start(
        kind,
        event.at,
        policy,
        tier=event.tier,
        group=event.group,
        vendor=event.vendor,
        assignment_id=event.assignment_id,
    )


def _end_of(timeline: Timeline, event: Any, policy: Policy, kind: ClockKind, *, kept: bool) -> Timeline:
    """End the clock of the event's assignment."""
    assignment_id: UUID = event.assignment_id
    return timeline.revise(
        lambda clock: end(clock, event.at, policy, kept=kept) if clock.assignment_id == assignment_id else clock, kind
    )


def _has_done_its_part(event: Any) -> bool:
    return isinstance(event, _DONE) and getattr(event, "reason", None) is not EscalationReason.OVERDUE
