"""Presence, records and the reading of a rota: what follows from what, without a database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_desk.domain.presence import Presence, Standing, State, in_order_of_need, say
from tierdesk_desk.domain.records import Line, Tally, compare, propose
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.rota import RotaError, read_rota
from tierdesk_desk.store.records import first_month

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FRONT = ("l1", "front")
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
HEAD = "person,tier,group,starts,ends\n"


def standing(name, state=State.AVAILABLE, *, seen=True, held=0, quiet_hours=None):
    quiet = None if quiet_hours is None else NOW - timedelta(hours=quiet_hours)
    return Standing(name, name, Presence(state, NOW), seen, held, quiet_since=quiet)


def test_who_says_the_same_again_has_said_it_since_the_first_time():
    first = say(Presence(), State.AWAY, NOW)
    assert first == Presence(State.AWAY, NOW)
    assert say(first, State.AWAY, NOW + timedelta(hours=1)) == first
    assert say(first, State.BUSY, NOW + timedelta(hours=1)).since == NOW + timedelta(hours=1)


def test_who_leaves_work_alone_comes_first_and_the_longest_silence_before_the_others():
    people = [
        standing("ann"),
        standing("ben", State.AWAY),
        standing("cai", State.AWAY, held=1, quiet_hours=1),
        standing("dee", seen=False, held=1, quiet_hours=5),
        standing("eve", State.BUSY, held=2, quiet_hours=9),
        standing("fay", seen=False),
        standing("gus", State.AWAY, held=1),
        Standing("hal", "hal", Presence(), True, 3, quiet_since=NOW),  # who has said nothing
    ]
    assert [one.name for one in in_order_of_need(people)] == ["dee", "cai", "gus", "ann", "ben", "eve", "hal", "fay"]


def line(solved, escalated, reopened=0, others=(0, 0), name="ann", category="network"):
    return Line(name, FRONT, category, Tally(solved, escalated, reopened), Tally(*others))


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        (line(8, 2), ["skill"]),
        (line(7, 2), []),  # too few
        (line(7, 3, others=(7, 3)), []),
        (line(10, 0, reopened=2), []),  # they come back
        (line(7, 3, others=(17, 3)), ["training"]),
        (line(7, 3, others=(16, 4)), []),  # not twice as often
        (line(7, 3, others=(9, 0)), []),  # colleagues have too few
        (line(8, 2, category="hardware"), []),  # which asks for no skill
        (line(8, 2, name="bea"), []),  # who has it
    ],
)
def test_what_is_proposed_follows_from_the_figures(given, kinds):
    found = propose([given], {"ann": ["vpn"], "bea": ["wireless"]}, {"network": ["wireless"], "hardware": []})
    assert [one.kind for one in found] == kinds
    assert all(one.skills == ("wireless",) for one in found if one.kind == "skill")


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.just(FRONT), st.sampled_from("xy")),
        st.builds(Tally, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    )
)
def test_colleagues_are_all_others(counted):
    for one in compare(counted):
        together = [
            tally for (_, place, category), tally in counted.items() if (place, category) == (one.place, one.category)
        ]
        assert one.tally + one.colleagues == sum(together, Tally())


def test_months_are_counted_back_over_the_turn_of_the_year():
    assert first_month(datetime(2026, 1, 31, 23, tzinfo=UTC), 3) == date(2025, 11, 1)
    assert first_month(datetime(2026, 12, 1, tzinfo=UTC), 1) == date(2026, 12, 1)


@given(
    st.sampled_from([None, "l1", "l2"]),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, "l1", "l2"]),
    st.sampled_from([None, "a", "b"]),
)
def test_two_grants_meet_where_a_group_is_in_both(tier, group, other_tier, other_group):
    group, other_group = tier and group, other_tier and other_group
    one, other = Grant(Role.LEAD, tier, group), Grant(Role.AGENT, other_tier, other_group)
    places = [(height, name) for height in ("l1", "l2") for name in ("a", "b")]
    assert one.meets(other_tier, other_group) == any(one.covers(*place) and other.covers(*place) for place in places)


def test_a_table_is_read_in_its_zone_and_bad_lines_are_named_while_the_rest_goes_on():
    rota = read_rota(
        (
            HEAD
            + "Ana,l2,networks,2026-03-02T09:00,2026-03-02T17:00\n"
            + "ana,l3,databases,2026-07-01 09:00,2026-07-01 17:00\n"
            + "\n"
            + "bob,l1,front,2026-03-02T09:00:00+02:00,2026-03-02T17:00Z\n"
            + "bob,l1,front,2026-03-02,2026-03-03T10:00\n"
            + "bob,l1,front,2026-03-02T09:00,2026-03-02T08:00\n"
            + "bob,l1,front,2026-03-02T09:00,2026-03-12T08:00\n"
            + "bob,L1,front,2026-03-02T09:00,2026-03-02T10:00\n"
            + 'bob,l1,"front,2026-03-02T09:00,2026-03-02T10:00\n'
            + "bob,l1,front\n"
            + "b b,l1,front,2026-03-02T09:00,2026-03-02T10:00\n"
            + "eve,l1,front,2027-03-02T09:00,2027-03-02T10:00\n"
        ).encode(),
        "march.csv",
        "Europe/Berlin",
        *YEAR,
    )
    assert [(one.line, one.person, one.place, one.starts_at.hour, one.ends_at.hour) for one in rota.entries] == [
        (2, "ana", ("l2", "networks"), 8, 16),
        (3, "ana", ("l3", "databases"), 7, 15),
        (5, "bob", ("l1", "front"), 7, 17),
    ]
    assert [(fault.line, fault.field) for fault in rota.left_out] == [
        (6, "starts"), (7, "ends_at"), (8, "ends_at"), (9, "tier"), (10, ""), (11, ""), (12, "person"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "zone", "told"),
    [
        (b"", "UTC", "the columns of a rota are"),
        (b"who,when\n", "UTC", "the columns of a rota are"),
        (b"\xff\xfe", "UTC", "is not UTF-8"),
        (HEAD.encode(), "Europe/Atlantis", "is not a time zone"),
        (HEAD.encode() * 60_000, "UTC", "larger than"),
        (HEAD.encode() + b"x\n" * 20_001, "UTC", "more than 20000 lines"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "UTC", "has no END"),
    ],
)
def test_what_is_no_rota_is_refused_in_a_line(data, zone, told):
    with pytest.raises(RotaError, match=told) as raised:
        read_rota(data, "march.csv", zone, *YEAR)
    assert "\n" not in str(raised.value)


def calendar(*events):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event.split("|"), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def test_a_weekly_night_shift_keeps_what_the_clock_shows_across_both_changes_of_it():
    data = calendar(
        "SUMMARY:ana: l2/networks, l3/databases|DTSTART;TZID=Europe/London:20260328T220000"
        "|DTEND;TZID=Europe/London:20260329T060000|RRULE:FREQ=DAILY;COUNT=2"
    )
    rota = read_rota(data, "r.ics", "UTC", *YEAR)
    assert rota.left_out == []
    assert {one.place for one in rota.entries} == {("l2", "networks"), ("l3", "databases")}
    lengths = [(one.ends_at - one.starts_at) / timedelta(hours=1) for one in rota.entries[::2]]
    assert lengths == [7, 8]
    autumn = data.replace(b"20260328", b"20261024").replace(b"20260329", b"20261025")
    lengths = [
        (one.ends_at - one.starts_at) / timedelta(hours=1)
        for one in read_rota(autumn, "r.ics", "UTC", *YEAR).entries[::2]
    ]
    assert lengths == [9, 8]


def test_events_that_are_no_shifts_are_named_once_and_the_rest_goes_on():
    data = calendar(
        "SUMMARY:ana l1/front|DTSTART:20260302T090000|DTEND:20260302T170000",
        "SUMMARY:Holiday|DTSTART;VALUE=DATE:20260303|RRULE:FREQ=DAILY;COUNT=5",
        "SUMMARY:Lunch with Bob|DTSTART:20260302T120000Z|DTEND:20260302T130000Z|RRULE:FREQ=DAILY;COUNT=9",
        "SUMMARY:ana l1/front|DTSTART:20260304T090000|DTEND:20260304T080000",
        "SUMMARY:ana l1/front|DTSTART:20260305T090000|DURATION:P8D",
        "SUMMARY:ana l1/front|DTSTART:20260306T090000|DTEND:20260306T170000|STATUS:CANCELLED",
    )
    rota = read_rota(data, "r.ics", "Europe/Berlin", *YEAR)
    assert [(one.person, one.starts_at) for one in rota.entries] == [("ana", datetime(2026, 3, 2, 8, tzinfo=UTC))]
    assert sorted((fault.line, fault.field) for fault in rota.left_out) == [
        (9, "DTSTART"), (15, "SUMMARY"), (26, "DTEND"), (28, "DTEND"),
    ]  # fmt: skip


def test_what_falls_into_the_hour_that_the_clock_skips_or_shows_twice_is_placed_once():
    rota = read_rota(
        (HEAD + "ana,l1,front,2026-03-29T02:30,2026-03-29T06:00\nana,l1,front,2026-10-25T02:30,2026-10-25T06:00\n").encode(),
        "r.csv", "Europe/Berlin", *YEAR,
    )  # fmt: skip
    assert [one.starts_at for one in rota.entries] == [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),  # 03:30 on the wall
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # the first of both
    ]
