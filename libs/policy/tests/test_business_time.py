from datetime import UTC, date, datetime, timedelta

import pytest

from tierdesk_policy import BusinessCalendar, BusinessTimeError, CalendarRules, resolve_local
from tierdesk_policy.openings import WEEKDAYS
from tierdesk_policy.units import parse_hours
from tierdesk_policy.zones import find_zone


def calendar(tz="UTC", weekly=None, **rules):
    weekly = {day: ["09:00-17:00"] for day in WEEKDAYS[:5]} if weekly is None else weekly
    read = {day: tuple(parse_hours(hours) for hours in intervals) for day, intervals in weekly.items()}
    return BusinessCalendar(CalendarRules(tz=tz, weekly=read, **rules))


def dates(**intervals):
    return {
        date.fromisoformat(day[1:].replace("_", "-")): tuple(map(parse_hours, hours))
        for day, hours in intervals.items()
    }


def at(text):
    return datetime.fromisoformat(text)


EVERY_NIGHT = {day: ["22:00-06:00"] for day in WEEKDAYS}
ALL_WEEK = {day: ["00:00-24:00"] for day in WEEKDAYS}


def test_work_that_ends_at_closing_time_ends_there_and_one_microsecond_more_rolls_to_the_next_opening():
    office = calendar()
    opening = at("2026-03-06T09:00:00+00:00")  # a Friday
    assert office.add(opening, 8 * 3_600) == at("2026-03-06T17:00:00+00:00")
    assert office.add(opening, 8 * 3_600 + 0.000001) == at("2026-03-09T09:00:00.000001+00:00")


def test_work_counted_back_to_an_opening_stays_there():
    office = calendar()
    assert office.subtract(at("2026-03-09T10:00:00+00:00"), 3_600) == at("2026-03-09T09:00:00+00:00")
    assert office.subtract(at("2026-03-09T10:00:00+00:00"), 3_601) == at("2026-03-06T16:59:59+00:00")


def test_nothing_added_to_a_closed_instant_is_the_next_opening_and_nothing_subtracted_the_last_closing():
    office = calendar()
    saturday = at("2026-03-07T12:00:00+00:00")
    assert office.add(saturday, 0) == at("2026-03-09T09:00:00+00:00")
    assert office.subtract(saturday, 0) == at("2026-03-06T17:00:00+00:00")
    inside = at("2026-03-06T12:00:00.5+00:00")
    assert office.add(inside, 0) == office.subtract(inside, 0) == inside


def test_the_opening_instant_is_open_and_the_closing_instant_is_closed():
    office = calendar()
    assert office.is_open(at("2026-03-06T09:00:00+00:00"))
    assert office.is_open(at("2026-03-06T16:59:59.999999+00:00"))
    assert not office.is_open(at("2026-03-06T17:00:00+00:00"))
    assert office.next_open(at("2026-03-06T17:00:00+00:00")) == at("2026-03-09T09:00:00+00:00")
    assert office.prev_open(at("2026-03-06T17:00:00+00:00")) == at("2026-03-06T17:00:00+00:00")


def test_what_the_clock_skips_in_spring_is_not_worked_and_what_it_shows_twice_in_autumn_is_worked_twice():
    berlin = calendar("Europe/Berlin", ALL_WEEK)
    spring, autumn = at("2026-03-29T00:00:00+01:00"), at("2026-10-25T00:00:00+02:00")
    assert berlin.between(spring, at("2026-03-30T00:00:00+02:00")) == 23 * 3_600
    assert berlin.between(autumn, at("2026-10-26T00:00:00+01:00")) == 25 * 3_600
    assert berlin.intervals(spring, 1) == [(spring, at("2026-03-30T00:00:00+02:00"))]
    assert berlin.intervals(autumn, 1) == [(autumn, at("2026-10-26T00:00:00+01:00"))]


def test_an_interval_that_starts_in_the_skipped_hour_keeps_what_the_wall_clock_still_shows():
    los_angeles = calendar("America/Los_Angeles", {"sun": ["02:30-03:15"]})
    assert los_angeles.intervals(at("2006-04-02T00:00:00-08:00"), 1) == [
        (at("2006-04-02T03:00:00-07:00"), at("2006-04-02T03:15:00-07:00"))
    ]


