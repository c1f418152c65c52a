"""iCalendar files as parts of a calendar: what the events become, and which files are refused, with the line."""

from datetime import UTC, date, datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_policy.closures import import_parts, to_yaml
from tierdesk_policy.ical_events import ICalendarError, read_events
from tierdesk_policy.parts import Calendar

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//\r\n"


def file(*events, head=""):
    blocks = "".join("BEGIN:VEVENT\r\n" + "\r\n".join(event.split("|")) + "\r\nEND:VEVENT\r\n" for event in events)
    return (HEAD + head + blocks + "END:VCALENDAR\r\n").encode()


def read(data, zone="Europe/Lisbon", years=(2026, 2030), **options):
    parts = import_parts(read_events(data, "x.ics"), date(years[0], 1, 1), date(years[1], 12, 31), zone, **options)
    return yaml.safe_load(to_yaml(parts)) or {}


def refusal(data, **options):
    with pytest.raises(ICalendarError) as caught:
        read(data, **options)
    return str(caught.value)


def test_a_whole_day_is_a_holiday_and_each_of_several_days_is_one():
    got = read(
        file("DTSTART;VALUE=DATE:20260403|SUMMARY:Good Friday", "DTSTART;VALUE=DATE:20260803|DTEND;VALUE=DATE:20260806")
    )
    assert got == {"holidays": [date(2026, 4, 3), date(2026, 8, 3), date(2026, 8, 4), date(2026, 8, 5)]}


def test_what_comes_each_year_on_the_same_date_is_an_annual_holiday():
    got = read(
        file(
            "DTSTART;VALUE=DATE:20201224|DURATION:P3D|RRULE:FREQ=YEARLY",
            "DTSTART;VALUE=DATE:20200101|RRULE:FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1",
            "DTSTART;VALUE=DATE:20240229|RRULE:FREQ=YEARLY",
            "DTSTART;VALUE=DATE:20261225",
        )
    )
    assert got == {"holidays_annual": ["01-01", "02-29", "12-24", "12-25", "12-26"]}


