"""All that can be told of one ticket's clocks: what they are, who held the ticket, and what was said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import NamedTuple
from uuid import UUID

from tierdesk_policy import ELAPSED, Policy, Target
from tierdesk_sla.domain.alarms import Saying
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.segments import Segment
from tierdesk_sla.domain.timeline import Timeline


class Account(NamedTuple):
    """A ticket's clocks as they stand at `at`. `policies`, by version, are those known that its clocks were promised by."""

    timeline: Timeline
    segments: tuple[Segment, ...]
    said: Mapping[UUID, tuple[Saying, ...]]
    policies: Mapping[str, Policy]
    at: datetime

    def policy_of(self, clock: Clock) -> Policy | None:
        """The policy by which a clock was promised; None when nothing is, or this release cannot read it."""
        return None if clock.promise is None else self.policies.get(clock.promise.policy_version)

    def zone_of(self, clock: Clock) -> tzinfo | None:
        """The zone in which its times are told: of its calendar, or of the desk's where each second counts."""
        policy = self.policy_of(clock)
        if policy is None or clock.promise is None:
            return self.zone
        named = clock.promise.calendar
        return policy.calendar(policy.default_calendar if named == ELAPSED else named).zone

    @property
    def zone(self) -> tzinfo | None:
        """The zone of the desk's own calendar; None, and so UTC, when its policy cannot be read."""
        policy = self.policies.get(self.timeline.policy_version)
        return None if policy is None else policy.calendar(policy.default_calendar).zone

    def target_of(self, clock: Clock) -> tuple[int, Target] | None:
        """The target that a clock is held to, and its place in the policy's list, from 1."""
        policy, promise = self.policy_of(clock), clock.promise
        if policy is None or promise is None:
            return None
        terms = (promise.within_seconds, promise.calendar, promise.warn_at)
        fitting = [
            target
            for target in policy.targets
            if (target.within_seconds, target.calendar, tuple(sorted(target.warn_at))) == terms
        ]
        meant = self._meant(clock, policy)
        target = meant if meant in fitting else next((one for one in fitting if one.kind is clock.kind), None)
        return None if target is None else (policy.targets.index(target) + 1, target)

    def _meant(self, clock: Clock, policy: Policy) -> Target | None:
        ticket = self.timeline
        if ticket.priority is None or ticket.category is None:
            return None
        return policy.target(
            clock.kind, priority=ticket.priority, category=ticket.category, tier=clock.tier, vendor=clock.vendor
        )
