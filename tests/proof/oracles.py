"""Two oracles of business time, which share nothing but the zone files, neither with each other nor with the desk's arithmetic.

`SteppingClock` looks at the clock on the wall every minute and knows of each second whether it counts.
`ExplicitIntervals` asks of the seconds at which anything can change what the rules say there, and walks from one to the next.
Both take and give seconds since the epoch, and answer None for what lies outside of what they look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise

import holidays

from tierdesk_policy import CalendarRules

from .cases import WEEKDAYS, Case
from .zones import DAY, WALL_EPOCH, Segment, segments, wall, wall_second

ONE_DAY = timedelta(days=1)
MARGIN = 3 * DAY
STRIDES = (3_600, 60, 1)
Pauses = tuple[tuple[int, int], ...]


@cache
def _public(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=[year]).keys())


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

    def __init__(self, case: Case, pauses: Pauses) -> None:
        self._first = case.first
        painted, painted_from = _paint(case)
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
    minutes = [wall_second(name, second) for second in range(first, end + 1, 60)]
    runs: list[tuple[int, int]] = []
    for i, (shown, following) in enumerate(pairwise(minutes)):
        even = following - shown == 60
        looks = [(shown, 60)] if even else [(wall_second(name, first + i * 60 + n), 1) for n in range(60)]
        for look, seconds in looks:
            if runs and sum(runs[-1]) == look:
                runs[-1] = (runs[-1][0], runs[-1][1] + seconds)
            else:
                runs.append((look, seconds))
    return tuple(runs)


def _paint(case: Case) -> tuple[bytes, int]:
    """Each second of the wall, open or not, and the first of them."""
    first_day = (WALL_EPOCH + timedelta(seconds=case.first - MARGIN)).date()
    days = [first_day + timedelta(days=i) for i in range(case.days + 7)]
    painted = bytearray((len(days) + 1) * DAY)
    for i, day in enumerate(days):
        for opens, closes in hours_that_start_on(case.rules, day):
            painted[i * DAY + opens : i * DAY + closes] = b"\1" * (closes - opens)
    for i, day in enumerate(days):
        for opens, closes in case.rules.breaks.get(day, ()):
            painted[i * DAY + opens : i * DAY + closes] = bytes(closes - opens)
    return bytes(painted), (first_day - WALL_EPOCH.date()).days * DAY


class ExplicitIntervals:
    """The stretches that count, one by one, and for each date on which such hours start when the last of them end."""

    def __init__(self, case: Case, pauses: Pauses) -> None:
        self.zone = case.rules.tz
        self.intervals: list[tuple[int, int]] = []
        self.closings: dict[date, int] = {}
        self._segments = segments(self.zone, case.first - MARGIN, case.end + MARGIN)
        edges = sorted({case.first, case.end, *_edges(case, pauses, self._segments)})
        for start, end in pairwise(edges):
            if start < case.first or end > case.end:
                continue
            owners = _owners(case.rules, wall(self.zone, start))
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


def _edges(case: Case, pauses: Pauses, around: Iterable[Segment]) -> Iterable[int]:
    """Every second at which what counts may change; and more, which does no harm."""
    local_edges = set()
    first_day = (WALL_EPOCH + timedelta(seconds=case.first - MARGIN)).date()
    for i in range(case.days + 7):
        day = first_day + timedelta(days=i)
        midnight = (day - WALL_EPOCH.date()).days * DAY
        hours = (*hours_that_start_on(case.rules, day), *case.rules.breaks.get(day, ()))
        local_edges |= {midnight + edge for each in hours for edge in each}
    for segment in around:
        yield segment.start
        yield from (edge - segment.offset for edge in local_edges)
    for pause in pauses:
        yield from pause


def _owners(rules: CalendarRules, shown: datetime) -> set[date]:
    """The dates whose hours are worked when the wall shows this: none when it is closed."""
    day = shown.date()
    second = shown.hour * 3_600 + shown.minute * 60 + shown.second
    looks = ((day, second), (day - ONE_DAY, second + DAY))
    if any(opens <= at < closes for date_, at in looks for opens, closes in rules.breaks.get(date_, ())):
        return set()
    return {
        date_ for date_, at in looks if any(opens <= at < closes for opens, closes in hours_that_start_on(rules, date_))
    }