@pytest.mark.parametrize(
    ("rule", "dates"),
    [
        ("FREQ=YEARLY;UNTIL=20271231", ["2026-05-01", "2027-05-01"]),
        ("FREQ=YEARLY;COUNT=2", ["2026-05-01", "2027-05-01"]),
        ("FREQ=YEARLY;INTERVAL=2", ["2026-05-01", "2028-05-01", "2030-05-01"]),
        ("FREQ=YEARLY|EXDATE;VALUE=DATE:20270501,20290501", ["2026-05-01", "2028-05-01", "2030-05-01"]),
        ("FREQ=YEARLY;COUNT=1|RDATE;VALUE=DATE:20260504", ["2026-05-01", "2026-05-04"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", ["2026-05-01", "2026-11-26", "2027-11-25", "2028-11-23", "2029-11-22", "2030-11-28"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20260630", ["2026-05-01", "2026-05-29", "2026-06-26"]),
    ],
)  # fmt: skip
def test_other_recurrences_are_single_holidays_of_the_years_asked_for(rule, dates):
    got = read(file(f"UID:1|DTSTART;VALUE=DATE:20260501|RRULE:{rule}"))
    assert got == {"holidays": [date.fromisoformat(day) for day in dates]}


def test_a_yearly_holiday_that_begins_later_is_not_made_one_of_all_years():
    got = read(file("DTSTART;VALUE=DATE:20290610|RRULE:FREQ=YEARLY"))
    assert got == {"holidays": [date(2029, 6, 10), date(2030, 6, 10)]}


def test_times_are_breaks_in_the_zone_of_the_calendar():
    berlin = "DTSTART;TZID=Europe/Berlin:20260612T130000|DTEND;TZID=Europe/Berlin:20260612T150000"
    universal = "DTSTART:20260701T090000Z|DURATION:PT90M"
    floating = "DTSTART:20260702T090000|DTEND:20260702T100000"
    got = read(file(berlin, universal, floating))
    assert got == {
        "breaks": {date(2026, 6, 12): ["12:00-14:00"], date(2026, 7, 1): ["10:00-11:30"], date(2026, 7, 2): ["09:00-10:00"]}
    }  # fmt: skip


def test_a_meeting_each_week_keeps_its_wall_time_when_the_clocks_change():
    weekly = (
        "DTSTART;TZID=Europe/Lisbon:20260320T120000|DTEND;TZID=Europe/Lisbon:20260320T130000|RRULE:FREQ=WEEKLY;COUNT=3"
    )
    assert read(file(weekly), zone=None) == {
        "breaks": {date(2026, 3, day): ["12:00-13:00"] for day in (20, 27)} | {date(2026, 4, 3): ["12:00-13:00"]}
    }


def test_a_closure_over_midnight_is_a_break_of_each_date_and_overlapping_ones_are_one():
    got = read(
        file(
            "DTSTART:20260612T180000|DTEND:20260614T060000",
            "DTSTART:20260614T050000|DTEND:20260614T073000",
        )
    )
    assert got["breaks"] == {
        date(2026, 6, 12): ["18:00-24:00"],
        date(2026, 6, 13): ["00:00-24:00"],
        date(2026, 6, 14): ["00:00-07:30"],
    }


def test_a_moved_occurrence_stands_for_the_one_it_replaces_and_a_cancelled_one_for_none():
    series = "UID:a|DTSTART:20260601T100000|DTEND:20260601T110000|RRULE:FREQ=DAILY;COUNT=4"
    moved = "UID:a|RECURRENCE-ID:20260602T100000|DTSTART:20260602T150000|DTEND:20260602T160000"
    gone = "UID:a|RECURRENCE-ID:20260603T100000|DTSTART:20260603T100000|DTEND:20260603T110000|STATUS:CANCELLED"
    assert read(file(series, moved, gone))["breaks"] == {
        date(2026, 6, 1): ["10:00-11:00"],
        date(2026, 6, 2): ["15:00-16:00"],
        date(2026, 6, 4): ["10:00-11:00"],
    }


def test_a_rota_read_as_hours_gives_the_hours_of_its_dates():
    rota = file(
        "DTSTART:20260601T060000|DTEND:20260601T140000",
        "DTSTART:20260601T140000|DTEND:20260601T220000",
        "DTSTART:20260601T220000|DTEND:20260602T060000",
        "DTSTART:20260603T080000|DTEND:20260604T080000",
    )
    got = read(rota, as_hours=True)
    assert got == {
        "date_overrides": {
            date(2026, 6, 1): ["06:00-14:00", "14:00-22:00", "22:00-06:00"],
            date(2026, 6, 3): ["08:00-24:00"],
            date(2026, 6, 4): ["00:00-08:00"],
        }
    }


def test_what_is_printed_is_a_calendar_that_is_closed_when_the_events_say():
    parts = read(
        file(
            "DTSTART;VALUE=DATE:20201225|RRULE:FREQ=YEARLY|SUMMARY:Natal: dia \\, feriado # sim",
            "DTSTART;VALUE=DATE:20260403|SUMMARY:Sexta\x07-feira Santa",
            "DTSTART:20260612T120000|DTEND:20260612T140000",
        )
    )
    weekly = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    office = Calendar.model_validate({"id": "office", "tz": "Europe/Lisbon", "weekly": weekly} | parts).compile()
    open_at = [
        office.is_open(datetime(2026, *at, tzinfo=UTC)) for at in ((4, 3, 12), (12, 25, 12), (6, 12, 12), (6, 12, 14))
    ]
    assert open_at == [False, False, False, True]


def test_a_cancelled_event_and_one_that_takes_no_time_close_nothing():
    events = read_events(file("DTSTART:20260612T120000", "DTSTART;VALUE=DATE:20260613|STATUS:CANCELLED"), "x.ics")
    parts = import_parts(events, date(2026, 1, 1), date(2026, 12, 31), "Europe/Lisbon")
    assert not parts
    assert [str(fault) for fault in parts.left_out] == ["x.ics:4: takes no time"]


def test_the_zone_is_that_of_the_file_or_of_all_its_events():
    zoned = "DTSTART;TZID=Europe/Lisbon:20260612T120000|DURATION:PT1H"
    windows = "DTSTART;TZID=GMT Standard Time:20260612T120000|DURATION:PT1H"
    assert read(file(zoned), zone=None)["breaks"] == {date(2026, 6, 12): ["12:00-13:00"]}
    assert read(file(windows), zone="Europe/Lisbon")["breaks"] == {date(2026, 6, 12): ["12:00-13:00"]}
    named = file("DTSTART:20260612T120000Z|DURATION:PT1H", head="X-WR-TIMEZONE:Asia/Kathmandu\r\n")
    assert read(named, zone=None)["breaks"] == {date(2026, 6, 12): ["17:45-18:45"]}


def test_a_zone_that_nobody_told_is_asked_for():
    universal = file("DTSTART:20260612T120000Z|DURATION:PT1H")
    assert refusal(universal, zone=None).startswith("x.ics:4: DTSTART: no zone")
    two = file(
        "DTSTART;TZID=Europe/Lisbon:20260612T120000|DURATION:PT1H",
        "DTSTART;TZID=Europe/Paris:20260612T120000|DURATION:PT1H",
    )
    assert refusal(two, zone=None).startswith("x.ics:8: DTSTART: no zone or another")
    assert "not a time zone" in refusal(universal, zone="Europe/Nowhere")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("SUMMARY:x", "x.ics:4: DTSTART: is missing"),
        ("UID:1|DTSTART:2026banana", "x.ics:6: DTSTART: Expected"),
        ("DTSTART;TZID=Nowhere/Land:20260612T120000", "x.ics:5: DTSTART: 'Nowhere/Land' is no time zone"),
        ("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=NEVER", "x.ics:6: RRULE: Expected frequency"),
        ("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=SECONDLY", "x.ics:6: RRULE: FREQ must be"),
        ("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=DAILY;BYSECOND=1,2", "x.ics:6: RRULE: rules by the hour"),
        ("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=YEARLY;INTERVAL=0", "x.ics:6: RRULE: INTERVAL and COUNT"),
        ("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=DAILY|RRULE:FREQ=YEARLY", "x.ics:6: RRULE: stands more than once"),
        ("DTSTART;VALUE=DATE:20260612|EXRULE:FREQ=DAILY", "x.ics:6: EXRULE: exception rules"),
        ("DTSTART;VALUE=DATE:20260612|DTEND;VALUE=DATE:20260611", "x.ics:6: DTEND: lies before"),
        ("DTSTART;VALUE=DATE:20260612|DTEND:20260613T100000", "x.ics:6: DTEND: is a date where"),
        ("DTSTART:20260612T100000|DTEND:20260612T110000Z", "x.ics:6: DTEND: has a zone where"),
        ("DTSTART;VALUE=DATE:20260612|DTEND;VALUE=DATE:20290612", "x.ics:6: DTEND: lies more than a year"),
        ("DTSTART;VALUE=DATE:00010101", "x.ics:5: DTSTART: lies outside of the years"),
        ("DTSTART:20260612T100000|RDATE;VALUE=PERIOD:20260612T100000Z/PT1H", "x.ics:6: RDATE: is no date"),
        ("DTSTART;VALUE=DATE:20260612|RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20260612", "x.ics:6: RECURRENCE-ID"),
        ("DTSTART;VALUE=DATE:20260229", "x.ics:5: DTSTART: Wrong date"),
        ("DTSTART;VALUE=DATE:20260612|DURATION:P99999999999999999999D", "x.ics:6: DURATION: Impractical"),
        ("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=DAILY;COUNT=999999999999", "x.ics:6: RRULE: Integer"),
        (
            "DTSTART;VALUE=DATE:20260612|RRULE:RSCALE=HEBREW;FREQ=YEARLY;SKIP=FORWARD",
            "x.ics:6: RRULE: RSCALE, SKIP: not read",
        ),
        ("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=YEARLY;BYEASTER=0", "x.ics:6: RRULE: BYEASTER: not read"),
        (
            "DTSTART:20260612T100000|EXDATE;TZID=Mars/Base:20260613T100000",
            "x.ics:6: EXDATE: 'Mars/Base' is no time zone",
        ),
        ("DTSTART:20260612T100000|RDATE;TZID=Mars/Base:20260613T100000", "x.ics:6: RDATE: 'Mars/Base' is no time zone"),
        ("DTSTART;TZID=../../../etc/passwd:20260612T100000", "x.ics:5: DTSTART: '../../../etc/passwd' is no time zone"),
        (f"DTSTART;TZID={'x' * 9_000}:20260612T100000", "x.ics: names a time zone that cannot be one"),
        ("DTSTART;VALUE=DATE:20260612|what is this", "x.ics:6: not a line"),
        ("DTSTART;VALUE=DATE:20260612|END:VALARM", "x.ics:6: END:VALARM ends what"),
        ("DTSTART;VALUE=DATE:20260612|BEGIN:VALARM", "x.ics:7: END:VEVENT ends what"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(event, told):
    assert refusal(file(event)).startswith(told)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is no iCalendar file"),
        (b"BEGIN:VCALENDAR\r\n", "x.ics:1: BEGIN:VCALENDAR has no END"),
        (b"name: desk\n", "is no iCalendar file"),
        (HEAD.encode() + b"X:\xff\r\nEND:VCALENDAR\r\n", "x.ics:4: is not UTF-8"),
        (b"X" * (1024 * 1024 + 1), "x.ics: larger than 1024 KiB"),
        (file(*["DTSTART;VALUE=DATE:20260612"] * 5_001), "more than 5000 events"),
        (file(*["DTSTART;VALUE=DATE:20260101|RRULE:FREQ=DAILY"] * 20), "take place more than 20000 times"),
    ],
    ids=["empty", "no end", "another file", "not UTF-8", "large", "many events", "many occurrences"],
)
def test_files_that_are_no_calendar_or_too_much_are_refused(data, told):
    assert told in refusal(data)


