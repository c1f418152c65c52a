"""When a delivery is tried again, and when an endpoint is left in peace."""

from hypothesis import given
from hypothesis import strategies as st

from tierdesk_bridge.domain.schedule import (
    DOWN_FROM,
    JITTER,
    LONGEST_REST_SECONDS,
    MOST_AT_ONCE,
    MOST_ATTEMPTS,
    PAUSES_SECONDS,
    pause_after,
    rest_after,
    room_for,
)

DRAWS = st.floats(0, 1, exclude_max=True)
DAY = 86_400.0


@given(st.integers(1, MOST_ATTEMPTS - 1), DRAWS)
def test_every_attempt_but_the_last_is_followed_by_a_pause_near_that_of_the_schedule(attempts, draw):
    pause = pause_after(attempts, draw)
    assert pause is not None
    assert abs(pause - PAUSES_SECONDS[attempts - 1]) <= JITTER * PAUSES_SECONDS[attempts - 1] + 1e-9


@given(st.integers(MOST_ATTEMPTS, 10_000), DRAWS)
def test_after_the_last_attempt_there_is_none(attempts, draw):
    assert pause_after(attempts, draw) is None


@given(st.lists(DRAWS, min_size=MOST_ATTEMPTS - 1, max_size=MOST_ATTEMPTS - 1))
def test_whatever_the_chance_a_delivery_is_tried_ten_times_over_days(draws):
    pauses = [pause_after(number, draw) for number, draw in enumerate(draws, 1)]
    assert len(pauses) + 1 == 10
    assert 2 * DAY < sum(pauses) < 4 * DAY
    assert pauses[0] <= 6.0


@given(st.integers(1, MOST_ATTEMPTS - 1), DRAWS, DRAWS)
def test_chance_spreads_and_never_shortens_by_more_than_its_part(attempts, one, other):
    pauses = sorted((pause_after(attempts, one), pause_after(attempts, other)))
    assert (pauses[0] == pauses[1]) == (one == other) or abs(one - other) < 1e-9
    assert pauses[1] <= pauses[0] * (1 + JITTER) / (1 - JITTER) * (1 + 1e-9)  # as far as floats can tell


@given(st.integers(0, 10_000), DRAWS)
def test_an_endpoint_rests_once_it_counts_as_down_and_never_for_long(failures, draw):
    rest = rest_after(failures, draw)
    assert (rest > 0) == (failures >= DOWN_FROM)
    assert rest <= LONGEST_REST_SECONDS * (1 + JITTER)


@given(st.integers(0, 100), st.integers(0, 100))
def test_what_is_in_flight_never_exceeds_what_an_endpoint_may_get(failures, in_flight):
    room = room_for(failures, in_flight)
    most = 1 if failures >= DOWN_FROM else MOST_AT_ONCE
    assert room >= 0
    assert room + in_flight <= max(most, in_flight)
    assert (room == 0) == (in_flight >= most)
