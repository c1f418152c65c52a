"""One clock: a promise that runs from an instant, stands still while it is held, and ends met or missed.

Everything follows from instants of events, never from when somebody looked: the due instant is the target added, in
the calendar's open time, to the start, leaving out the holds. A clock that ends at its due instant is met. Once the
due instant has passed the promise is broken for good; a later change of priority does not mend it.

Clocks and timelines are named tuples, since each message makes some twenty changed copies of them: `_replace` takes a
quarter of the time of `dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from tierdesk_policy import ClockKind, Policy, Target

RESOLVED_HOLD: Final = "resolved"
"""The party of a hold between a resolution and the reopening: nobody worked, and nobody had to."""


class ClockState(StrEnum):
    """Where a clock stands."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    VOID = "void"
    """Ended without a verdict: nothing was promised, or what was promised fell away in time."""


class Promise(NamedTuple):
    """What a clock is held to: the target that the policy named for its ticket."""

    within_seconds: int
    calendar: str
    warn_at: tuple[float, ...]
    policy_version: str


class Hold(NamedTuple):
    """A stretch that does not count, and whom it waited for; open while `until` is None."""

    since: datetime
    until: datetime | None
    party: str


class WarnPoint(NamedTuple):
    """The instant at which this share of the target is used up."""

    share: float
    at: datetime


class Clock(NamedTuple):
    """One promise of a ticket. `tier`, `group`, `vendor` and `assignment_id` name the visit that it is about.

    Of a callback, `assignment_id` stands for the call that nobody answered.

    `due_at` is None, and there are no `warnings`, while nothing is promised or a hold stops the clock short of its due
    instant.
    """

    id: UUID
    kind: ClockKind
    started_at: datetime
    tier: str | None = None
    group: str | None = None
    vendor: str | None = None
    assignment_id: UUID | None = None
    promise: Promise | None = None
    holds: tuple[Hold, ...] = ()
    state: ClockState = ClockState.RUNNING
    due_at: datetime | None = None
    warnings: tuple[WarnPoint, ...] = ()
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def hold(self) -> Hold | None:
        """The hold that stops it now."""
        return self.holds[-1] if self.holds and self.holds[-1].until is None else None

    def is_overdue(self, at: datetime) -> bool:
        """Whether its promise was broken by then."""
        return self.due_at is not None and at > self.due_at


def bind(clock: Clock, target: Target | None, policy: Policy, at: datetime, *, version: str) -> Clock:
    """Hold a clock to another target from its start on, keeping its holds; `version` is the policy's name.

    One that has ended, or was overdue at `at`, keeps what it was held to.
    """
    if not clock.is_open or clock.is_overdue(at):
        return clock
    promise = None if target is None else _promise(target, version)
    return clock if promise == clock.promise else schedule(clock._replace(promise=promise), policy)


def hold(clock: Clock, party: str, at: datetime, policy: Policy) -> Clock:
    """Work waits for this party from `at` on: the clock stands still if the policy says so, else it runs."""
    if not clock.is_open:
        return clock
    holds = _close_hold(clock.holds, at)
    if policy.stops(party, clock.kind):
        holds = (*holds, Hold(at, None, party))
    return clock if holds == clock.holds else _reheld(clock, holds, policy)


def release(clock: Clock, at: datetime, policy: Policy) -> Clock:
    """Work goes on at `at`."""
    if clock.hold is None:
        return clock
    return _reheld(clock, _close_hold(clock.holds, at), policy)


def end(clock: Clock, at: datetime, policy: Policy, *, kept: bool) -> Clock:
    """End a clock: `kept` when what was promised was done, else because it fell away.

    An end before the start counts as at the start. Whatever ends a clock after its due instant, it is missed.
    """
    if not clock.is_open:
        return clock
    ended_at = max(at, clock.started_at)
    clock = _reheld(clock, _close_hold(clock.holds, ended_at), policy)
    if clock.is_overdue(ended_at):
        state = ClockState.MISSED
    else:
        state = ClockState.MET if kept and clock.promise is not None else ClockState.VOID
    return clock._replace(state=state, ended_at=ended_at)


