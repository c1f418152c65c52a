"""Calendars and targets that are wrong, odd or at the edge: each is refused with its line and field, or counts right."""

from datetime import UTC, date, datetime, timedelta
from time import process_time

import pytest
import yaml

from tierdesk_policy import Policy, PolicyError, load_policy, review_policy

TEXT = """\
name: Desk
tiers: [{id: l1}]
groups: [{id: desk, tier: l1}]
categories: [{id: incident, tier: l1, group: desk}]
targets:
  - {kind: resolution, calendar: office, within: %s}
calendars:
  - id: office
    tz: UTC
    weekly: {%s}
    %s
"""
OFFICE = ", ".join(f"{day}: ['09:00-17:00']" for day in ("mon", "tue", "wed", "thu", "fri"))
SUNDAYS = "sun: ['09:00-17:00']"
A_MINUTE = "sun: ['09:00-09:01']"
MINUTES = ", ".join(f"'{m // 60:02}:{m % 60:02}-{m // 60:02}:{m % 60 + 1:02}'" for m in range(0, 202, 2))
NOW_AND_THEN = "holidays: [1970-01-01]\n    date_overrides:" + "".join(
    f"\n      {year}-01-04: ['08:00-18:00']" for year in (1999, 2039, 2079, 2119, 2159, 2199)
)
"""Beside a minute each week: all years are laid out, and of fifty some hold more than others."""


def text(more="holidays: []", *, within="4h", weekly=OFFICE):
    return TEXT % (within, weekly, more)


def desk(more="holidays: []", **fields):
    return load_policy(text(more, **fields)).calendar("office")


def faults(*parts, **fields):
    with pytest.raises(PolicyError) as raised:
        load_policy(text(*parts, **fields), source="desk.yaml")
    return [str(fault) for fault in raised.value.faults]


def at(words):
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


def hours(calendar, first, last):
    return calendar.between(at(first), at(last)) / 3_600


