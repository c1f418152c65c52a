"""Any history of a ticket: what must hold of its clocks, whatever happens in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tierdesk_contracts import ticket as events
from tierdesk_policy import Policy, load_policy
from tierdesk_sla.domain.alarms import Alarm, is_refuted, next_moment, retract, say
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.replaying import Move, move, replay
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.store.rows import clock_row, read_clock, read_ticket, ticket_row

# The calendar never closes, so that elapsed time can be counted second by second in a few lines.
POLICY = load_policy("""
name: Round the clock
tiers: [{id: l1}]
groups: [{id: front, tier: l1}]
categories: [{id: usage, tier: l1, group: front}]
targets:
  - {kind: first_response, within: 30s, priorities: [1], warn_at: [0.5]}
  - {kind: first_response, within: 90s, priorities: [2], warn_at: [0.1, 0.5]}
  - {kind: resolution, within: 60s, priorities: [1]}
  - {kind: resolution, within: 200s, priorities: [2, 3]}
  - {kind: acceptance, within: 20s}
pauses:
  requester: [first_response, resolution]
  change: [resolution]
""")
PARTIES = ("requester", "change", "vendor")

Step = tuple[str, int, Any]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("triaged"), st.integers(0, 40), st.integers(1, 3)),
        st.tuples(st.just("reprioritised"), st.integers(0, 40), st.integers(1, 4)),
        st.tuples(st.just("paused"), st.integers(0, 40), st.sampled_from(PARTIES)),
        st.tuples(st.just("resumed"), st.integers(0, 40), st.none()),
        st.tuples(st.just("answered"), st.integers(0, 40), st.none()),
        st.tuples(st.just("offered"), st.integers(0, 40), st.none()),
        st.tuples(st.just("accepted"), st.integers(0, 40), st.none()),
        st.tuples(st.just("resolved"), st.integers(0, 40), st.none()),
        st.tuples(st.just("reopened"), st.integers(0, 40), st.none()),
        st.tuples(st.just("cancelled"), st.integers(0, 40), st.none()),
    ),
    max_size=12,
)

TELL: dict[str, Callable[[Any, datetime, Any], Any]] = {
    "triaged": lambda story, at, priority: story.tell(
        events.Triaged,
        at,
        category="usage",
        impact=1,
        urgency=1,
        priority=priority,
        tier="l1",
        group="front",
        completeness=1.0,
        explanation=events.Explanation(rule="entry", because=(), policy_version="v"),
    ),
    "reprioritised": lambda story, at, priority: story.tell(
        events.Reprioritised, at, impact=1, urgency=1, priority=priority
    ),
    "paused": lambda story, at, party: story.paused(at, party),
    "resumed": lambda story, at, _: story.resumed(at),
    "answered": lambda story, at, _: story.tell(events.Progressed, at, assignment="first", answer="Yes."),
    "offered": lambda story, at, _: story.tell(
        events.Offered, at, assignment="first", token=1, tier="l1", group="front", reason="triage"
    ),
    "accepted": lambda story, at, _: story.tell(events.Accepted, at, assignment="first", worker="ana"),
    "resolved": lambda story, at, _: story.resolved(at),
    "reopened": lambda story, at, _: story.tell(events.ReopenedAgain, at),
    "cancelled": lambda story, at, _: story.tell(events.CancelledByRequester, at),
}


def history(tell, steps: list[Step]):
    """A story of these steps, each so many seconds after the one before."""
    story = tell().opened()
    at = story.opened_at
    for kind, seconds, value in steps:
        at += timedelta(seconds=seconds)
        TELL[kind](story, at, value)
    return story


def fold_all(story, timeline: Timeline | None = None) -> Timeline:
    timeline = timeline or Timeline("main", story.ticket_id, "TD-TEST-0001", POLICY.version)
    for event in story.events:
        timeline = fold(timeline, event, POLICY)
    return timeline


def through_rows(timeline: Timeline) -> Timeline:
    """The timeline as it comes back from rows, through JSON as they travel."""
    clocks = []
    for place, clock in enumerate(timeline.clocks, start=1):
        row = orjson.loads(orjson.dumps(clock_row(timeline, place, clock, Alarm())))
        for name in ("id", "assignment_id"):
            row[name] = row[name] and UUID(row[name])
        for name in ("started_at", "due_at", "ended_at", "next_at"):
            row[name] = row[name] and datetime.fromisoformat(row[name])
        clocks.append(read_clock(row)[0])
    return read_ticket(ticket_row(timeline), tuple(clocks))


@given(steps)
def test_folding_on_from_rows_gives_the_same_clocks(tell, steps):
    story = history(tell, steps)
    timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", POLICY.version)
    for event in story.events:
        timeline = through_rows(fold(timeline, event, POLICY))
    assert timeline == fold_all(story)


class Told:
    """A message of one event."""

    def __init__(self, event):
        self.first_sequence = self.sequence = event.sequence
        self.policy_version = POLICY.version
        self.events = (event,)


@example([("triaged", 0, 1)], [(2, "b"), (2, "a")])
@given(steps, st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["a", "b"])), max_size=3))
def test_a_replay_with_moves_to_other_policies_gives_the_clocks_of_the_live_path(tell, steps, moves):
    story = history(tell, steps)
    blank = Timeline("main", story.ticket_id, "TD-TEST-0001", POLICY.version)
    policies = {POLICY.version: POLICY, "a": policy_with(within=45), "b": policy_with(within=500)}
    live, kept = blank, []
    for event in story.events:
        live = live.pinned_to(POLICY.version)
        live = through_rows(fold(live, event, policies[live.policy_version]))
        for after, version in moves:
            if after == event.sequence:
                kept.append(Move(event.sequence, version, event.at + timedelta(seconds=1)))
                live = through_rows(move(live, version, kept[-1].moved_at, policies[version]))
    assert replay(blank, [Told(event) for event in story.events], kept, policies.__getitem__) == live


def policy_with(*, within: int):
    document = POLICY.document()
    for target in document["targets"]:
        target["within"] = within
    return Policy.from_document(document)


@given(steps)
def test_events_that_come_again_change_nothing(tell, steps):
    story = history(tell, steps)
    once = fold_all(story)
    assert fold_all(story, once) is once


@given(steps)
def test_a_clock_is_held_only_while_its_ticket_waits(tell, steps):
    timeline = Timeline("main", UUID(int=1), "TD-TEST-0001", POLICY.version)
    for event in history(tell, steps).events:
        timeline = fold(timeline, event, POLICY)
        assert timeline.waiting is not None or not any(clock.hold for clock in timeline.clocks)


@given(steps)
def test_a_hold_never_counts_and_all_other_time_does(tell, steps):
    """Against an oracle that steps through the resolution clock second by second."""
    story = history(tell, steps)
    clock = next(clock for clock in fold_all(story).clocks if clock.kind == "resolution")
    stopped_at = {second for hold in clock.holds for second in seconds_of(hold.since, hold.until, story.events[-1].at)}
    if clock.promise is None or clock.due_at is None:
        return
    worked, at = 0, clock.started_at
    while worked < clock.promise.within_seconds:
        worked += at not in stopped_at
        at += timedelta(seconds=1)
    assert clock.due_at == at


def seconds_of(since: datetime, until: datetime | None, last: datetime):
    while since < (until or last):
        yield since
        since += timedelta(seconds=1)


@given(steps)
def test_what_is_met_ended_by_its_due_instant_and_what_is_missed_after_it(tell, steps):
    for clock in fold_all(history(tell, steps)).clocks:
        if clock.state == "met":
            assert clock.ended_at <= clock.due_at
        if clock.state == "missed":
            assert clock.ended_at > clock.due_at
        assert clock.is_open == (clock.state in {"running", "paused"})


@settings(max_examples=300)
@given(st.integers(1, 2), steps, st.lists(st.integers(0, 60), min_size=14, max_size=14))
def test_whenever_the_watcher_looks_the_breaches_that_stand_follow_from_the_events_alone(tell, priority, steps, leaps):
    """Before each event the watcher looks, up to a minute ahead of it: the event is late. Nothing is said early."""
    story = history(tell, [("triaged", 0, priority), ("offered", 0, None), *steps])
    timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", POLICY.version)
    alarms: dict[UUID, Alarm] = {}
    for event, leap in zip(story.events, [0, *leaps], strict=False):
        speak(timeline, alarms, event.at + timedelta(seconds=leap))
        timeline = fold(timeline, event, POLICY)
        for clock in timeline.clocks:
            if is_refuted(clock, alarms.get(clock.id, Alarm())):
                alarms[clock.id] = retract(alarms[clock.id])
    speak(timeline, alarms, datetime(2100, 1, 1, tzinfo=UTC))
    standing = {clock.id for clock in timeline.clocks if alarms.get(clock.id, Alarm()).breach_due_at is not None}
    assert standing == {
        clock.id
        for clock in timeline.clocks
        if clock.due_at is not None and clock.state in {"running", "paused", "missed"}
    }


def speak(timeline: Timeline, alarms: dict[UUID, Alarm], now: datetime) -> None:
    for clock in timeline.clocks:
        alarm = alarms.get(clock.id, Alarm())
        while (moment := next_moment(clock, alarm)) is not None and moment.at <= now:
            assert moment.word == "warned" or moment.at == clock.due_at
            alarm = say(alarm, moment)
        alarms[clock.id] = alarm
