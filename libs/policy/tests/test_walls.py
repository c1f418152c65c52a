"""Times on the wall of the calendar's own zone are counted by a shorter way: it may not matter which way is taken."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tierdesk_policy import BusinessCalendar, BusinessTimeError, CalendarRules
from tierdesk_policy.openings import WEEKDAYS
from tierdesk_policy.units import parse_hours

CHANGES = {
    "Europe/Lisbon": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/Sao_Paulo": ("2018-11-04T00:00", "2018-02-17T23:00"),
    "Australia/Lord_Howe": ("2026-10-04T02:00", "2026-04-05T01:30"),
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),
    "Europe/Dublin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "Pacific/Apia": ("2011-12-30T00:00", "2012-04-01T03:00"),
    "Asia/Kathmandu": ("1986-01-01T00:00", "2026-01-01T00:00"),
    "America/New_York": ("2040-03-11T02:00", "2040-11-04T01:00"),
    "UTC": ("2026-01-01T00:00", "2028-02-29T00:00"),
}
"""Wall times at which the clock is put forward or back, and some at which it is not."""
# The first is open all the time, and yet not the calendar that knows of itself that it is.
HOURS = (["00:00-12:00", "12:00-24:00"], ["00:10-01:20", "01:45-02:40", "09:00-17:00"], ["22:00-02:15"])

walls = st.builds(
    lambda change, micros, fold: (datetime.fromisoformat(change) + timedelta(microseconds=micros)).replace(fold=fold),
    st.sampled_from(sorted({change for both in CHANGES.values() for change in both})),
    st.integers(-3 * 86_400, 3 * 86_400).map(lambda seconds: seconds * 1_000_000)
    | st.integers(-(10**11), 10**11)
    | st.integers(-4 * 3_600, 4 * 3_600).map(lambda seconds: seconds * 1_000_000),
    st.integers(0, 1),
)
calendars = {
    (name, i): BusinessCalendar(
        CalendarRules(tz=name, weekly={day: tuple(map(parse_hours, hours)) for day in WEEKDAYS})
    )
    for name in CHANGES
    for i, hours in enumerate(HOURS)
}


class Plain(tzinfo):
    """The same offsets by a zone that is another object, so that nothing is known of it."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def utcoffset(self, at):
        return self.zone.utcoffset(at.replace(tzinfo=self.zone))


@settings(deadline=None)  # forty years between the two are compiled at the first question
@given(st.sampled_from(sorted(calendars)), walls, walls, st.integers(1, 10**12))
@example(("Europe/Lisbon", 0), datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 1, 30, fold=1), 1)  # noqa: DTZ001  # wall times
@example(("America/Sao_Paulo", 0), datetime(2018, 2, 17, 23, 30), datetime(2018, 2, 17, 23, 30, fold=1), 1)  # noqa: DTZ001  # wall times
@example(("America/Sao_Paulo", 0), datetime(2018, 11, 3, 23, 59), datetime(2018, 11, 4, 0, 30), 1)  # noqa: DTZ001  # wall times
@example(("Pacific/Apia", 0), datetime(2011, 12, 29, 12), datetime(2011, 12, 30, 12), 1)  # noqa: DTZ001  # wall times
@example(("Australia/Lord_Howe", 1), datetime(2026, 10, 4, 2, 10), datetime(2026, 10, 4, 2, 45), 1)  # noqa: DTZ001  # wall times
@example(("Australia/Lord_Howe", 0), datetime(2026, 4, 5, 1, 45), datetime(2026, 4, 5, 1, 45, fold=1), 1)  # noqa: DTZ001  # wall times
def test_a_time_on_the_own_wall_counts_as_its_instant_does(name, start, end, micros):
    desk = calendars[name]
    start, end = start.replace(tzinfo=desk.zone), end.replace(tzinfo=desk.zone)
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    worked = desk.between(first, last)
    assert desk.between(start, end) == worked
    assert desk.between(start, last) == desk.between(first, end) == worked
    plain = Plain(desk.zone)
    assert desk.between(start.replace(tzinfo=plain), end.replace(tzinfo=plain)) == worked
    assert type(desk.between(start, end)) is type(worked)
    nothing = [(first, first)]
    assert worked == desk.between(first, last, [(last, last)]) == desk.between(start, end, nothing)
    due = desk.add(first, micros / 1_000_000)
    assert desk.add(start, micros / 1_000_000) == due == desk.add(start, micros / 1_000_000, nothing)
    assert round(desk.between(start, due) * 1_000_000) == micros


@pytest.mark.parametrize("zone", ["UTC", "Europe/Lisbon"])
def test_terms_of_a_year_join_without_a_seam(zone):
    """A calendar is compiled 366 days at a time; the instants at which one ends and the next begins are like others."""
    desk = calendars[zone, 0]
    for term in range(55, 60):
        seam = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=366 * term)
        for before, after in ((-1, 1), (0, 1), (-1, 0), (-400, 400), (1, -1), (1, -400), (0.25, -0.5)):
            start, end = seam + timedelta(days=before), seam + timedelta(days=after)
            assert desk.between(start, end) == max(0, (after - before) * 86_400)
            assert desk.between(start.astimezone(desk.zone), end.astimezone(desk.zone)) == desk.between(start, end)


def test_an_own_wall_time_outside_of_the_years_or_too_far_away_is_refused():
    desk = calendars["Europe/Lisbon", 1]
    for year in (1899, 9001):
        with pytest.raises(BusinessTimeError, match="outside of the years 1900 to 9000"):
            desk.between(datetime(year, 6, 1, tzinfo=desk.zone), datetime(year, 6, 2, tzinfo=desk.zone))
    with pytest.raises(BusinessTimeError, match="more than 100 years"):
        desk.between(datetime(1901, 6, 1, tzinfo=desk.zone), datetime(2026, 6, 2, tzinfo=desk.zone))
    with pytest.raises(ValueError, match="no offset"):
        desk.between(datetime(2026, 6, 1), datetime(2026, 6, 2))  # noqa: DTZ001  # the matter of the test
