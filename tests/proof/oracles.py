"""Two oracles of business time, which share nothing with the desk's arithmetic, and little with each other.

`SteppingClock` looks at the clock on the wall every minute and knows of each second whether it counts.
`ExplicitIntervals` asks of the seconds at which anything can change what the rules say there, and walks from one to the next.
Both are told which hours start on a date, take and give seconds since the epoch, and answer None for what lies outside
of what they look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise

import holidays

from tierdesk_policy import CalendarRules

from .cases import MARGIN, WEEKDAYS, Case
from .zones import DAY, WALL_EPOCH, Segment, segments, wall, wall_second, zone

ONE_DAY = timedelta(days=1)
STRIDES = (3_600, 60, 1)
Pauses = tuple[tuple[int, int], ...]
HoursByDay = dict[date, tuple[tuple[int, int], ...]]


@cache
def _public(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=[year]).keys())


def read_hours(case: Case) -> HoursByDay:
    """What the rules say of each date that a case is about."""
    first_day = (WALL_EPOCH + timedelta(seconds=case.first - MARGIN)).date()
    days = (first_day + i * ONE_DAY for i in range(-1, case.days + 7))
    return {day: hours_that_start_on(case.rules, day) for day in days}


def hours_that_start_on(rules: CalendarRules, day: date) -> tuple[tuple[int, int], ...]:
    """What the rules say of a date, breaks aside: a holiday closes it, an override replaces the weekly hours."""
    closed = day in rules.holidays or any(
        (day.month, day.day) == (int(annual[:2]), int(annual[3:])) for annual in rules.holidays_annual
    )
    if rules.country is not None:
        closed = closed or day in _public(rules.country, rules.subdivision, day.year)
    if closed:
        return ()
    if day in rules.date_overrides:
        return tuple((opens, closes) for opens, closes in rules.date_overrides[day])
    return tuple((opens, closes) for opens, closes in rules.weekly.get(WEEKDAYS[day.weekday()], ()))


class SteppingClock:
    """Knows of each second whether it counts."""

    def __init__(self, case: Case, pauses: Pauses, hours: HoursByDay) -> None:
        self._first = case.first
        painted, painted_from = _paint(case, hours)
        self._worked = bytearray().join(
            painted[shown - painted_from : shown - painted_from + seconds]
            for shown, seconds in _looks(case.rules.tz, case.first, case.end)
        )
        for paused, resumed in pauses:
            since, until = max(paused, case.first) - case.first, min(resumed, case.end) - case.first
            self._worked[since:until] = bytes(max(0, until - since))

    def is_open(self, at: int) -> bool:
        return bool(self._worked[at - self._first])

    def add(self, start: int, seconds: int) -> int | None:
        """The end of the last second needed; for none, the first second that counts."""
        at, missing = start - self._first, max(seconds, 1)
        for stride in STRIDES:
            while at < len(self._worked) and (counted := self._worked.count(1, at, at + stride)) < missing:
                missing -= counted
                at += stride
        return self._first + at + (seconds > 0) if at < len(self._worked) else None

    def subtract(self, start: int, seconds: int) -> int | None:
        """The start of the first second needed; for none, the end of the last second that counted."""
        at, missing = start - self._first, max(seconds, 1)
        for stride in STRIDES:
            while at > 0 and (counted := self._worked.count(1, max(at - stride, 0), at)) < missing:
                missing -= counted
                at -= stride
        return self._first + at - (seconds > 0) if at > 0 else None

    def between(self, start: int, end: int) -> int:
        return self._worked.count(1, start - self._first, max(start, end) - self._first)


@lru_cache(maxsize=4_096)
def _looks(name: str, first: int, end: int) -> tuple[tuple[int, int], ...]:
    """What the wall shows, looked at every minute and every second of a minute in which it leaps: runs of local seconds,
    each as its first and how many follow each other evenly.
    """
    place = zone(name)
    offsets = [datetime.fromtimestamp(second, place).utcoffset() for second in range(first, end + 1, 60)]
    runs: list[tuple[int, int]] = []
    before = None
    for minute, (offset, following) in zip(range(first, end, 60), pairwise(offsets), strict=True):
        if runs and before == offset == following:
            runs[-1] = (runs[-1][0], runs[-1][1] + 60)
        else:
            runs += [(wall_second(name, second), 1) for second in range(minute, minute + 60)]
        before = offset
    return tuple(runs)


def _paint(case: Case, hours: HoursByDay) -> tuple[bytes, int]:
    """Each second of the wall, open or not, and the first of them."""
    first_day = min(hours)
    painted = bytearray((len(hours) + 1) * DAY)
    for day, intervals in hours.items():
        midnight = (day - first_day).days * DAY
        for opens, closes in intervals:
            painted[midnight + opens : midnight + closes] = b"\1" * (closes - opens)
    for day, cuts in case.rules.breaks.items():
        midnight = (day - first_day).days * DAY
        for opens, closes in cuts if day in hours else ():
            painted[midnight + opens : midnight + closes] = bytes(closes - opens)
    return bytes(painted), (first_day - WALL_EPOCH.date()).days * DAY


class ExplicitIntervals:
    """The stretches that count, one by one, and for each date on which such hours start when the last of them end."""

    def __init__(self, case: Case, pauses: Pauses, hours: HoursByDay) -> None:
        self.zone = case.rules.tz
        self.intervals: list[tuple[int, int]] = []
        self.closings: dict[date, int] = {}
        self._segments = segments(self.zone, case.first - MARGIN, case.end + MARGIN)
        edges = sorted({case.first, case.end, *_edges(case, pauses, self._segments, hours)})
        for start, end in pairwise(edges):
            if start < case.first or end > case.end:
                continue
            owners = _owners(case.rules, hours, wall(self.zone, start))
            self.closings |= dict.fromkeys(owners, end)
            if owners and not any(paused <= start < resumed for paused, resumed in pauses):
                self._extend(start, end)

    def _extend(self, start: int, end: int) -> None:
        if self.intervals and self.intervals[-1][1] == start:
            start = self.intervals.pop()[0]
        self.intervals.append((start, end))

    def is_open(self, at: int) -> bool:
        return any(start <= at < end for start, end in self.intervals)

    def add(self, start: int, seconds: int) -> int | None:
        missing = seconds
        for opens, closes in self.intervals:
            if closes <= start:
                continue
            begins = max(opens, start)
            if missing <= closes - begins:
                return begins + missing
            missing -= closes - begins
        return None

    def subtract(self, start: int, seconds: int) -> int | None:
        missing = seconds
        for opens, closes in reversed(self.intervals):
            if opens >= start:
                continue
            ends = min(closes, start)
            if missing <= ends - opens:
                return ends - missing
            missing -= ends - opens
        return None

    def between(self, start: int, end: int) -> int:
        return sum(max(0, min(closes, end) - max(opens, start)) for opens, closes in self.intervals)

    def first_shown(self, local: int) -> int:
        """The first second at which the wall shows `local`; what it skips moves on by what was skipped."""
        shown = [local - each.offset for each in self._segments if each.start <= local - each.offset < each.end]
        if shown:
            return min(shown)
        for before, after in pairwise(self._segments):
            if before.end + before.offset <= local < after.start + after.offset:
                return local - before.offset
        raise AssertionError(f"{self.zone} is not looked at when it would show {local}")


def _edges(case: Case, pauses: Pauses, around: Iterable[Segment], hours: HoursByDay) -> Iterable[int]:
    """Every second at which what counts may change; and more, which does no harm."""
    local_edges = set()
    for day, intervals in hours.items():
        midnight = (day - WALL_EPOCH.date()).days * DAY
        local_edges |= {midnight + edge for each in (*intervals, *case.rules.breaks.get(day, ())) for edge in each}
    for segment in around:
        yield segment.start
        yield from (edge - segment.offset for edge in local_edges)
    for pause in pauses:
        yield from pause


def _owners(rules: CalendarRules, hours: HoursByDay, shown: datetime) -> set[date]:
    """The dates whose hours are worked when the wall shows this: none when it is closed."""
    day = shown.date()
    second = shown.hour * 3_600 + shown.minute * 60 + shown.second
    looks = ((day, second), (day - ONE_DAY, second + DAY))
    if any(opens <= at < closes for date_, at in looks for opens, closes in rules.breaks.get(date_, ())):
        return set()
    return {date_ for date_, at in looks if any(opens <= at < closes for opens, closes in hours[date_])}
