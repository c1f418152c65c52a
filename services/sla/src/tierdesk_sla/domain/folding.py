"""The clocks of a ticket after each of its events, in order of their sequence.

| clock | starts | ends met |
|---|---|---|
| first response | the ticket is opened | the first public answer, an answered call, or the resolution |
| update | a public answer, an answered call, a reopening | the next answer or answered call, or the resolution |
| callback | a call that nobody answered, a promise to call back | an answered call, a public answer, or the resolution |
| resolution | the ticket is opened | it is resolved |
| acceptance, visit, contract | see `tierdesk_sla.domain.visits` | |

Nothing is promised until triage has named the priority. A clock that falls away, as by cancelling, ends void. An update
is never promised while the first response is open: only what ends that starts one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from tierdesk_contracts import ticket as events
from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_policy import ClockKind, Policy, ReopenRule
from tierdesk_sla.domain import visits
from tierdesk_sla.domain.clocks import end, end_earlier
from tierdesk_sla.domain.timeline import Timeline

_ANSWERED: Final = (CallOutcome.ANSWERED, CallOutcome.ENDED)
_UNANSWERED: Final = (CallOutcome.MISSED, CallOutcome.VOICEMAIL, CallOutcome.PROMISED)
_HEARD: Final = (ClockKind.FIRST_RESPONSE, ClockKind.UPDATE, ClockKind.CALLBACK)
"""Whose requester waits to hear something."""
_FIRST_WORDS: Final = (ClockKind.FIRST_RESPONSE, ClockKind.CALLBACK)
"""Which the first word ends, also when it was a call that is told after a later word."""


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
    return visits.offer(timeline.stop_waiting(event.at, policy), event, policy)


def _progressed(timeline: Timeline, event: events.Progressed, policy: Policy) -> Timeline:
    timeline = visits.accept(timeline, event, policy)
    return _answer(timeline, event.at, policy) if event.answer else timeline


def _called(timeline: Timeline, event: events.CallNoted, policy: Policy) -> Timeline:
    if event.outcome in _ANSWERED:
        at = event.answered_at or event.at
        timeline = timeline.revise(lambda clock: end_earlier(clock, at) if clock.kind in _FIRST_WORDS else clock)
        timeline = _end_callback(timeline, at, policy, _call_key(timeline, event))
        return _answer(timeline, at, policy)
    if event.outcome in _UNANSWERED:
        return _expect_callback(timeline, event, policy)
    return timeline


def _answer(timeline: Timeline, at: datetime, policy: Policy) -> Timeline:
    """The requester hears of it at `at`, and from then on waits for the next word; a repeat or a late word is none."""
    timeline = _end_callback(timeline, at, policy)
    if any(at <= clock.started_at for clock in timeline.open_clocks(ClockKind.UPDATE)):
        return timeline
    timeline = timeline.end(at, policy, ClockKind.FIRST_RESPONSE, ClockKind.UPDATE, kept=True)
    return _expect_update(timeline, at, policy)


def _expect_update(timeline: Timeline, at: datetime, policy: Policy) -> Timeline:
    if timeline.is_over or not policy.promises(ClockKind.UPDATE):
        return timeline
    return timeline.start(ClockKind.UPDATE, max(at, timeline.clocks[0].started_at), policy)


def _expect_callback(timeline: Timeline, event: events.CallNoted, policy: Policy) -> Timeline:
    """Each call that nobody answered is waited for once, however often it tells of itself."""
    call_id = _call_key(timeline, event)
    known = any(clock.assignment_id == call_id for clock in timeline.clocks if clock.kind is ClockKind.CALLBACK)
    waits = timeline.open_clocks(ClockKind.CALLBACK)
    if known or waits or timeline.is_over or not policy.promises(ClockKind.CALLBACK):
        return timeline
    return timeline.start(ClockKind.CALLBACK, event.at, policy, assignment_id=call_id)


def _end_callback(timeline: Timeline, at: datetime, policy: Policy, call_id: UUID | None = None) -> Timeline:
    """What was heard before a call went unanswered is no answer to it, unless it is the same call after all."""
    return timeline.revise(
        lambda clock: (
            end(clock, at, policy, kept=True) if clock.started_at <= at or clock.assignment_id == call_id else clock
        ),
        ClockKind.CALLBACK,
    )


def _call_key(timeline: Timeline, event: events.CallNoted) -> UUID:
    return uuid5(timeline.ticket_id, f"call/{event.call_id}")


def _paused(timeline: Timeline, event: events.Paused, policy: Policy) -> Timeline:
    return visits.accept(timeline, event, policy).wait(event.assignment_id, event.party, event.at, policy)


def _resumed(timeline: Timeline, event: events.Resumed, policy: Policy) -> Timeline:
    return timeline.stop_waiting(event.at, policy)


def _resolved(timeline: Timeline, event: events.Resolved, policy: Policy) -> Timeline:
    timeline = visits.accept(timeline, event, policy).stop_waiting(event.at, policy)
    timeline = visits.resolve(timeline, event, policy)
    return timeline.end(event.at, policy, *_HEARD, ClockKind.RESOLUTION, kept=True)


def _closed(timeline: Timeline, event: events.Closed, policy: Policy) -> Timeline:
    """Closed by the requester before any tier resolved it: solved all the same, but nobody responded."""
    timeline = timeline.end(event.at, policy, ClockKind.RESOLUTION, kept=True)
    return _fallen_away(timeline, event, policy)


def _reopened(timeline: Timeline, event: events.ReopenedAgain, policy: Policy) -> Timeline:
    if not timeline.is_over:
        return timeline
    if policy.reopen is ReopenRule.RESTART:
        timeline = timeline.start(ClockKind.RESOLUTION, event.at, policy)
    else:
        last = max(place for place, clock in enumerate(timeline.clocks) if clock.kind is ClockKind.RESOLUTION)
        timeline = timeline.resume(last, event.at, policy).rebind(event.at, policy)
    return _expect_update(timeline, event.at, policy)


def _fallen_away(timeline: Timeline, event: TicketEvent, policy: Policy) -> Timeline:
    return timeline.end(event.at, policy, kept=False)._replace(waiting=None, waiting_for=None)


def _left(timeline: Timeline, event: Any, policy: Policy) -> Timeline:
    """The visit is over, taken or not, and so is its waiting."""
    timeline = visits.leave(timeline, event, policy)
    return timeline.stop_waiting(event.at, policy) if timeline.waiting == event.assignment_id else timeline


_STEPS: Final[Mapping[str, Callable[[Timeline, Any, Policy], Timeline]]] = {
    "opened": _opened,
    "triaged": _triaged,
    "reprioritised": _reprioritised,
    "offered": _offered,
    "accepted": visits.accept,
    "progressed": _progressed,
    "carried": visits.carry,
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
    "withdrawn": _left,
    "invited": visits.invite,
    "contributed": visits.leave,
    "declined": visits.leave,
    "released": visits.leave,
}