def end_earlier(clock: Clock, at: datetime) -> Clock:
    """What was promised was done at `at` already, before what ended the clock; other clocks stay as they are."""
    judged = clock.state in (ClockState.MET, ClockState.MISSED)
    if not judged or clock.ended_at is None or not clock.started_at <= at < clock.ended_at:
        return clock
    state = ClockState.MISSED if clock.is_overdue(at) else ClockState.MET
    return clock._replace(state=state, ended_at=at)


def resume(clock: Clock, at: datetime) -> Clock:
    """Let an ended clock run on from `at`; the time since its end does not count.

    One that was late by its end stays so; any other has no due instant before it is bound or scheduled.
    """
    if clock.ended_at is None:
        return clock
    holds, ended_at = clock.holds, clock.ended_at
    if at > ended_at:
        holds = (*holds, Hold(ended_at, at, RESOLVED_HOLD))
    clock = clock._replace(holds=holds, ended_at=None, state=ClockState.RUNNING)
    is_late = clock.due_at is not None and clock.due_at <= ended_at
    return clock if is_late else clock._replace(due_at=None, warnings=())


def schedule(clock: Clock, policy: Policy) -> Clock:
    """Work out an open clock's state, due instant and warnings from its start, promise and holds."""
    stopped = clock.hold
    state = ClockState.RUNNING if stopped is None else ClockState.PAUSED
    promise = clock.promise
    if promise is None:
        return clock._replace(state=state, due_at=None, warnings=())
    calendar = policy.calendar(promise.calendar)
    closed = closed_holds(clock.holds)

    due_at = calendar.add(clock.started_at, promise.within_seconds, closed)
    if stopped is not None and stopped.since < due_at:
        return clock._replace(state=state, due_at=None, warnings=())
    warnings = tuple(
        WarnPoint(share, calendar.add(clock.started_at, share * promise.within_seconds, closed))
        for share in promise.warn_at
    )
    return clock._replace(state=state, due_at=due_at, warnings=warnings)


def elapsed_seconds(clock: Clock, at: datetime, policy: Policy) -> float | None:
    """How much of the target is used up at `at`, in seconds of its calendar; None when nothing is promised."""
    if clock.promise is None:
        return None
    until = clock.ended_at or (clock.hold.since if clock.hold is not None else at)
    calendar = policy.calendar(clock.promise.calendar)
    return calendar.between(clock.started_at, until, closed_holds(clock.holds))


def closed_holds(holds: Iterable[Hold]) -> list[tuple[datetime, datetime]]:
    """The holds that are over, as a calendar takes them."""
    return [(hold.since, hold.until) for hold in holds if hold.until is not None]


def _reheld(clock: Clock, holds: tuple[Hold, ...], policy: Policy) -> Clock:
    """The clock with its last holds changed.

    A due instant that is known is never worked out again: a hold before it takes it away, one after it comes too late.
    So a clock that was overdue when its ticket moved to another policy keeps it, whatever that policy's calendars are.
    """
    clock, due_at = clock._replace(holds=holds), clock.due_at
    if due_at is None:
        return schedule(clock, policy)
    stopped = clock.hold
    if stopped is None:
        return clock._replace(state=ClockState.RUNNING)
    if stopped.since < due_at:
        return clock._replace(state=ClockState.PAUSED, due_at=None, warnings=())
    return clock._replace(state=ClockState.PAUSED)


def _close_hold(holds: tuple[Hold, ...], at: datetime) -> tuple[Hold, ...]:
    if not holds or holds[-1].until is not None:
        return holds
    *before, last = holds
    return (*before, last._replace(until=at)) if at > last.since else tuple(before)


def _promise(target: Target, version: str) -> Promise:
    return Promise(target.within_seconds, target.calendar, tuple(sorted(target.warn_at)), version)
