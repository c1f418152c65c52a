"""Who held a ticket when: while it lives, one line of segments without gaps, so that each delay is somebody's.

A segment begins where the one before ends: with each offer, with a carrying to another tier, and when an assignment
ends. What belongs to no assignment is the desk's (nobody is asked yet), or, after a resolution, the requester's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_policy import Policy
from tierdesk_sla.domain.clocks import Clock, closed_holds

DESK: Final = "desk"
VISIT: Final = "visit"
RESOLVED: Final = "resolved"


class Wait(NamedTuple):
    """A stretch of a segment in which the work waited for a party, as its holder said; open while `until` is None."""

    since: datetime
    until: datetime | None
    party: str


class Segment(NamedTuple):
    """A stretch of a ticket's life and who had it then.

    `holder` is `visit` (a group, named with its tier, its vendor, and the worker who took it), `desk` (nobody was asked
    yet) or `resolved`. `ended_by` is the kind of the event that ended it; `until` is None while it lasts.
    """

    since: datetime
    holder: str
    until: datetime | None = None
    tier: str | None = None
    group: str | None = None
    vendor: str | None = None
    worker: str | None = None
    accepted_at: datetime | None = None
    assignment_id: UUID | None = None
    ended_by: str | None = None
    waits: tuple[Wait, ...] = ()


def find_segments(history: Iterable[TicketEvent]) -> tuple[Segment, ...]:
    """The segments of a ticket from its events in order; there is none of the time after it was closed for good.

    What is told later but with an earlier time, as by a party whose wall clock is behind, happened when the segment
    before ended.
    """
    done: list[Segment] = []
    current: Segment | None = None
    ended_at = datetime.min.replace(tzinfo=UTC)
    for event in history:
        step = _STEPS.get(event.kind)  # type: ignore[attr-defined]  # every concrete event has one
        following = current if step is None else step(current, event)
        if following is current:
            continue
        if current is not None and (following is None or _is_another(following, current)):
            closed = _close(current, event)
            ended_at = closed.until or ended_at
            if closed.holder != DESK or closed.until != closed.since:
                done.append(closed)
            current = None
        if current is None and following is not None:
            following = following._replace(since=max(following.since, ended_at))
        current = following
    return (*done, *(() if current is None else (current,)))


def used_seconds(segment: Segment, clock: Clock, at: datetime, policy: Policy) -> float:
    """How much of a clock was used up in a segment by `at`, in seconds of its calendar; 0 when nothing is promised.

    Over all segments that is what `elapsed_seconds` says of the clock.
    """
    if clock.promise is None:
        return 0
    stopped_at = clock.ended_at or (clock.hold.since if clock.hold is not None else at)
    since = max(segment.since, clock.started_at)
    until = min(segment.until or at, stopped_at)
    if until <= since:
        return 0
    return policy.calendar(clock.promise.calendar).between(since, until, closed_holds(clock.holds))


def _is_another(following: Segment, current: Segment) -> bool:
    return (following.since, following.holder, following.tier, following.assignment_id) != (
        current.since,
        current.holder,
        current.tier,
        current.assignment_id,
    )


def _close(segment: Segment, event: Any) -> Segment:
    until = max(event.at, segment.since)
    return _stop_waiting(segment, until)._replace(until=until, ended_by=event.kind)


def _opened(_: Segment | None, event: TicketEvent) -> Segment:
    return Segment(event.at, DESK)


def _offered(_: Segment | None, event: events.Offered) -> Segment:
    return Segment(
        event.at,
        VISIT,
        tier=event.tier,
        group=event.group,
        vendor=event.vendor,
        assignment_id=event.assignment_id,
    )


def _accepted(current: Segment | None, event: Any) -> Segment | None:
    """The first outcome of the assignment is its acceptance, also when nobody said so."""
    if current is None or current.assignment_id != event.assignment_id or current.accepted_at is not None:
        return current
    return current._replace(worker=getattr(event, "worker", None), accepted_at=max(event.at, current.since))


def _paused(current: Segment | None, event: events.Paused) -> Segment | None:
    current = _accepted(current, event)
    if current is None or current.assignment_id != event.assignment_id:
        return current
    at = max(event.at, current.since)
    current = _stop_waiting(current, at)
    return current._replace(waits=(*current.waits, Wait(at, None, event.party.value)))


def _resumed(current: Segment | None, event: events.Resumed) -> Segment | None:
    return None if current is None else _stop_waiting(current, event.at)


def _carried(current: Segment | None, event: events.Carried) -> Segment | None:
    """The same worker goes on in another tier."""
    current = _accepted(current, event)
    if current is None or current.assignment_id != event.assignment_id or current.tier == event.to_tier:
        return current
    waiting = current.waits[-1:] if current.waits and current.waits[-1].until is None else ()
    at = max(event.at, current.since)
    return current._replace(
        since=at, accepted_at=at, tier=event.to_tier, waits=tuple(wait._replace(since=at) for wait in waiting)
    )


def _resolved(_: Segment | None, event: TicketEvent) -> Segment:
    return Segment(event.at, RESOLVED)


def _left(current: Segment | None, event: Any) -> Segment | None:
    if current is None or current.assignment_id != event.assignment_id:
        return current
    return Segment(max(event.at, current.since), DESK)


def _reopened(_: Segment | None, event: TicketEvent) -> Segment:
    return Segment(event.at, DESK)


def _ended(_: Segment | None, _event: TicketEvent) -> None:
    return None


def _stop_waiting(segment: Segment, at: datetime) -> Segment:
    if not segment.waits or segment.waits[-1].until is not None:
        return segment
    *before, last = segment.waits
    return segment._replace(waits=(*before, last._replace(until=max(at, last.since))))


_STEPS: Final[Mapping[str, Callable[[Segment | None, Any], Segment | None]]] = {
    "opened": _opened,
    "offered": _offered,
    "accepted": _accepted,
    "progressed": _accepted,
    "carried": _carried,
    "paused": _paused,
    "resumed": _resumed,
    "resolved": _resolved,
    "escalated": _left,
    "transferred": _left,
    "returned": _left,
    "withdrawn": _left,
    "closed": _ended,
    "cancelled": _ended,
    "merged": _ended,
    "reopened": _reopened,
}