def test_a_rule_without_end_ends_where_the_years_asked_for_do():
    got = read(file("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=DAILY"), years=(2026, 2027))
    assert (got["holidays"][0], got["holidays"][-1], len(got["holidays"])) == (
        date(2026, 6, 12),
        date(2027, 12, 31),
        568,
    )


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=DAILY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"])
def test_a_zone_of_the_file_with_a_rule_without_end_is_read_at_once(rule):
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Own/Zone\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0300\r\n"
        f"TZOFFSETTO:+0300\r\nRRULE:{rule}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    own = file("DTSTART;TZID=Own/Zone:20260612T120000|DURATION:PT1H", head=zone)
    assert read(own)["breaks"] == {date(2026, 6, 12): ["10:00-11:00"]}


def test_a_date_that_is_left_out_may_be_told_in_another_zone():
    daily = "DTSTART;TZID=Europe/Lisbon:20260601T100000|DURATION:PT1H|RRULE:FREQ=DAILY;COUNT=3"
    for left_out in (
        "EXDATE;TZID=Europe/Berlin:20260602T110000",
        "EXDATE:20260602T090000Z",
        "EXDATE;VALUE=DATE:20260602",
    ):
        assert list(read(file(f"{daily}|{left_out}"))["breaks"]) == [date(2026, 6, 1), date(2026, 6, 3)]