def test_an_interval_inside_the_repeated_hour_is_worked_each_time_the_clock_shows_it():
    new_york = calendar("America/New_York", {"sun": ["01:15-01:45"]})
    midnight = at("2026-11-01T00:00:00-04:00")
    assert new_york.intervals(midnight, 2) == [
        (at("2026-11-01T01:15:00-04:00"), at("2026-11-01T01:45:00-04:00")),
        (at("2026-11-01T01:15:00-05:00"), at("2026-11-01T01:45:00-05:00")),
    ]
    assert new_york.add(midnight, 3_600) == at("2026-11-01T01:45:00-05:00")


def test_a_date_that_a_zone_skipped_is_no_workday():
    apia = calendar("Pacific/Apia", ALL_WEEK)
    assert not apia.is_workday(date(2011, 12, 30))
    assert apia.is_workday(date(2011, 12, 29))
    assert apia.add_workdays(at("2011-12-29T10:00:00-10:00"), 1) == at("2011-12-31T10:00:00+14:00")
    assert apia.between(at("2011-12-29T00:00:00-10:00"), at("2012-01-01T00:00:00+14:00")) == 2 * 86_400


def test_an_interval_over_midnight_belongs_to_the_day_on_which_it_starts():
    nights = calendar(weekly=EVERY_NIGHT, holidays=frozenset({date(2026, 3, 6)}))
    assert nights.is_open(at("2026-03-06T03:00:00+00:00"))  # Thursday's night
    assert not nights.is_open(at("2026-03-06T23:00:00+00:00"))
    assert not nights.is_open(at("2026-03-07T03:00:00+00:00"))  # still the holiday's night
    assert not nights.is_workday(date(2026, 3, 6))
    assert nights.intervals(at("2026-03-05T12:00:00+00:00"), 2) == [
        (at("2026-03-05T22:00:00+00:00"), at("2026-03-06T06:00:00+00:00")),
        (at("2026-03-07T22:00:00+00:00"), at("2026-03-08T06:00:00+00:00")),
    ]


def test_a_night_over_new_year_is_one_interval_in_both_directions():
    nights = calendar(weekly=EVERY_NIGHT)
    new_year = (at("2026-12-31T22:00:00+00:00"), at("2027-01-01T06:00:00+00:00"))
    assert nights.intervals(at("2026-12-31T12:00:00+00:00"), 1) == [new_year]
    assert nights.intervals_before(at("2027-01-01T12:00:00+00:00"), 1) == [new_year]
    assert nights.intervals_before(at("2027-01-01T05:00:00+00:00"), 2) == [
        (new_year[0], at("2027-01-01T05:00:00+00:00")),
        (at("2026-12-30T22:00:00+00:00"), at("2026-12-31T06:00:00+00:00")),
    ]
    assert nights.add(new_year[0], 3 * 3_600) == at("2027-01-01T01:00:00+00:00")
    assert nights.subtract(new_year[1], 7 * 3_600) == at("2026-12-31T23:00:00+00:00")


def test_shifts_that_follow_each_other_stay_apart_as_intervals_and_count_as_one_as_time():
    shifts = calendar(weekly={day: ["06:00-14:00", "14:00-22:00", "22:00-06:00"] for day in WEEKDAYS})
    start = at("2026-03-06T12:00:00+00:00")
    assert [end.hour for _, end in shifts.intervals(start, 3)] == [14, 22, 6]
    assert shifts.add(start, 100_000) == start + timedelta(seconds=100_000)


def test_a_holiday_beats_a_break_beats_an_override_beats_the_week():
    desk = calendar(
        holidays=frozenset({date(2026, 3, 2)}),
        holidays_annual=frozenset({"03-03"}),
        date_overrides=dates(_2026_03_02=["10:00-12:00"], _2026_03_04=["06:00-12:00"], _2026_03_05=[]),
        breaks=dates(_2026_03_04=["08:00-09:00"], _2026_03_06=["12:00-13:00"]),
    )
    assert desk.intervals(at("2026-03-02T00:00:00+00:00"), 4) == [
        (at("2026-03-04T06:00:00+00:00"), at("2026-03-04T08:00:00+00:00")),
        (at("2026-03-04T09:00:00+00:00"), at("2026-03-04T12:00:00+00:00")),
        (at("2026-03-06T09:00:00+00:00"), at("2026-03-06T12:00:00+00:00")),
        (at("2026-03-06T13:00:00+00:00"), at("2026-03-06T17:00:00+00:00")),
    ]


