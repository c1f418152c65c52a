"""What other desks' clocks got wrong, each as a test of this one's business time."""

from datetime import datetime, timedelta

import pytest

from tierdesk_policy import BusinessCalendar, Policy, PolicyError, review_policy
from tierdesk_policy.parts import Calendar
from tierdesk_policy.units import parse_duration

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = ("UTC", "Europe/Lisbon", "Asia/Kathmandu", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia")


def at(text):
    return datetime.fromisoformat(text)


def calendar(tz="Europe/Lisbon", days=DAYS, hours=("09:00-17:00",), **more):
    return Calendar.model_validate(
        {"id": "c", "tz": tz, "weekly": {day: list(hours) for day in days}, **more}
    ).compile()


def policy_with(**parts):
    return Policy.from_document(
        {
            "name": "desk",
            "tiers": [{"id": "l1"}],
            "groups": [{"id": "desk", "tier": "l1"}],
            "categories": [{"id": "incident", "tier": "l1", "group": "desk"}],
            **parts,
        }
    )


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize(
    "hours",
    [
        ["00:00-24:00"],
        ["06:00-14:00", "14:00-22:00", "22:00-06:00"],
        ["07:00-19:00", "19:00-07:00"],
        ["00:00-08:00", "08:00-16:00", "16:00-24:00"],
    ],
    ids=["24/7", "shifts of 8 hours", "shifts of 12 hours", "shifts from midnight"],
)
def test_round_the_clock_loses_not_a_minute_at_midnight_nor_when_the_clocks_change(tz, hours):
    desk, elapsed = calendar(tz, hours=hours), BusinessCalendar.elapsed()
    start = at("2026-01-01T00:00:00+00:00")
    for ahead in range(0, 800 * 24, 7):
        end = start + timedelta(hours=ahead)
        assert desk.between(start, end) == ahead * 3_600
        assert desk.add(start, ahead * 3_600) == elapsed.add(start, ahead * 3_600) == end
        assert desk.is_open(end)


@pytest.mark.parametrize("hours", ["00:00-23:59", "18:00-23:59:59"])
def test_hours_that_end_a_minute_before_midnight_are_remarked(hours):
    text = f"""\
name: Desk
tiers: [{{id: l1}}]
groups: [{{id: desk, tier: l1}}]
categories: [{{id: incident, tier: l1, group: desk}}]
calendars:
  - {{id: late, tz: UTC, weekly: {{mon: [08:00-12:00, "22:00-24:00"], tue: [{hours}]}}}}
"""
    (remark,) = review_policy(text, source="desk.yaml")[1]
    told = f"calendars.0.weekly.tue.0: {hours} is closed for the last minute of the day; 24:00 is its end"
    assert str(remark) == f"desk.yaml:6: {told}"


def test_a_schedule_without_a_monday_goes_on_on_tuesday():
    desk = calendar("UTC", days=("tue", "wed", "thu", "fri"))
    friday = at("2026-03-06T16:00:00+00:00")
    assert desk.add(friday, 2 * 3_600) == at("2026-03-10T10:00:00+00:00")
    assert desk.subtract(at("2026-03-10T10:00:00+00:00"), 2 * 3_600) == friday
    assert not desk.is_open(at("2026-03-09T12:00:00+00:00"))


def test_a_schedule_of_one_day_a_week_is_found_from_any_day():
    desk = calendar("UTC", days=("thu",))
    for ahead in range(7):
        start = at("2026-03-05T17:00:00+00:00") + timedelta(days=ahead)
        assert desk.next_open(start) == at("2026-03-12T09:00:00+00:00")


def test_several_intervals_a_day_leave_out_what_lies_between_them():
    desk = calendar("UTC", hours=("08:00-10:00", "11:30-12:00", "14:00-18:00"))
    morning = at("2026-03-06T08:00:00+00:00")
    assert desk.between(morning, morning + timedelta(days=1)) == 6.5 * 3_600
    assert desk.add(morning, 2 * 3_600) == at("2026-03-06T10:00:00+00:00")
    assert desk.add(morning, 2 * 3_600 + 1) == at("2026-03-06T11:30:01+00:00")
    assert desk.add(morning, 3 * 3_600) == at("2026-03-06T14:30:00+00:00")


def test_a_pause_over_closing_time_costs_only_the_hours_that_it_takes():
    desk = calendar("UTC")
    start, pause = at("2026-03-06T16:00:00+00:00"), (at("2026-03-06T16:30:00+00:00"), at("2026-03-07T08:00:00+00:00"))
    assert desk.add(start, 3_600, [pause]) == at("2026-03-07T09:30:00+00:00")
    assert desk.subtract(at("2026-03-07T09:30:00+00:00"), 3_600, [pause]) == start
    assert not desk.is_open(at("2026-03-06T16:45:00+00:00"), [pause])
    assert desk.next_open(pause[0], [pause]) == at("2026-03-07T09:00:00+00:00")
    assert desk.prev_open(at("2026-03-07T09:00:00+00:00"), [pause]) == pause[0]


@pytest.mark.parametrize(
    "pauses", [[(5, 2)], [(3, 3)], [(-9, -4)], [(9, 12)]], ids=["reversed", "empty", "before", "after"]
)
def test_a_pause_that_stops_nothing_changes_nothing(pauses):
    desk, start = calendar("UTC"), at("2026-03-06T09:00:00+00:00")
    stops = [(start + timedelta(hours=first), start + timedelta(hours=last)) for first, last in pauses]
    for seconds in (0, 1, 6 * 3_600):
        assert desk.add(start, seconds, stops) == desk.add(start, seconds)
        end = start + timedelta(hours=6)
        assert desk.subtract(end, seconds, stops) == desk.subtract(end, seconds)


def test_a_promise_shorter_than_any_tick_is_exact():
    desk = calendar("UTC")
    nearly_closed = at("2026-03-06T16:59:59.500000+00:00")
    assert desk.add(nearly_closed, 1) == at("2026-03-07T09:00:00.500000+00:00")
    assert desk.add(nearly_closed, 0.000001) == at("2026-03-06T16:59:59.500001+00:00")


@pytest.mark.parametrize("within", ["-4h", -1, 0, "0m", "1h-5m", "0.5", 0.5, "", None, True, "4000d"])
def test_a_target_that_is_no_length_of_time_is_refused(within):
    with pytest.raises(PolicyError, match=r"targets\.0\.within"):
        policy_with(targets=[{"kind": "resolution", "within": within}])


def test_a_target_of_a_second_is_lawful():
    assert (
        policy_with(targets=[{"kind": "resolution", "within": "1s"}]).targets[0].within_seconds
        == 1
        == parse_duration(1)
    )


def year_of_holidays(years):
    day, days = at(f"{years[0]}-01-01T00:00:00+00:00"), []
    while day.year <= years[-1]:
        days.append(f"{day:%Y-%m-%d}")
        day += timedelta(days=1)
    return days


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weekly": {}}, "calendars.0: never opens"),
        ({"weekly": {"mon": []}}, "calendars.0: never opens"),
        ({"holidays": year_of_holidays((2026, 2028))}, "calendars.0: does not open for more than a year"),
        ({"weekly": {"mon": ["09:00-17:00", "16:00-18:00"]}}, "calendars.0.weekly.mon.1: mon 16:00-18:00 overlaps"),
        ({"weekly": {"mon": ["09:00-25:00"]}}, "calendars.0.weekly.mon.0: 25:00 is not a time of day"),
        ({"tz": "Mars/Base"}, "calendars.0.tz: 'Mars/Base' is not a time zone"),
        (
            {"breaks": {"2026-03-02": ["12:00-13:00", "12:30-14:00"]}},
            "calendars.0.breaks.2026-03-02.1: 12:30-14:00 overlaps",
        ),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused_when_the_policy_is_loaded(fields, message):
    office = {"id": "office", "tz": "Europe/Lisbon", "weekly": {"mon": ["09:00-17:00"]}}
    with pytest.raises(PolicyError, match=message.replace(".", r"\.")):
        policy_with(calendars=[office | fields])


def test_a_year_of_holidays_is_lawful_where_the_desk_opens_again():
    fields = {
        "id": "office",
        "tz": "UTC",
        "weekly": {"mon": ["09:00-17:00"]},
        "holidays": year_of_holidays((2026,))[:360],
    }
    desk = policy_with(calendars=[fields]).calendar("office")
    assert desk.add(at("2026-02-02T09:00:00+00:00"), 3_600) == at("2026-12-28T10:00:00+00:00")
