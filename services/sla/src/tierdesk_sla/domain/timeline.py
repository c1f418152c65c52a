"""All clocks of one ticket, folded from its events in order of their sequence.

| clock | starts | ends |
|---|---|---|
| first response | the ticket is opened | the first public answer, an answered call, or the resolution |
| resolution | the ticket is opened | it is resolved; reopening lets it run on |
| acceptance, one for each visit of a group | the group is offered the work | a worker of it takes it |

Nothing is promised until triage has named the priority. A clock that falls away, as by cancelling, ends void.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from tierdesk_contracts import ticket as events
from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_contracts.vocabulary import OfferReason, WithdrawReason
from tierdesk_policy import ClockKind, Policy
from tierdesk_sla.domain.clocks import Clock, bind, end, hold, release, resume

_ANSWERED: Final = (CallOutcome.ANSWERED, CallOutcome.ENDED)


class Timeline(NamedTuple):
    """What the clocks of a ticket need to know of it, and the clocks, in the order in which they started.

    `policy_version` is the policy that the ticket is pinned to, `sequence` that of the last event folded. `waiting` is the assignment that says it waits for somebody.
    """

    tenant: str
    ticket_id: UUID
    reference: str
    policy_version: str
    sequence: int = 0
    category: str | None = None
    priority: int | None = None
    waiting: UUID | None = None
    clocks: tuple[Clock, ...] = ()

    def pinned_to(self, policy_version: str) -> Timeline:
        """The same, with its ticket pinned to this policy from the next event on."""
        return self if policy_version == self.policy_version else self._replace(policy_version=policy_version)

    def revise(self, change: Callable[[Clock], Clock], *kinds: ClockKind) -> Timeline:
        """Change the clocks of these kinds, or all."""
        return self._replace(
            clocks=tuple([change(clock) if not kinds or clock.kind in kinds else clock for clock in self.clocks])
        )

    def start(
        self,
        kind: ClockKind,
        at: datetime,
        policy: Policy,
        *,
        tier: str | None = None,
        group: str | None = None,
        vendor: str | None = None,
        assignment_id: UUID | None = None,
    ) -> Timeline:
        """Start one more clock. Its identifier follows from the ticket's, so that a rebuild gives the same."""
        nth = 1 + sum(1 for clock in self.clocks if clock.kind == kind)
        clock = Clock(
            id=uuid5(self.ticket_id, f"{self.tenant}/{kind}/{nth}"),
            kind=kind,
            started_at=at,
            tier=tier,
            group=group,
            vendor=vendor,
            assignment_id=assignment_id,
        )
        return self._replace(clocks=(*self.clocks, self._bound(clock, at, policy)))

    def rebind(self, at: datetime, policy: Policy) -> Timeline:
        """Hold each open clock to what the policy says of the ticket as it is now."""
        return self.revise(lambda clock: self._bound(clock, at, policy))

    def judge(self, clock: Clock, policy: Policy) -> Clock:
        """The verdict on a clock that ended before triage said what was promised: a call was answered at once."""
        if clock.ended_at is None:
            return clock
        bound = self._bound(clock._replace(ended_at=None), clock.started_at, policy)
        return end(bound, clock.ended_at, policy, kept=True)

    def _bound(self, clock: Clock, at: datetime, policy: Policy) -> Clock:
        if self.category is None or self.priority is None:
            return clock
        target = policy.target(
            clock.kind, priority=self.priority, category=self.category, tier=clock.tier, vendor=clock.vendor
        )
        return bind(clock, target, policy, at, version=self.policy_version)


def fold(timeline: Timeline, event: TicketEvent, policy: Policy) -> Timeline:
    """The clocks after one more event. An event that was folded before changes nothing.

    `policy` is the one that `timeline.policy_version` names. Raises `tierdesk_policy.BusinessTimeError` for an instant
    that no calendar reaches.
    """
    if event.sequence <= timeline.sequence:
        return timeline
    timeline = timeline._replace(sequence=event.sequence)
    step = _STEPS.get(event.kind)  # type: ignore[attr-defined]  # every concrete event has one
    return timeline if step is None else step(timeline, event, policy)


def _opened(timeline: Timeline, event: events.Opened, policy: Policy) -> Timeline:
    timeline = timeline._replace(category=event.category)
    return timeline.start(ClockKind.FIRST_RESPONSE, event.at, policy).start(ClockKind.RESOLUTION, event.at, policy)


def _triaged(timeline: Timeline, event: events.Triaged, policy: Policy) -> Timeline:
    is_first = timeline.priority is None
    timeline = timeline._replace(category=event.category, priority=event.priority)
    return (timeline.revise(lambda clock: timeline.judge(clock, policy)) if is_first else timeline).rebind(
        event.at, policy
    )


def _reprioritised(timeline: Timeline, event: events.Reprioritised, policy: Policy) -> Timeline:
    return timeline._replace(priority=event.priority).rebind(event.at, policy)