def test_public_holidays_of_a_country_and_its_part_are_closed():
    assert not calendar("Europe/Lisbon", country="PT").is_workday(date(2026, 4, 25) - timedelta(days=22))  # Good Friday
    assert not calendar("Europe/London", country="GB", subdivision="SCT").is_workday(date(2026, 11, 30))
    assert calendar("Europe/London", country="GB", subdivision="ENG").is_workday(date(2026, 11, 30))


def test_a_pause_pushes_the_deadline_by_the_working_time_in_it():
    office = calendar()
    start = at("2026-03-06T16:00:00+00:00")
    weekend = (at("2026-03-06T16:30:00+00:00"), at("2026-03-09T09:30:00+00:00"))
    assert office.add(start, 3_600, [weekend]) == at("2026-03-09T10:00:00+00:00")
    assert office.between(start, at("2026-03-09T10:00:00+00:00"), [weekend]) == 3_600
    assert office.add(start, 1_800, [weekend]) == weekend[0]
    assert office.add(weekend[0], 0, [weekend]) == weekend[1]


def test_pauses_may_overlap_come_unsorted_and_start_before_the_clock():
    office = calendar()
    start = at("2026-03-06T09:00:00+00:00")
    hours = lambda first, last: (start + timedelta(hours=first), start + timedelta(hours=last))  # noqa: E731  # one-off
    pauses = [hours(2, 4), hours(-5, 1), hours(3, 5), hours(6, 6), hours(8, 7)]
    assert office.add(start, 2 * 3_600, pauses) == start + timedelta(hours=6)
    assert office.between(start, start + timedelta(hours=8), pauses) == 4 * 3_600


def test_an_end_before_the_start_is_no_time_at_all():
    assert calendar().between(at("2026-03-09T10:00:00+00:00"), at("2026-03-06T10:00:00+00:00")) == 0


def test_microseconds_are_kept():
    office = calendar()
    start = at("2026-03-06T16:59:59.250001+00:00")
    assert office.add(start, 1.5) == at("2026-03-09T09:00:00.750001+00:00")
    assert office.between(start, at("2026-03-09T09:00:00.750001+00:00")) == 1.5
    assert type(office.between(start, at("2026-03-09T09:00:00.250001+00:00"))) is int


def test_working_dates_are_counted_and_the_wall_time_is_kept_across_a_change_of_offset():
    office = calendar("Europe/Berlin")
    friday = at("2026-03-27T08:00:00+01:00")
    assert office.add_workdays(friday, 1) == at("2026-03-30T08:00:00+02:00")
    assert office.add_workdays(friday, 1, "forward") == at("2026-03-30T09:00:00+02:00")
    assert office.add_workdays(friday, 1, "back") == at("2026-03-27T17:00:00+01:00")
    assert office.add_workdays(friday, 1, "end_of_day") == at("2026-03-30T17:00:00+02:00")
    assert office.add_workdays(friday, -5, "none") == at("2026-03-20T08:00:00+01:00")


def test_the_end_of_a_day_that_is_not_worked_is_that_of_the_next_working_date():
    assert calendar().add_workdays(at("2026-03-07T12:00:00+00:00"), 0, "end_of_day") == at("2026-03-09T17:00:00+00:00")


def test_a_wall_time_that_does_not_exist_moves_on_and_an_ambiguous_one_is_the_first():
    los_angeles = find_zone("America/Los_Angeles")
    assert resolve_local(datetime(2014, 3, 9, 2, 30), los_angeles) == at("2014-03-09T03:30:00-07:00")  # noqa: DTZ001  # wall time
    assert resolve_local(datetime(2014, 11, 2, 1, 30, fold=1), los_angeles) == at("2014-11-02T01:30:00-07:00")  # noqa: DTZ001  # wall time


def test_elapsed_time_counts_each_second():
    elapsed = BusinessCalendar.elapsed()
    start = at("2026-03-28T23:00:00+00:00")
    assert elapsed.add(start, 6 * 3_600) == start + timedelta(hours=6)
    assert elapsed.subtract(start, 6 * 3_600) == start - timedelta(hours=6)
    assert elapsed.between(start, start + timedelta(days=1_000)) == 86_400_000
    assert elapsed.is_open(start)


