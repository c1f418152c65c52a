"""Business time: pure arithmetic of calendars, exact to the microsecond, in any zone.

Instants go in as aware datetimes and come out in UTC. What the operations mean:

* an interval is half open: its opening instant is open, its closing instant is closed;
* work that ends exactly at closing time ends there, and does not roll to the next opening; counted backwards, work
  that ends exactly at an opening stays there;
* adding nothing to a closed instant gives the next open one; subtracting nothing gives the last closing instant;
* wall time decides what is open: an hour that the clock skips is not worked, one that it shows twice is worked twice.

A calendar is compiled year by year when first asked about it, and searched by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Literal

from tierdesk_policy.openings import (
    MICROS,
    CalendarRules,
    Openings,
    Span,
    compile_year,
    merge,
    public_holidays,
    to_utc,
)
from tierdesk_policy.units import DAY_SECONDS, Hours
from tierdesk_policy.zones import EPOCH, SECOND, find_zone, stretches

__all__ = ["BusinessCalendar", "BusinessTimeError", "CalendarRules", "Pause", "Roll", "resolve_local"]

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9000
HORIZON_YEARS: Final = 100
"""How far from its start an answer may lie: what has no end within a lifetime has none."""

Pause = tuple[datetime, datetime]
"""A stretch of absolute time in which a clock stands still: from the first instant until before the second."""
Roll = Literal["none", "forward", "back", "end_of_day"]

_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
_END: Final = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
_YEARS_KEPT: Final = 256
_WHOLE_WEEK: Final = {day: (Hours(0, DAY_SECONDS),) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


class BusinessTimeError(ValueError):
    """There is no such instant: outside of the years 1900 to 9000, or further than a hundred years from the start."""


def resolve_local(local: datetime, tz: tzinfo) -> datetime:
    """The instant, in UTC, of a wall time without zone.

    A wall time that the clock skips moves on by what was skipped; of one that the clock shows twice it is the first.
    """
    return local.replace(tzinfo=tz, fold=0).astimezone(UTC)


class BusinessCalendar:
    """The working hours of one party, as arithmetic. Raises ValueError for an unknown zone or country.

    Safe to share between threads: a year may be compiled twice, with the same result.
    """

    def __init__(self, rules: CalendarRules) -> None:
        self.rules: Final = rules
        self.zone: Final = find_zone(rules.tz)
        if rules.country is not None:
            public_holidays(rules.country, rules.subdivision, 2_000)
        self._years: Final[dict[int, Openings]] = {}
        self._always: Final = (
            rules.weekly == _WHOLE_WEEK
            and rules.country is None
            and not (rules.holidays or rules.holidays_annual or rules.date_overrides or rules.breaks)
        )

    @classmethod
    def elapsed(cls) -> BusinessCalendar:
        """The calendar that never closes."""
        return cls(CalendarRules(tz="UTC", weekly=_WHOLE_WEEK))

    def is_open(self, at: datetime) -> bool:
        """Whether an instant is worked."""
        instant = _micros(at)
        year = self._openings(_year_of(instant))
        return year.worked(instant + 1) > year.worked(instant)

    def is_workday(self, day: date) -> bool:
        """Whether any hours that start on this date are worked."""
        return bool(self._worked_on(day))

    def next_open(self, start: datetime) -> datetime:
        """The first open instant from `start` on; `start` itself when it is open."""
        return self.intervals(start, 1)[0][0]

    def prev_open(self, start: datetime) -> datetime:
        """The end of the open time before `start`: `start` itself inside of an interval and at its closing."""
        return self.intervals_before(start, 1)[0][1]

    def add(self, start: datetime, seconds: float, pauses: Iterable[Pause] = ()) -> datetime:
        """The instant by which `seconds` are worked from `start` on; with pauses, they do not count."""
        remaining = _duration(seconds)
        at = _micros(start)
        for paused, resumed in _spans(pauses):
            if resumed <= at:
                continue
            if remaining:
                worked = self._between(at, paused)
                if worked >= remaining:
                    break
                remaining -= worked
            elif self._forward(at, 0) < paused:
                break
            at = max(at, resumed)
        return _instant(self._forward(at, remaining))

    def subtract(self, start: datetime, seconds: float) -> datetime:
        """The latest instant from which until `start` `seconds` are worked."""
        return _instant(self._backward(_micros(start), _duration(seconds)))

    def between(self, start: datetime, end: datetime, pauses: Iterable[Pause] = ()) -> float:
        """The seconds that are worked from `start` until `end`, pauses not counted; 0 when the end comes first.

        An int when they are whole.
        """
        first, last = _micros(start), _micros(end)
        worked = self._between(first, last)
        for paused, resumed in _spans(pauses):
            worked -= self._between(max(first, paused), min(last, resumed))
        return worked // MICROS if worked % MICROS == 0 else worked / MICROS

    def intervals(self, start: datetime, count: int) -> list[tuple[datetime, datetime]]:
        """The next `count` open intervals as the calendar has them, the first clipped at `start`."""
        return [(_instant(opens), _instant(closes)) for opens, closes in _take(self._after(_micros(start)), count)]

    def intervals_before(self, start: datetime, count: int) -> list[tuple[datetime, datetime]]:
        """The last `count` open intervals, the latest first and clipped at `start`."""
        return [(_instant(opens), _instant(closes)) for opens, closes in _take(self._before(_micros(start)), count)]

    def add_workdays(self, start: datetime, days: int, roll: Roll = "none") -> datetime:
        """The same wall time `days` working dates later, or earlier when negative; then rolled.

        `forward` rolls to the next open instant, `back` to the last one, `end_of_day` to the last closing of the date
        reached; if that date is none that works, of the next that does.
        """
        local = start.astimezone(self.zone).replace(tzinfo=None)
        step = timedelta(days=1 if days >= 0 else -1)
        day, missing, searched = local.date(), abs(days), 0
        while missing:
            day += step
            searched += 1
            if self.is_workday(day):
                missing -= 1
            if searched > HORIZON_YEARS * 366:
                raise BusinessTimeError(f"no {abs(days)} working dates within {HORIZON_YEARS} years of {start}")
        moved = resolve_local(datetime.combine(day, local.time()), self.zone)
        if roll == "forward":
            return self.next_open(moved)
        if roll == "back":
            return self.prev_open(moved)
        return self._last_closing(day) if roll == "end_of_day" else moved

    def _openings(self, year: int) -> Openings:
        known = self._years.get(year)
        if known is None:
            if len(self._years) >= _YEARS_KEPT:
                self._years.clear()
            known = self._years[year] = compile_year(self.rules, self.zone, year)
        return known

    def _between(self, start: int, end: int) -> int:
        """Open microseconds from `start` until `end`; 0 when the end comes first."""
        if end <= start:
            return 0
        if self._always:
            return end - start
        first, last = _year_of(start), _year_of(end)
        if last - first > HORIZON_YEARS:
            raise BusinessTimeError(
                f"more than {HORIZON_YEARS} years lie between {_instant(start)} and {_instant(end)}"
            )
        whole_years = sum(self._openings(year).total for year in range(first, last))
        return whole_years + self._openings(last).worked(end) - self._openings(first).worked(start)

    def _forward(self, at: int, amount: int) -> int:
        if self._always:
            return at + amount
        if not amount:
            return next(self._after(at))[0]
        first = _year_of(at)
        sought = amount + self._openings(first).worked(at)
        for year in range(first, min(first + HORIZON_YEARS, LAST_YEAR) + 1):
            openings = self._openings(year)
            if sought <= openings.total:
                return openings.reach(sought)
            sought -= openings.total
        raise _never(at)

    def _backward(self, at: int, amount: int) -> int:
        if self._always:
            return at - amount
        if not amount:
            return next(self._before(at))[1]
        last = _year_of(at)
        left = self._openings(last).worked(at) - amount
        for year in range(last, max(last - HORIZON_YEARS, FIRST_YEAR) - 1, -1):
            if left >= 0:
                return self._openings(year).reach_back(left)
            if year > FIRST_YEAR:
                left += self._openings(year - 1).total
        raise _never(at)

    def _after(self, at: int) -> Iterator[Span]:
        """The open intervals from an instant on, clipped there. Raises BusinessTimeError where they end."""
        first = _year_of(at)
        held: Span | None = None
        for year in range(first, min(first + HORIZON_YEARS, LAST_YEAR) + 1):
            openings = self._openings(year)
            for i in range(bisect_right(openings.ends, at), len(openings.ends)):
                if held and i == 0 and openings.continued:
                    held = (held[0], openings.ends[0])
                    continue
                if held:
                    yield held
                held = (max(at, openings.starts[i]), openings.ends[i])
        if held:
            yield held
        raise _never(at)

    def _before(self, at: int) -> Iterator[Span]:
        """The open intervals before an instant, latest first, clipped there. Raises as `_after`."""
        last = _year_of(at)
        held: Span | None = None
        joins = False
        for year in range(last, max(last - HORIZON_YEARS, FIRST_YEAR) - 1, -1):
            openings = self._openings(year)
            for i in range(bisect_left(openings.starts, at) - 1, -1, -1):
                if held and joins:
                    held, joins = (openings.starts[i], held[1]), False
                else:
                    if held:
                        yield held
                    held = (openings.starts[i], min(at, openings.ends[i]))
                joins = i == 0 and openings.continued
        if held:
            yield held
        raise _never(at)

    def _worked_on(self, day: date) -> list[Span]:
        """When the hours that start on a date are worked, in seconds of UTC."""
        spans = self.rules.local_spans(day, day)
        if not spans:
            return []
        margin = 2 * DAY_SECONDS
        offsets = list(stretches(self.zone, spans[0][0] - margin, spans[-1][1] + margin))
        return sorted(piece for span in spans for piece in to_utc(span, offsets))

    def _last_closing(self, day: date) -> datetime:
        for ahead in range(HORIZON_YEARS * 366):
            worked = self._worked_on(day + timedelta(days=ahead))
            if worked:
                return EPOCH + max(end for _, end in worked) * SECOND
        raise BusinessTimeError(f"no working date within {HORIZON_YEARS} years of {day}")


def _micros(at: datetime) -> int:
    """Microseconds since the epoch. Raises ValueError for a naive datetime, BusinessTimeError outside of the years."""
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no offset from UTC, so it is no instant")
    micros = (at - EPOCH) // _MICROSECOND
    if not _FIRST <= micros < _END:
        raise BusinessTimeError(f"{at} lies outside of the years {FIRST_YEAR} to {LAST_YEAR}")
    return micros


def _instant(micros: int) -> datetime:
    if not _FIRST <= micros <= _END:
        raise BusinessTimeError(f"the answer lies outside of the years {FIRST_YEAR} to {LAST_YEAR}")
    return EPOCH + micros * _MICROSECOND


def _year_of(micros: int) -> int:
    return _instant(micros).year


def _duration(seconds: float) -> int:
    """Microseconds of a duration. Raises ValueError for a negative one, BusinessTimeError beyond the horizon."""
    if not seconds >= 0:
        raise ValueError(f"{seconds} is not a duration: it must be zero or more seconds")
    if seconds > HORIZON_YEARS * 366 * DAY_SECONDS:
        raise BusinessTimeError(f"{seconds} seconds are more than {HORIZON_YEARS} years")
    return round(seconds * MICROS)


def _spans(pauses: Iterable[Pause]) -> list[Span]:
    return merge((_micros(paused), _micros(resumed)) for paused, resumed in pauses)


def _take(intervals: Iterator[Span], count: int) -> list[Span]:
    return [next(intervals) for _ in range(count)]


def _never(at: int) -> BusinessTimeError:
    return BusinessTimeError(f"the calendar is not open often enough within {HORIZON_YEARS} years of {_instant(at)}")