def _offered(timeline: Timeline, event: events.Offered, policy: Policy) -> Timeline:
    """Begin a visit; the group that did not accept and is asked again goes on with the visit that it has."""

    def is_same_visit(clock: Clock) -> bool:
        return (
            event.reason is OfferReason.NOT_ACCEPTED
            and clock.is_open
            and (clock.kind, clock.tier, clock.group) == (ClockKind.ACCEPTANCE, event.tier, event.group)
        )

    timeline = _stop_waiting(timeline, event.at, policy)
    if any(is_same_visit(clock) for clock in timeline.clocks):
        return timeline.revise(
            lambda clock: clock._replace(assignment_id=event.assignment_id) if is_same_visit(clock) else clock
        )
    return _end(timeline, event.at, policy, ClockKind.ACCEPTANCE, kept=False).start(
        ClockKind.ACCEPTANCE,
        event.at,
        policy,
        tier=event.tier,
        group=event.group,
        vendor=event.vendor,
        assignment_id=event.assignment_id,
    )


def _accepted(timeline: Timeline, event: Any, policy: Policy) -> Timeline:
    return timeline.revise(
        lambda clock: end(clock, event.at, policy, kept=True) if clock.assignment_id == event.assignment_id else clock,
        ClockKind.ACCEPTANCE,
    )


def _progressed(timeline: Timeline, event: events.Progressed, policy: Policy) -> Timeline:
    timeline = _accepted(timeline, event, policy)
    return _end(timeline, event.at, policy, ClockKind.FIRST_RESPONSE, kept=True) if event.answer else timeline


def _called(timeline: Timeline, event: events.CallNoted, policy: Policy) -> Timeline:
    if event.outcome not in _ANSWERED:
        return timeline
    return _end(timeline, event.answered_at or event.at, policy, ClockKind.FIRST_RESPONSE, kept=True)


def _paused(timeline: Timeline, event: events.Paused, policy: Policy) -> Timeline:
    timeline = _accepted(timeline, event, policy)._replace(waiting=event.assignment_id)
    return timeline.revise(lambda clock: hold(clock, event.party, event.at, policy))


def _resumed(timeline: Timeline, event: events.Resumed, policy: Policy) -> Timeline:
    return _stop_waiting(timeline, event.at, policy)


def _resolved(timeline: Timeline, event: events.Resolved, policy: Policy) -> Timeline:
    timeline = _stop_waiting(_accepted(timeline, event, policy), event.at, policy)
    return _end(timeline, event.at, policy, ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION, kept=True)


def _closed(timeline: Timeline, event: events.Closed, policy: Policy) -> Timeline:
    """Closed by the requester before any tier resolved it: solved all the same, but nobody responded."""
    timeline = _end(timeline, event.at, policy, ClockKind.RESOLUTION, kept=True)
    return _fallen_away(timeline, event, policy)


def _reopened(timeline: Timeline, event: events.ReopenedAgain, policy: Policy) -> Timeline:
    return timeline.revise(lambda clock: resume(clock, event.at, policy), ClockKind.RESOLUTION).rebind(event.at, policy)


def _fallen_away(timeline: Timeline, event: TicketEvent, policy: Policy) -> Timeline:
    return _end(timeline, event.at, policy, kept=False)._replace(waiting=None)


def _left(timeline: Timeline, event: Any, policy: Policy) -> Timeline:
    """The visit is over, taken or not, and so is its waiting."""
    timeline = timeline.revise(
        lambda clock: end(clock, event.at, policy, kept=False) if clock.assignment_id == event.assignment_id else clock,
        ClockKind.ACCEPTANCE,
    )
    return _stop_waiting(timeline, event.at, policy) if timeline.waiting == event.assignment_id else timeline


def _withdrawn(timeline: Timeline, event: events.Withdrawn, policy: Policy) -> Timeline:
    # Of an offer that nobody accepted, the next offer tells whether the visit goes on.
    return timeline if event.reason is WithdrawReason.NOT_ACCEPTED else _left(timeline, event, policy)


def _stop_waiting(timeline: Timeline, at: datetime, policy: Policy) -> Timeline:
    """Release what the waiting holds. While nothing waits no clock is held, so there is nothing to release."""
    if timeline.waiting is None:
        return timeline
    return timeline._replace(waiting=None).revise(lambda clock: release(clock, at, policy))


def _end(timeline: Timeline, at: datetime, policy: Policy, *kinds: ClockKind, kept: bool) -> Timeline:
    return timeline.revise(lambda clock: end(clock, at, policy, kept=kept), *kinds)


_STEPS: Final[Mapping[str, Callable[[Timeline, Any, Policy], Timeline]]] = {
    "opened": _opened,
    "triaged": _triaged,
    "reprioritised": _reprioritised,
    "offered": _offered,
    "accepted": _accepted,
    "progressed": _progressed,
    "called": _called,
    "paused": _paused,
    "resumed": _resumed,
    "resolved": _resolved,
    "closed": _closed,
    "reopened": _reopened,
    "cancelled": _fallen_away,
    "merged": _fallen_away,
    "escalated": _left,
    "transferred": _left,
    "returned": _left,
    "withdrawn": _withdrawn,
}
