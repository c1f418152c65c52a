"""How a call is folded from its events."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts.intake import CallOutcome
from tierdesk_intake.domain.calls import CallEvent, CallKind, CallState, SeenEvent, fold

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


def event(kind, seconds=None, **more):
    more.setdefault("direction", "in")
    return CallEvent(kind=kind, occurred_at=None if seconds is None else at(seconds), **more)


def seen(*events):
    """As they arrive, a second apart."""
    return [SeenEvent(one, at(number)) for number, one in enumerate(events)]


RINGS = event("newCall", 0, caller="+4912347114711", called="+4930600000000")
WAITS = event("queue", 5, queue="front")
ANSWERED = event("answer", 12, users=("ann",))
MAILBOX = event("voicemail", 20, recording="https://pbx.example/r/1")
HANGS_UP = event("hangup", 60, cause="normalClearing")


@pytest.mark.parametrize(
    ("events", "outcome", "waiting", "talking"),
    [
        ([RINGS], CallOutcome.RINGING, None, None),
        ([WAITS], CallOutcome.RINGING, None, None),
        ([RINGS, WAITS, ANSWERED], CallOutcome.ANSWERED, 12, None),
        ([WAITS, HANGS_UP], CallOutcome.MISSED, 55, None),
        ([RINGS, ANSWERED], CallOutcome.ANSWERED, 12, None),
        ([RINGS, ANSWERED, HANGS_UP], CallOutcome.ENDED, 12, 48),
        ([RINGS, HANGS_UP], CallOutcome.MISSED, 60, None),
        ([RINGS, MAILBOX], CallOutcome.VOICEMAIL, 20, None),
        ([RINGS, MAILBOX, HANGS_UP], CallOutcome.VOICEMAIL, 20, None),
        ([RINGS, ANSWERED, MAILBOX, HANGS_UP], CallOutcome.VOICEMAIL, 12, 48),
        ([HANGS_UP], CallOutcome.MISSED, None, None),
        ([ANSWERED], CallOutcome.ANSWERED, None, None),
    ],
)
def test_the_outcome_and_times_follow_from_what_was_said(events, outcome, waiting, talking):
    state = fold(seen(*events))
    assert (state.outcome, state.waiting_seconds, state.talking_seconds) == (outcome, waiting, talking)


def test_parties_cause_and_recording_are_collected_from_all_events():
    state = fold(seen(HANGS_UP, MAILBOX, RINGS, ANSWERED))
    assert state == CallState(
        direction="in",
        caller="+4912347114711",
        called="+4930600000000",
        outcome=CallOutcome.VOICEMAIL,
        started_at=at(0),
        answered_at=at(12),
        ended_at=at(60),
        waiting_seconds=12,
        talking_seconds=48,
        answered_by="ann",
        cause="normalClearing",
        recording="https://pbx.example/r/1",
    )


def test_an_answer_that_comes_after_the_hangup_leaves_the_call_closed_and_answered():
    late = event("answer", 70)
    state = fold(seen(RINGS, HANGS_UP, late))
    assert state.outcome is CallOutcome.ENDED
    assert state.answered_at == at(70)
    assert state.talking_seconds is None  # the times contradict each other


def test_without_times_an_event_happened_no_later_than_what_follows_it():
    state = fold(seen(event("hangup"), event("answer"), event("newCall")))
    assert (state.started_at, state.answered_at, state.ended_at) == (at(0), at(0), at(0))
    assert (state.waiting_seconds, state.talking_seconds) == (0, 0)


def test_without_times_the_times_of_arrival_count():
    state = fold(seen(event("newCall"), event("answer"), event("hangup")))
    assert (state.waiting_seconds, state.talking_seconds) == (1, 1)


def test_the_same_moment_in_another_zone_is_the_same_event():
    there = RINGS.model_copy(update={"occurred_at": datetime.fromisoformat("2026-11-02T10:00:00+01:00")})
    assert there.digest() == RINGS.digest()


@pytest.mark.parametrize("kind", list(CallKind))
def test_calls_that_we_make_call_for_no_action(kind):
    assert not fold(seen(event("newCall", 0, direction="out"), event(kind, 1, direction="out"))).is_actionable


TIMES = st.integers(0, 300)
NAMES = st.sampled_from(["ann", "bob", "+4912347114711"])


def call_events(times):
    return st.builds(
        event,
        st.sampled_from(list(CallKind)),
        times,
        direction=st.sampled_from(["in", "out"]),
        caller=st.none() | NAMES,
        users=st.lists(NAMES, max_size=2).map(tuple),
        cause=st.none() | st.sampled_from(["cancel", "normalClearing"]),
        recording=st.none() | st.just("r/1"),
    )


@given(events=st.lists(call_events(TIMES), min_size=1, max_size=8), data=st.data())
def test_neither_order_nor_repetition_of_events_with_times_changes_anything(events, data):
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=8))
    arrived = data.draw(st.permutations(repeated))
    assert fold(seen(*arrived)) == fold(seen(*events))


@given(events=st.lists(call_events(st.none() | TIMES), min_size=1, max_size=8), data=st.data())
def test_without_times_order_and_repetition_change_nothing_but_the_times(events, data):
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=8))
    arrived = data.draw(st.permutations(repeated))
    times = {"started_at", "answered_at", "ended_at", "waiting_seconds", "talking_seconds"}
    assert fold(seen(*arrived)).model_dump(exclude=times) == fold(seen(*events)).model_dump(exclude=times)


@given(events=st.lists(call_events(st.none() | TIMES), min_size=1, max_size=8), data=st.data())
def test_what_is_kept_folds_the_same_in_whatever_order_it_is_read(events, data):
    kept = seen(*events)
    assert fold(data.draw(st.permutations(kept))) == fold(kept)


@given(events=st.lists(call_events(st.none() | TIMES), min_size=1, max_size=8))
def test_a_span_of_time_is_never_negative_and_the_state_survives_storage(events):
    state = fold(seen(*events))
    assert all(span is None or span >= 0 for span in (state.waiting_seconds, state.talking_seconds))
    assert CallState.model_validate(state.model_dump(mode="json", exclude_none=True)) == state
