"""What an endpoint's answer means."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_bridge.domain.answers import (
    LONGEST_RETRY_AFTER_SECONDS,
    Answer,
    Fate,
    State,
    go_on,
    judge,
    no_answer,
)
from tierdesk_bridge.domain.schedule import MOST_ATTEMPTS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.DELIVERED),
        (202, Fate.DELIVERED),
        (204, Fate.DELIVERED),
        (301, Fate.REFUSED),
        (307, Fate.REFUSED),
        (400, Fate.REFUSED),
        (404, Fate.REFUSED),
        (410, Fate.GONE),
        (429, Fate.REFUSED),
        (500, Fate.REFUSED),
        (599, Fate.REFUSED),
    ],
)
def test_a_status_has_one_meaning(status, fate):
    answer = judge(status, None, NOW)
    assert (answer.fate, answer.status) == (fate, status)
    assert bool(answer.detail) == (fate is not Fate.DELIVERED)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "120", 120.0),
        (503, " 7 ", 7.0),
        (429, "Mon, 02 Mar 2026 09:10:00 GMT", 600.0),
        (429, "Mon, 02 Mar 2026 08:00:00 GMT", 0.0),
        (429, "999999999999999999999", LONGEST_RETRY_AFTER_SECONDS),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_SECONDS),
        (429, "-5", 0.0),
        (429, "soon", 0.0),
        (429, f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}", 0.0),
        (429, "\u0661", 0.0),
        (500, "120", 0.0),
    ],
)
def test_a_wish_to_wait_is_heard_within_bounds(status, header, seconds):
    assert judge(status, header, NOW).retry_after_seconds == seconds


@given(st.text(max_size=50))
def test_no_header_is_too_odd(header):
    assert 0.0 <= judge(429, header, NOW).retry_after_seconds <= LONGEST_RETRY_AFTER_SECONDS


@given(st.integers(0, MOST_ATTEMPTS - 1), st.sampled_from(Fate), st.floats(0, 1, exclude_max=True))
def test_a_delivery_ends_when_it_is_delivered_or_every_attempt_is_used_up(attempts, fate, draw):
    step = go_on(attempts, Answer(fate, retry_after_seconds=50.0), draw)
    if fate is Fate.DELIVERED:
        assert (step.state, step.attempts) == (State.DELIVERED, attempts + 1)
    elif fate is Fate.GONE:
        assert (step.state, step.attempts) == (State.PENDING, attempts)
    elif attempts + 1 == MOST_ATTEMPTS:
        assert step.state is State.FAILED
    else:
        assert (step.state, step.attempts) == (State.PENDING, attempts + 1)
        assert step.pause_seconds >= 50.0


@given(st.text(max_size=400))
def test_why_there_was_no_answer_can_be_stored_and_printed(text):
    detail = no_answer(text).detail
    assert len(detail) <= 300
    assert detail.isprintable()
    assert detail.encode().decode() == detail