def test_a_calendar_that_never_opens_says_so_instead_of_searching_for_ever():
    never = calendar(weekly={})
    now = at("2026-03-06T12:00:00+00:00")
    for ask in (
        lambda: never.add(now, 1),
        lambda: never.add(now, 0),
        lambda: never.subtract(now, 1),
        lambda: never.next_open(now),
        lambda: never.prev_open(now),
        lambda: never.intervals(now, 1),
        lambda: never.add_workdays(now, 1),
        lambda: never.add_workdays(now, 0, "end_of_day"),
    ):
        with pytest.raises(BusinessTimeError, match="within 100 years"):
            ask()
    assert never.between(now, now + timedelta(days=9)) == 0


def test_a_calendar_whose_openings_are_over_says_so():
    once = calendar(weekly={}, date_overrides=dates(_2026_03_06=["09:00-10:00"]))
    start = at("2026-03-01T00:00:00+00:00")
    assert once.add(start, 3_600) == at("2026-03-06T10:00:00+00:00")
    with pytest.raises(BusinessTimeError):
        once.add(start, 3_601)


@pytest.mark.parametrize("year", ["0001", "1899", "9001", "9999"])
def test_instants_out_of_reach_are_refused(year):
    with pytest.raises(BusinessTimeError, match="outside of the years 1900 to 9000"):
        calendar().add(at(f"{year}-06-01T00:00:00+00:00"), 60)


def test_whole_seconds_go_in_and_out_within_the_same_years():
    office = calendar()
    friday, monday = (int(at(text).timestamp()) for text in ("2026-03-06T16:00:00+00:00", "2026-03-09T10:00:00+00:00"))
    assert office.add_whole(friday, 2 * 3_600) == monday
    assert office.between_whole(friday, monday) == 2 * 3_600
    assert office.between_whole(monday, friday) == 0
    for second in (-(10**11), 10**12):
        with pytest.raises(BusinessTimeError, match="outside of the years"):
            office.add_whole(second, 60)
        with pytest.raises(BusinessTimeError, match="outside of the years"):
            office.between_whole(second, friday)
    with pytest.raises(ValueError, match="not a duration"):
        office.add_whole(friday, -1)


def test_answers_out_of_reach_are_refused():
    with pytest.raises(BusinessTimeError):
        BusinessCalendar.elapsed().add(at("9000-12-31T23:00:00+00:00"), 7_200)
    with pytest.raises(BusinessTimeError):
        calendar().add(at("2026-03-06T12:00:00+00:00"), 60 * 366 * 86_400)
    with pytest.raises(BusinessTimeError):
        calendar().between(at("1901-01-01T00:00:00+00:00"), at("2026-03-06T12:00:00+00:00"))


@pytest.mark.parametrize("seconds", [-1, -0.5, float("nan")])
def test_what_is_no_duration_is_refused(seconds):
    with pytest.raises(ValueError, match="is not a duration"):
        calendar().add(at("2026-03-06T12:00:00+00:00"), seconds)


def test_a_duration_without_end_is_refused():
    with pytest.raises(BusinessTimeError):
        calendar().add(at("2026-03-06T12:00:00+00:00"), float("inf"))


def test_an_instant_without_offset_is_refused():
    with pytest.raises(ValueError, match="has no offset"):
        calendar().is_open(datetime(2026, 3, 6, 12))  # noqa: DTZ001  # the matter of the test


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "Europe", "localtime", "", "europe/london"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(ValueError, match="not a time zone"):
        calendar(name)


def test_answers_do_not_depend_on_the_offset_in_which_the_question_is_asked():
    office = calendar("Asia/Kathmandu")
    start = at("2026-03-06T09:00:00+05:45")
    for zone in ("UTC", "America/Sao_Paulo", "Pacific/Apia"):
        assert office.add(start.astimezone(find_zone(zone)), 3_600) == start + timedelta(hours=1)
    assert office.add(start, 3_600).tzinfo is UTC


def test_a_deadline_ten_years_away_is_found_without_walking_there_day_by_day():
    office = calendar("Europe/Lisbon")
    start = at("2026-03-06T12:00:00+00:00")
    office.add(start, 10 * 250 * 8 * 3_600)
    began = datetime.now(UTC)
    for _ in range(200):
        office.add(start, 10 * 250 * 8 * 3_600)
    assert datetime.now(UTC) - began < timedelta(seconds=1)
