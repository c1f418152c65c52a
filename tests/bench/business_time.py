"""Business time on one core, in memory, beside two other libraries when they are there (`make bench-peers`)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import holidays
from rich.console import Console

from tierdesk_policy import BusinessCalendar, CalendarRules
from tierdesk_policy.units import Hours
from tierdesk_policy.zones import find_zone

from .reports import Report

PEERS: Final = Path(__file__).parents[2] / ".cache" / "peers"
ZONE: Final = "Europe/Lisbon"
OPENS, CLOSES = 9, 17
FIRST_YEAR, YEARS = 2024, 5
QUESTIONS: Final = 50_000
QUESTIONS_TO_PEERS: Final = 400
"""They take as many times longer."""
WEEKS: Final = "up to two weeks apart"
YEARS_APART: Final = "anywhere in five years"

Ask = Callable[[], object]


class Questions:
    """Starts anywhere in five years, with up to forty working hours to add, and ends up to two weeks later or anywhere."""

    def __init__(self) -> None:
        random = Random(1)
        first = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
        self.seconds = [first + random.randrange(YEARS * 365 * 86_400) for _ in range(QUESTIONS)]
        self.amounts = [random.randint(1, 40 * 3_600) for _ in range(QUESTIONS)]
        self.zone = find_zone(ZONE)
        self.starts = [datetime.fromtimestamp(second, self.zone) for second in self.seconds]
        ends = [start + timedelta(seconds=random.randint(1, 14 * 86_400)) for start in self.starts]
        self.weeks = list(zip(self.starts, ends, strict=True))
        self.years = [(min(pair), max(pair)) for pair in pairwise((*self.starts, self.starts[0]))]


def measure(options: argparse.Namespace, console: Console) -> None:
    """Calls a second: medians, in turns. The answers of the others are counted as they agree."""
    report = Report("calendar: calls a second on one core", console)
    questions = Questions()
    calendar = _calendar()
    began = time.perf_counter()
    for start in questions.starts[:2_000]:
        calendar.add(start, 3_600)
    report.conclude("from nothing to 2,000 answers in five years, ms", round((time.perf_counter() - began) * 1e3))
    asked = _ours(calendar, questions) | _peers(calendar, questions, report, console)
    for _ in range(options.rounds):
        for name, (count, ask) in asked.items():
            began = time.perf_counter()
            ask()
            report.add(name, {"calls_per_second": round(count / (time.perf_counter() - began))})
    _conclude(report, asked)
    report.close()


def _calendar() -> BusinessCalendar:
    hours = (Hours(OPENS * 3_600, CLOSES * 3_600),)
    return BusinessCalendar(
        CalendarRules(tz=ZONE, weekly=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours), country="PT")
    )


def _ours(calendar: BusinessCalendar, questions: Questions) -> dict[str, tuple[int, Ask]]:
    whole = list(zip(questions.seconds, questions.amounts, strict=True))
    whole_weeks = [(int(start.timestamp()), int(end.timestamp())) for start, end in questions.weeks]
    zoned = list(zip(questions.starts, questions.amounts, strict=True))
    zone = questions.zone
    return {
        "add, whole seconds": (QUESTIONS, lambda: [calendar.add_whole(at, amount) for at, amount in whole]),
        f"between, whole seconds {WEEKS}": (
            QUESTIONS,
            lambda: [calendar.between_whole(start, end) for start, end in whole_weeks],
        ),
        "add, zoned in and out": (
            QUESTIONS,
            lambda: [calendar.add(start, amount).astimezone(zone) for start, amount in zoned],
        ),
        f"between, {WEEKS}": (QUESTIONS, lambda: [calendar.between(*pair) for pair in questions.weeks]),
        f"between, {YEARS_APART}": (QUESTIONS, lambda: [calendar.between(*pair) for pair in questions.years]),
    }


def _peers(
    calendar: BusinessCalendar, questions: Questions, report: Report, console: Console
) -> dict[str, tuple[int, Ask]]:
    """The same questions to the others, in the form that each takes; nothing when they are not installed."""
    if not PEERS.is_dir():
        console.print("  businesstimedelta and business-duration are not here: make bench-peers installs them, apart")
        return {}
    sys.path.append(str(PEERS))
    deltas, durations, pytz = (import_module(name) for name in ("businesstimedelta", "business_duration", "pytz"))
    closed = sorted(holidays.country_holidays("PT", years=range(FIRST_YEAR, FIRST_YEAR + YEARS + 1)))
    opens, closes = time_of_day(OPENS), time_of_day(CLOSES)
    place = pytz.timezone(ZONE)
    workdays = deltas.WorkDayRule(start_time=opens, end_time=closes, working_days=[0, 1, 2, 3, 4], tz=place)
    rules = deltas.Rules([workdays, deltas.HolidayRule(dict.fromkeys(closed, True), tz=place)])
    asked = list(zip(questions.starts, questions.amounts, strict=True))[:QUESTIONS_TO_PEERS]
    weeks, years = questions.weeks[:QUESTIONS_TO_PEERS], questions.years[:QUESTIONS_TO_PEERS]

    def add() -> list[datetime]:
        return [start.astimezone(UTC) + deltas.BusinessTimeDelta(rules, seconds=amount) for start, amount in asked]

    def between(pairs: list[tuple[datetime, datetime]]) -> list[float]:
        walls = [(start.replace(tzinfo=None), end.replace(tzinfo=None)) for start, end in pairs]
        return [
            durations.businessDuration(start, end, opens, closes, [5, 6], closed, unit="sec") for start, end in walls
        ]

    report.conclude("businesstimedelta agrees", _agreement([calendar.add(*one) for one in asked], add()))
    report.conclude(
        "business-duration agrees",
        _agreement([calendar.between(*pair) for pair in (*weeks, *years)], between(weeks) + between(years)),
    )
    return {
        "businesstimedelta: add": (QUESTIONS_TO_PEERS, add),
        f"business-duration: between, {WEEKS}": (QUESTIONS_TO_PEERS, lambda: between(weeks)),
        f"business-duration: between, {YEARS_APART}": (QUESTIONS_TO_PEERS, lambda: between(years)),
    }


def _agreement(ours: Sequence[object], theirs: Sequence[object]) -> str:
    same = sum(one == other for one, other in zip(ours, theirs, strict=True))
    return f"in {same} of {len(ours)}"


def _conclude(report: Report, asked: dict[str, tuple[int, Ask]]) -> None:
    for ours, theirs in (
        ("add, whole seconds", "businesstimedelta: add"),
        ("add, zoned in and out", "businesstimedelta: add"),
        (f"between, whole seconds {WEEKS}", f"business-duration: between, {WEEKS}"),
        (f"between, {WEEKS}", f"business-duration: between, {WEEKS}"),
        (f"between, {YEARS_APART}", f"business-duration: between, {YEARS_APART}"),
    ):
        if theirs in asked:
            rates = [report.median_of(name, "calls_per_second") for name in (ours, theirs)]
            report.conclude(f"{ours} / {theirs}", round(rates[0] / rates[1]))
