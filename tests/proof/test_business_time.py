"""Business time equals what two oracles say; and the oracles would notice if it did not."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierdesk_policy import BusinessCalendar, CalendarRules
from tierdesk_policy.business_time import Pause
from tierdesk_policy.units import DAY_SECONDS, Hours

from . import comparison
from .__main__ import find_differing, main
from .cases import draw_case, make_case
from .comparison import compare, find_differences, instant
from .oracles import ExplicitIntervals, read_hours

PART, CASES = 40, 200
"""`make prove` draws a hundred times as many."""


@pytest.mark.parametrize("part", range(CASES // PART))
def test_every_answer_is_that_of_the_oracles(part: int, record_property: Callable[[str, object], None]) -> None:
    seed = secrets.randbelow(1_000_000_000)
    assert find_differing(seed, part * PART, (part + 1) * PART) == {}, f"seed={seed}"
    record_property("told", f"{PART} cases, 0 differing, seed={seed}")


class ClosesLate(BusinessCalendar):
    """Counts the closing instant as open."""

    def is_open(self, at: datetime, pauses: Iterable[Pause] = ()) -> bool:
        return super().is_open(at, pauses) or super().is_open(at - timedelta(microseconds=1), pauses)


class CountsOverlaps(BusinessCalendar):
    """Takes what two pauses have in common off twice."""

    def between(self, start: datetime, end: datetime, pauses: Iterable[Pause] = ()) -> float:
        worked = super().between(start, end)
        return worked - sum(super(CountsOverlaps, self).between(max(start, a), min(end, b)) for a, b in pauses)


def shortened(rules: CalendarRules, cut: Callable[[Hours], Hours]) -> BusinessCalendar:
    weekly = {day: tuple(cut(hours) for hours in intervals) for day, intervals in rules.weekly.items()}
    return BusinessCalendar(replace(rules, weekly=weekly))


FAULTS: dict[str, Callable[[CalendarRules], BusinessCalendar]] = {
    "the closing instant is open": ClosesLate,
    "overlapping pauses count twice": CountsOverlaps,
    "a break is worked": lambda rules: BusinessCalendar(replace(rules, breaks={})),
    "a holiday is worked": lambda rules: BusinessCalendar(replace(rules, holidays=frozenset())),
    "a yearly holiday is worked": lambda rules: BusinessCalendar(replace(rules, holidays_annual=frozenset())),
    "a public holiday is worked": lambda rules: BusinessCalendar(replace(rules, country=None, subdivision=None)),
    "a date keeps its weekly hours": lambda rules: BusinessCalendar(replace(rules, date_overrides={})),
    "the offset never changes": lambda rules: BusinessCalendar(replace(rules, tz="UTC")),
    "nights end at midnight": lambda rules: shortened(rules, lambda it: Hours(it.opens, min(it.closes, DAY_SECONDS))),
    "a day loses its last second": lambda rules: shortened(rules, lambda it: Hours(it.opens, it.closes - 1)),
    "the day is a minute short": lambda rules: shortened(
        rules, lambda it: Hours(it.opens, it.closes - 60 * (it.closes == DAY_SECONDS and it.closes > 60))
    ),
}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_cases_that_hypothesis_can_shrink_agree_too(random: Random) -> None:
    assert compare(draw_case(random, "drawn by Hypothesis")) == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9), st.integers(1, 86_400_000_000))
def test_what_is_added_lies_between_and_can_be_taken_back_to_the_microsecond(number: int, micros: int) -> None:
    case = make_case(1, number)
    calendar, start = (
        BusinessCalendar(case.rules),
        instant(case.instants[0]) + timedelta(microseconds=micros % 1_000_000),
    )
    if ExplicitIntervals(case, (), read_hours(case)).between(case.instants[0] + 1, case.end) * 1_000_000 < micros:
        return
    end = calendar.add(start, micros / 1_000_000)
    assert round(calendar.between(start, end) * 1_000_000) == micros
    assert calendar.subtract(end, micros / 1_000_000) == calendar.next_open(start)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    cases = (make_case(1, number) for number in range(500))
    assert any(any(find_differences(case, FAULTS[fault](case.rules))) for case in cases)


def test_the_command_fails_and_tells_what_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = next(n for n in range(500) if any(find_differences(make_case(1, n), ClosesLate(make_case(1, n).rules))))
    monkeypatch.setattr("sys.argv", ["proof", "--seed", "1", "--case", str(number)])
    assert main() == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 cases, 0 differing, seed=1"
    monkeypatch.setattr(comparison, "BusinessCalendar", ClosesLate)
    assert main() == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "1 cases, 1 differing, seed=1"
    assert any("the calendar says True" in line for line in told)


@pytest.mark.parametrize("number", [1_275, 10_997, 18_156])
def test_calendars_that_open_on_a_date_or_two_and_never_again_agree(number: int) -> None:
    case = make_case(469_122_800, number)
    assert case.rules.weekly == {}
    assert compare(case) == []


def test_a_case_is_the_same_each_time_it_is_made() -> None:
    assert make_case(7, 3) == make_case(7, 3)
    assert make_case(7, 3) != make_case(7, 4) != make_case(8, 4)
