"""How sure a share is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.domain.shares import wilson_interval


@pytest.mark.parametrize(
    ("successes", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (10, 10, 0.7225, 1.0)],
)
def test_the_interval_is_wilsons(successes, of, low, high):
    """Figures of R: `prop.test(81, 263, correct = FALSE)` and its like."""
    assert wilson_interval(successes, of) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_share_lies_within_its_interval(counted):
    successes, of = counted
    low, high = wilson_interval(successes, of)
    assert 0 <= low <= successes / of + 1e-12
    assert successes / of - 1e-12 <= high <= 1