def test_a_rule_that_never_holds_is_refused_instead_of_followed_for_ever():
    never = "DTSTART;VALUE=DATE:20260612|RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"
    assert refusal(file(never)) == "x.ics:4: RRULE: holds on no day at all"
    assert refusal(file(f"{never};COUNT=5")) == "x.ics:4: RRULE: holds on no day at all"
    assert read(file("DTSTART;VALUE=DATE:20260612|RRULE:FREQ=YEARLY;UNTIL=20200101")) == {
        "holidays": [date(2026, 6, 12)]
    }
    assert read(file("DTSTART;VALUE=DATE:20400612|RRULE:FREQ=YEARLY")) == {}


WHOLE = file(
    "UID:a|DTSTART;TZID=Europe/Lisbon:20260601T100000|DTEND;TZID=Europe/Lisbon:20260601T110000|RRULE:FREQ=DAILY;COUNT=4",
    "UID:a|RECURRENCE-ID;TZID=Europe/Lisbon:20260602T100000|DTSTART:20260602T150000Z|DURATION:PT1H|STATUS:CANCELLED",
    "DTSTART;VALUE=DATE:20260501|RRULE:FREQ=YEARLY;UNTIL=20281231T000000Z|EXDATE;VALUE=DATE:20270501|RDATE:20260504T000000",
    "DTSTART;VALUE=DATE:20201224|DURATION:P3D|RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24|SUMMARY:Natal",
).split(b"\r\n")
PIECES = [b"", b"BEGIN:VEVENT", b"END:VEVENT", b"END:VCALENDAR", b" folded", b"DTSTART:", b"RRULE:FREQ=YEARLY;BYMONTH=13", b"RRULE:",
    b"DTEND:00000000", b"DURATION:-P1D", b"DURATION:P99999999D", b"EXDATE:20260601", b"RECURRENCE-ID:20260601", b"RRULE:FREQ=DAILY;COUNT=x",
    b"DTSTART;VALUE=DATE:99991231", b"DTSTART;TZID=:20260601T100000", b"RDATE;VALUE=PERIOD:1/2", b"BEGIN:VTIMEZONE", b"\x00:\x00", b"DTEND;VALUE=TIME:100000"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.sampled_from(PIECES + WHOLE)), min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused_and_never_breaks_the_reader(damage):
    lines = list(WHOLE)
    for place, piece in damage:
        lines[place] = piece
    try:
        read(b"\r\n".join(lines))
    except ICalendarError as error:
        assert str(error).startswith("x.ics")  # noqa: PT017  # either is right