WEEK = "desk.yaml:10: calendars.0.weekly"
DATES = "desk.yaml:11: calendars.0"
WRONG = {
    "opens at the end of the day": ({"weekly": "mon: ['24:00-02:00']"}, f"{WEEK}.mon.0: 24:00 is the end of a day"),
    "from midnight to midnight": ({"weekly": "mon: ['00:00-00:00']"}, f"{WEEK}.mon.0: opens and closes at the same"),
    "a minute more than half a day": ({"weekly": "mon: ['19:00-07:01']"}, f"{WEEK}.mon.0: 19:00-07:01 closes before"),
    "a night into an early shift": (
        {"weekly": "mon: ['22:00-06:00'], tue: ['05:00-09:00']"},
        f"{WEEK}.tue.0: tue 05:00-09:00 overlaps mon 22:00-06:00",
    ),
    "the same hours twice": ({"weekly": "mon: ['09:00-17:00', '09:00-17:00']"}, f"{WEEK}.mon.1: mon 09:00-17:00 overlaps"),
    "a day told twice": ({"weekly": "mon: ['09:00-17:00'], mon: ['09:00-12:00']"}, f"{WEEK}.mon: told twice"),
    "words for hours": ({"weekly": "mon: ['9am-5pm']"}, f"{WEEK}.mon.0: '9am' is not a time of day"),
    "a dash of the printers": ({"weekly": "mon: ['09:00–17:00']"}, f"{WEEK}.mon.0: not an interval"),  # noqa: RUF001  # the matter of the test
    "digits of another script": ({"weekly": "mon: ['٠٩:00-17:00']"}, f"{WEEK}.mon.0: '٠٩:00' is not a time"),
    "hours that are no list": ({"weekly": "mon: '09:00-17:00'"}, f"{WEEK}.mon: should be a valid tuple"),
    "more intervals than a day has use for": (
        {"weekly": f"mon: [{MINUTES}]"},
        f"{WEEK}.mon: more than 100 intervals of one day",
    ),
    "a zone that is a path": ({"more": "tz2: x", "zone": "../../etc/passwd"}, "desk.yaml:9: calendars.0.tz: '../../etc/passwd' is not a time zone"),
    "a zone that is a number": ({"more": "country: PT", "zone": "5"}, "desk.yaml:9: calendars.0.tz: should be a valid string"),
    "a zone of small letters": ({"more": "country: PT", "zone": "europe/lisbon"}, "desk.yaml:9: calendars.0.tz: 'europe/lisbon' is"),
    "an empty country": ({"more": "country: ''"}, f"{DATES}.country: no holidays are known of ''"),
    "a country of small letters": ({"more": "country: pt"}, f"{DATES}.country: no holidays are known of 'pt'"),
    "29 February of a common year": ({"more": "holidays: [2027-02-29]"}, f"{DATES}.holidays.0: '2027-02-29' is not a date"),
    "an override on 29 February of a common year": (
        {"more": "date_overrides: {2027-02-29: ['09:00-10:00']}"}, f"{DATES}.date_overrides.2027-02-29: '2027-02-29' is not a date"
    ),
    "a time where a date is meant": ({"more": "holidays: [2026-01-01T10:00:00]"}, f"{DATES}.holidays.0: '2026-01-01T10:00:00' is not a date"),
    "a date before all tickets": ({"more": "holidays: [1969-12-31]"}, f"{DATES}.holidays.0: '1969-12-31' is not a date"),
    "a date told twice": (
        {"more": "date_overrides: {2026-01-02: ['09:00-10:00'], '2026-01-02': []}"},
        f"{DATES}.date_overrides.2026-01-02: told twice, first in line 11",
    ),
    "a break longer than half a day over midnight": (
        {"more": "breaks: {2026-03-02: ['08:00-07:00']}"}, f"{DATES}.breaks.2026-03-02.0: 08:00-07:00 closes before"
    ),
    "more dates than anybody writes": (
        {"more": "holidays: [" + ", ".join(["2026-01-01"] * 10_001) + "]"}, f"{DATES}.holidays: more than 10,000 dates"
    ),
    "open only while cut out": (
        {"weekly": "", "more": "date_overrides: {2026-05-05: ['09:00-10:00']}\n    breaks: {2026-05-05: ['08:00-11:00']}"},
        "desk.yaml:8: calendars.0: never opens",
    ),
    "open only in an hour that the clock skips": (
        {"weekly": "", "more": "date_overrides: {2026-03-29: ['01:00-02:00']}", "zone": "Europe/Lisbon"},
        "desk.yaml:8: calendars.0: never opens",
    ),
    "open only on a date that the zone left out": (
        {"weekly": "", "more": "date_overrides: {2011-12-30: ['09:00-17:00']}", "zone": "Pacific/Apia"},
        "desk.yaml:8: calendars.0: never opens",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_calendar_is_refused_with_its_line_and_field(case):
    fields, expected = WRONG[case]
    fields = dict(fields)
    zone = fields.pop("zone", "UTC")
    written = text(**fields).replace("tz: UTC", f"tz: {zone}")
    with pytest.raises(PolicyError) as raised:
        load_policy(written, source="desk.yaml")
    assert any(str(fault).startswith(expected) for fault in raised.value.faults), raised.value


def test_a_day_that_ends_at_midnight_ends_there_and_not_a_minute_before():
    calendar = desk(weekly="mon: ['20:00-24:00'], tue: ['00:00-01:00']")
    assert hours(calendar, "2026-03-02T00:00", "2026-03-04T00:00") == 5
    assert calendar.is_open(at("2026-03-02T23:59:59.999999"))


def test_a_night_shift_works_on_into_a_holiday_and_not_out_of_one():
    nights = desk("holidays: [2026-03-03]", weekly="mon: ['22:00-06:00'], tue: ['22:00-06:00']")
    assert hours(nights, "2026-03-03T00:00", "2026-03-04T12:00") == 6
    assert nights.is_open(at("2026-03-03T05:59"))
    assert not nights.is_open(at("2026-03-03T23:00"))


def test_shifts_of_twelve_hours_cover_the_day_and_a_holiday_takes_both_that_start_on_it():
    every = ", ".join(
        f"{day}: ['07:00-19:00', '19:00-07:00']" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    )
    calendar = desk("holidays: [2026-03-03]", weekly=every)
    assert hours(calendar, "2026-03-02T00:00", "2026-03-03T00:00") == 24
    assert hours(calendar, "2026-03-03T00:00", "2026-03-04T00:00") == 7
    assert calendar.next_open(at("2026-03-03T07:00")) == at("2026-03-04T07:00")


def test_an_override_that_a_night_runs_into_is_counted_once():
    calendar = desk(
        "date_overrides: {2026-03-03: ['05:00-09:00']}", weekly="mon: ['22:00-06:00'], tue: ['12:00-13:00']"
    )
    assert hours(calendar, "2026-03-02T12:00", "2026-03-04T00:00") == 11


def test_overrides_of_the_past_are_lawful_and_change_nothing_since():
    calendar = desk("date_overrides: {1999-01-04: ['10:00-11:00']}")
    assert hours(calendar, "1999-01-04T00:00", "1999-01-05T00:00") == 1
    assert hours(calendar, "2026-03-02T00:00", "2026-03-03T00:00") == 8


def test_a_break_outside_of_the_hours_or_on_a_closed_day_cuts_nothing():
    calendar = desk("breaks: {2026-03-02: ['03:00-04:00', '17:00-18:00'], 2026-03-01: ['09:00-17:00']}")
    assert hours(calendar, "2026-03-01T00:00", "2026-03-03T00:00") == 8
    assert hours(desk("breaks: {2026-03-02: ['08:00-10:00']}"), "2026-03-02T00:00", "2026-03-03T00:00") == 7


def test_a_break_over_midnight_cuts_the_night_before_too():
    calendar = desk("breaks: {2026-03-02: ['23:00-01:00']}", weekly="mon: ['22:00-06:00']")
    assert hours(calendar, "2026-03-02T00:00", "2026-03-04T00:00") == 6


def test_a_holiday_told_twice_is_closed_once_and_stronger_than_an_override_which_is_remarked():
    written = text(
        "holidays: [2026-03-02, 2026-03-02]\n    date_overrides: {2026-03-02: ['10:00-12:00'], 2026-03-03: []}"
    )
    policy, remarks = review_policy(written, source="desk.yaml")
    assert hours(policy.calendar("office"), "2026-03-02T00:00", "2026-03-05T00:00") == 8
    assert [str(remark) for remark in remarks] == [
        "desk.yaml:12: calendars.0.date_overrides.2026-03-02: has no effect: that date is a holiday, which is stronger"
    ]


def test_a_yearly_29_february_is_closed_in_leap_years_only():
    calendar = desk("holidays_annual: [02-29]")
    assert [calendar.is_workday(date(year, 2, 29)) for year in (2024, 2028)] == [False, False]
    assert calendar.is_workday(date(2027, 3, 1))
    assert calendar.is_workday(date(2027, 2, 26))


@pytest.mark.parametrize(
    ("within", "message"),
    [
        ("-4h", "a duration must be longer than zero"),
        ("0", "a duration must be longer than zero"),
        ("0.5s", "not a duration"),
        (".inf", "not a duration"),
        (".nan", "not a duration"),
        ("9" * 30, "not a duration"),
        ("999999999h", "a duration may not be longer than ten years"),
        ("9" * 5_000, "not a duration"),
    ],
)
def test_a_target_that_is_no_length_of_time_is_refused_with_its_line(within, message):
    assert faults(within=within)[0].startswith(f"desk.yaml:6: targets.0.within: {message}")


def test_a_target_of_a_second_is_due_to_the_microsecond_also_over_night():
    policy = load_policy(text(within="1s"))
    within = policy.targets[0].within_seconds
    assert policy.calendar("office").add(at("2026-03-02T16:59:59.400001"), within) == at("2026-03-03T09:00:00.400001")


def test_a_target_of_ten_years_is_due_where_its_calendar_comes_to_its_end():
    """Ten years of working time take an office of forty hours a week forty-two years."""
    policy = load_policy(text(within="3650d"))
    due = policy.calendar("office").add(at("2026-03-02T09:00"), policy.targets[0].within_seconds)
    assert hours(policy.calendar("office"), "2026-03-02T09:00", due.replace(tzinfo=None).isoformat()) == 87_600


def test_a_target_that_its_calendar_never_comes_to_the_end_of_is_refused_and_not_left_to_the_clocks():
    told = "desk.yaml:6: targets.0.within: 3650d of the calendar 'office' take more than 50 years"
    assert faults(within="3650d", weekly=SUNDAYS) == [told]
    assert load_policy(text(within="365d", weekly=SUNDAYS))
    assert load_policy(text(within="3650d", weekly=SUNDAYS).replace("calendar: office", "calendar: elapsed"))


def test_a_target_is_refused_also_where_only_the_years_after_all_named_dates_are_too_sparse():
    rota = ", ".join(f"{date(2026, 1, 1) + timedelta(days=ahead)}: ['00:00-24:00']" for ahead in range(3_660))
    written = f"date_overrides: {{{rota}}}"
    assert faults(written, within="3650d", weekly=SUNDAYS)[0].startswith(
        "desk.yaml:6: targets.0.within: 3650d of the calendar"
    )


def test_a_target_is_refused_to_the_second_where_some_fifty_years_do_not_hold_it():
    calendar, fifty_years = desk(NOW_AND_THEN, weekly=A_MINUTE), timedelta(days=50 * 366)
    begins = [datetime(year, 1, 1, tzinfo=UTC) for year in range(1970, 2201)]
    open_in = {calendar.between(begin, begin + fifty_years) for begin in begins}
    longest = min(open_in)
    assert len(open_in) > 2
    assert all(calendar.add(begin, longest) <= begin + fifty_years for begin in begins)
    assert any(calendar.add(begin, longest + 1) > begin + fifty_years for begin in begins)
    assert load_policy(text(NOW_AND_THEN, weekly=A_MINUTE, within=longest))
    assert "take more than 50 years" in faults(NOW_AND_THEN, weekly=A_MINUTE, within=longest + 1)[0]


def test_many_targets_that_never_end_are_told_in_the_time_of_one():
    target = "  - {kind: resolution, calendar: office, within: 2900m}\n"
    written = text(NOW_AND_THEN, weekly=A_MINUTE, within="2900m").replace("calendars:", target * 400 + "calendars:")
    began = process_time()
    with pytest.raises(PolicyError) as raised:
        load_policy(written)
    assert process_time() - began < 4
    told = [fault.message for fault in raised.value.faults if fault.field.endswith("within")]
    assert told == ["2d20m of the calendar 'office' take more than 50 years"] * 401


def test_breaks_of_other_years_cost_nothing():
    breaks = ", ".join(f"{date(2030, 1, 1) + timedelta(days=ahead)}: ['02:00-02:01']" for ahead in range(10_000))
    began = process_time()
    with pytest.raises(PolicyError, match="50m of the calendar 'office' take more than 50 years"):
        load_policy(text(f"{NOW_AND_THEN}\n    breaks: {{{breaks}}}", weekly=A_MINUTE, within="2d50m"))
    assert process_time() - began < 6


STORED = {
    "a target that its calendar never comes to the end of": {"within": "3650d", "weekly": SUNDAYS},
    "more intervals than a day has use for": {"weekly": f"mon: [{MINUTES}]"},
    "more dates than anybody writes": {"more": "holidays: [" + ", ".join(["2026-01-01"] * 10_001) + "]"},
    "more broken dates than anybody writes": {
        "more": "breaks:"
        + "".join(f"\n      {date(1990, 1, 1) + timedelta(days=ahead)}: ['12:00-12:30']" for ahead in range(10_001))
    },
}


@pytest.mark.parametrize("case", STORED)
def test_what_is_not_put_in_force_any_more_is_read_where_it_was_stored(case):
    """Open tickets go by the policy that they were opened under, whichever release took it."""
    written = text(**STORED[case])
    assert len(faults(**STORED[case])) == 1
    stored = Policy.from_document(yaml.load(written, yaml.BaseLoader))
    assert Policy.from_document(stored.document()).version == stored.version
    assert stored.calendar("office").next_open(at("2026-03-02T00:00"))


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("holidays: [%s]", "%s"),
        ("date_overrides: {%s}", "%s: []"),
        ("breaks: {%s}", "%s: ['00:00-24:00']"),
        ("breaks: {%s}", "%s: ['08:00-17:00']"),
    ],
)
def test_a_calendar_that_is_closed_for_more_than_a_year_in_any_way_is_refused(field, entry):
    def closed(days):
        return field % ", ".join(entry % (date(2027, 3, 1) + timedelta(days=ahead)) for ahead in range(days))

    told = "desk.yaml:8: calendars.0: does not open for more than a year from 2027-"
    assert faults(closed(420))[0].startswith(told)
    assert load_policy(text(closed(330)))


def test_calendars_that_name_dates_centuries_apart_are_read_at_once():
    """Each year is laid out only where a calendar opens so seldom that looking at its dates does not settle it."""
    one = "  - {id: c%d, tz: Europe/Lisbon, weekly: {mon: ['09:00-17:00']}, holidays: [1970-01-01, 2199-12-31]}\n"
    began = process_time()
    load_policy(text() + "".join(one % number for number in range(10)))
    assert process_time() - began < 4
