"""Ratings, as pure functions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_desk.domain.ratings import CHANGED_WITHIN, RATED_WITHIN, NotRatedError, may_rate, rate, resolution_of
from tierdesk_desk.domain.requests import Entry, Request

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
REQUEST = Request("main", "t", NOW, NOW, party="ann", status="resolved")
RESOLVED = Entry("main", "t", 7, NOW, "resolved")


@given(
    st.lists(st.tuples(st.integers(1, 5), st.text(max_size=5), st.timedeltas(timedelta(0), RATED_WITHIN)), max_size=8)
)
def test_the_last_rating_in_time_stands_and_each_change_is_counted(given_ratings):
    standing, now, told = None, NOW, 0
    for score, comment, later in given_ratings:
        now = max(now, NOW + later)
        before = standing
        try:
            standing = rate(REQUEST, RESOLVED, before, score=score, comment=comment, now=now)
        except NotRatedError:
            assert not may_rate(RESOLVED, before, now)
            continue
        assert (standing.score, standing.comment) == (score, comment)
        told += standing != before
        assert standing.revision == told
        assert before is None or before.rated_at == standing.rated_at
        assert before is None or standing is before or now <= before.rated_at + CHANGED_WITHIN


@pytest.mark.parametrize("score", [0, 6, -1])
def test_a_score_is_one_to_five(score):
    with pytest.raises(NotRatedError):
        rate(REQUEST, RESOLVED, None, score=score, comment="", now=NOW)


@pytest.mark.parametrize("status", ["new", "offered", "accepted", "paused", "cancelled", "merged"])
def test_what_is_open_again_is_not_rated(status):
    request = Request("main", "t", NOW, NOW, party="ann", status=status)
    assert resolution_of(request, [RESOLVED]) is None


def test_the_last_resolution_is_the_one_that_is_rated():
    again = Entry("main", "t", 12, NOW, "resolved")
    assert resolution_of(REQUEST, [RESOLVED, again]) == again
    assert resolution_of(REQUEST, []) is None
