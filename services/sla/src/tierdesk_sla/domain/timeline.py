"""All clocks of one ticket, and what they need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from tierdesk_policy import ClockKind, Policy
from tierdesk_sla.domain.clocks import Clock, bind, end, hold, release, resume, schedule


class Timeline(NamedTuple):
    """What the clocks of a ticket need to know of it, and the clocks, in the order in which they started.

    `policy_version` is the policy that its clocks are pinned to, `moved_to` the same when they were moved to another
    than the ticket's events name. `sequence` is that of the last event folded. `waiting` is the assignment that says it
    waits for somebody, `waiting_for` whom.
    """

    tenant: str
    ticket_id: UUID
    reference: str
    policy_version: str
    sequence: int = 0
    category: str | None = None
    priority: int | None = None
    waiting: UUID | None = None
    waiting_for: str | None = None
    moved_to: str | None = None
    clocks: tuple[Clock, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be done: resolved, closed, cancelled or merged."""
        return not any(clock.is_open for clock in self.clocks if clock.kind is ClockKind.RESOLUTION)

    def open_clocks(self, kind: ClockKind) -> list[Clock]:
        """The clocks of a kind that have not ended."""
        return [clock for clock in self.clocks if clock.kind is kind and clock.is_open]

    def pinned_to(self, policy_version: str) -> Timeline:
        """The same, with its ticket pinned to this policy from the next event on, unless its clocks were moved."""
        if self.moved_to is not None:
            return self
        return self if policy_version == self.policy_version else self._replace(policy_version=policy_version)

    def revise(self, change: Callable[[Clock], Clock], *kinds: ClockKind) -> Timeline:
        """Change the open clocks of these kinds; without any, all clocks, ended ones too."""
        if not kinds:
            return self._replace(clocks=tuple([change(clock) for clock in self.clocks]))
        if not any(clock.kind in kinds and clock.is_open for clock in self.clocks):
            return self
        clocks = [change(clock) if clock.kind in kinds and clock.is_open else clock for clock in self.clocks]
        return self._replace(clocks=tuple(clocks))

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
        """Start one more clock, held if the ticket waits for somebody who stops it.

        Its identifier follows from the ticket's, so that a rebuild gives the same.
        """
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
        clock = self._bound(clock, at, policy)
        if self.waiting_for is not None:
            clock = hold(clock, self.waiting_for, at, policy)
        return self._replace(clocks=(*self.clocks, clock))

    def resume(self, place: int, at: datetime, policy: Policy) -> Timeline:
        """Let the clock at this place run on from `at`, held to what is promised now unless it was late when it ended."""
        clock = self.clocks[place]
        resumed = resume(clock, at)
        if resumed is not clock and resumed.due_at is None:
            bound = self._bound(resumed, at, policy)
            resumed = schedule(resumed, policy) if bound is resumed else bound
        return self._replace(clocks=(*self.clocks[:place], resumed, *self.clocks[place + 1 :]))

    def end(self, at: datetime, policy: Policy, *kinds: ClockKind, kept: bool) -> Timeline:
        """End the clocks of these kinds, or all."""
        return self.revise(lambda clock: end(clock, at, policy, kept=kept), *kinds)

    def wait(self, assignment_id: UUID, party: str, at: datetime, policy: Policy) -> Timeline:
        """The ticket waits for a party, which may stop clocks."""
        waiting = self._replace(waiting=assignment_id, waiting_for=party)
        waiting = waiting.revise(lambda clock: hold(clock, party, at, policy))
        # What was overdue when the ticket moved, and by a pause that is told late was not, moves now.
        return waiting if self.moved_to is None else waiting.rebind(at, policy)

    def stop_waiting(self, at: datetime, policy: Policy) -> Timeline:
        """Release what the waiting holds. While nothing waits no clock is held, so there is nothing to release."""
        if self.waiting is None:
            return self
        going_on = self._replace(waiting=None, waiting_for=None)
        return going_on.revise(lambda clock: release(clock, at, policy))

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
