"""Business time: pure arithmetic of calendars, exact to the microsecond, in any zone.

Instants go in as aware datetimes and come out in UTC. What the operations mean:

* an interval is half open: its opening instant is open, its closing instant is closed;
* work that ends exactly at closing time ends there, and does not roll to the next opening; counted backwards, work
  that ends exactly at an opening stays there;
* adding nothing to a closed instant gives the next open one; subtracting nothing gives the last closing instant;
* wall time decides what is open: an hour that the clock skips is not worked, one that it shows twice is worked twice.

A calendar is compiled term by term when first asked about it, and searched by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Final, Literal

from tierdesk_policy.instants import (
    END_MICROS,
    FIRST_MICROS,
    HORIZON_YEARS,
    BusinessTimeError,
    duration_micros,
    instant_of,
    micros_of,
    micros_of_second,
)
from tierdesk_policy.openings import (
    MICROS,
    TERM_MICROS,
    CalendarRules,
    Openings,
    Span,
    compile_term,
    merge,
    public_holidays,
    to_utc,
)
from tierdesk_policy.units import DAY_SECONDS, Hours
from tierdesk_policy.zones import EPOCH, SECOND, find_zone, stretches

__all__ = ["BusinessCalendar", "BusinessTimeError", "CalendarRules", "Pause", "Roll", "resolve_local"]

Pause = tuple[datetime, datetime]
"""A stretch of absolute time in which a clock stands still: from the first instant until before the second."""
Roll = Literal["none", "forward", "back", "end_of_day"]

_FIRST_TERM: Final = FIRST_MICROS // TERM_MICROS
_LAST_TERM: Final = (END_MICROS - 1) // TERM_MICROS
_TERMS_KEPT: Final = 256
_WHOLE_WEEK: Final = {day: (Hours(0, DAY_SECONDS),) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def resolve_local(local: datetime, tz: tzinfo) -> datetime:
    """The instant, in UTC, of a wall time without zone.

    A wall time that the clock skips moves on by what was skipped; of one that the clock shows twice it is the first.
    """
    return local.replace(tzinfo=tz, fold=0).astimezone(UTC)


class BusinessCalendar:
    """The working hours of one party, as arithmetic. Raises ValueError for an unknown zone or country.

    Safe to share between threads: a term may be compiled twice, with the same result.
    """

    def __init__(self, rules: CalendarRules) -> None:
        self.rules: Final = rules
        self.zone: Final = find_zone(rules.tz)
        if rules.country is not None:
            public_holidays(rules.country, rules.subdivision, 2_000)
        self._terms: Final[dict[int, Openings]] = {}
        self._always: Final = (
            rules.weekly == _WHOLE_WEEK
            and rules.country is None
            and not (rules.holidays or rules.holidays_annual or rules.date_overrides or rules.breaks)
        )

    @classmethod
    def elapsed(cls) -> BusinessCalendar:
        """The calendar that never closes."""
        return cls(CalendarRules(tz="UTC", weekly=_WHOLE_WEEK))

    def is_open(self, at: datetime, pauses: Iterable[Pause] = ()) -> bool:
        """Whether an instant is worked; with pauses, whether it counts."""
        instant = micros_of(at)
        openings = self._openings(instant // TERM_MICROS)
        return openings.worked(instant + 1) > openings.worked(instant) and not any(
            paused <= instant < resumed for paused, resumed in _spans(pauses)
        )

    def is_workday(self, day: date) -> bool:
        """Whether any hours that start on this date are worked."""
        return bool(self._worked_on(day))

    def next_open(self, start: datetime, pauses: Iterable[Pause] = ()) -> datetime:
        """The first instant from `start` on that counts; `start` itself when it does."""
        return self.add(start, 0, pauses)

    def prev_open(self, start: datetime, pauses: Iterable[Pause] = ()) -> datetime:
        """The end of the time that counts before `start`: `start` itself inside of an interval and at its closing."""
        return self.subtract(start, 0, pauses)

    def add(self, start: datetime, seconds: float, pauses: Iterable[Pause] = ()) -> datetime:
        """The instant by which `seconds` are worked from `start` on; with pauses, they do not count."""
        at, remaining = micros_of(start), duration_micros(seconds)
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
        return instant_of(self._forward(at, remaining))

    def add_whole(self, start_second: int, seconds: int) -> int:
        """As `add` without pauses, in whole seconds since the epoch: for who counts many deadlines at once."""
        return self._forward(micros_of_second(start_second), duration_micros(seconds)) // MICROS

    def subtract(self, start: datetime, seconds: float, pauses: Iterable[Pause] = ()) -> datetime:
        """The latest instant from which until `start` `seconds` are worked; with pauses, they do not count."""
        at, remaining = micros_of(start), duration_micros(seconds)
        for paused, resumed in reversed(_spans(pauses)):
            if paused >= at:
                continue
            if remaining:
                worked = self._between(resumed, at)
                if worked >= remaining:
                    break
                remaining -= worked
            elif self._backward(at, 0) > resumed:
                break
            at = min(at, paused)
        return instant_of(self._backward(at, remaining))

    def between(self, start: datetime, end: datetime, pauses: Iterable[Pause] = ()) -> float:
        """The seconds that are worked from `start` until `end`, pauses not counted; 0 when the end comes first.

        An int when they are whole.
        """
        first, last = micros_of(start), micros_of(end)
        worked = self._between(first, last)
        for paused, resumed in _spans(pauses):
            worked -= self._between(max(first, paused), min(last, resumed))
        return worked // MICROS if worked % MICROS == 0 else worked / MICROS

    def between_whole(self, start_second: int, end_second: int) -> int:
        """As `between` without pauses, in whole seconds since the epoch."""
        return self._between(micros_of_second(start_second), micros_of_second(end_second)) // MICROS

    def intervals(self, start: datetime, count: int) -> list[tuple[datetime, datetime]]:
        """The next `count` open intervals as the calendar has them, the first clipped at `start`."""
        return _listed(self._after(micros_of(start)), count)

    def intervals_before(self, start: datetime, count: int) -> list[tuple[datetime, datetime]]:
        """The last `count` open intervals, the latest first and clipped at `start`."""
        return _listed(self._before(micros_of(start)), count)

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

    def _openings(self, term: int) -> Openings:
        known = self._terms.get(term)
        if known is None:
            if len(self._terms) >= _TERMS_KEPT:
                self._terms.clear()
            known = self._terms[term] = compile_term(self.rules, self.zone, term)
        return known

    def _between(self, start: int, end: int) -> int:
        """Open microseconds from `start` until `end`; 0 when the end comes first."""
        if end <= start:
            return 0
        if self._always:
            return end - start
        first, last = start // TERM_MICROS, end // TERM_MICROS
        openings = self._terms.get(last) or self._openings(last)
        if first == last:
            return openings.worked(end) - openings.worked(start)
        if last - first > HORIZON_YEARS:
            raise BusinessTimeError(
                f"more than {HORIZON_YEARS} years lie between {instant_of(start)} and {instant_of(end)}"
            )
        worked = openings.worked(end) - self._openings(first).worked(start)
        for term in range(first, last):
            worked += self._openings(term).total
        return worked

    def _forward(self, at: int, amount: int) -> int:
        if self._always:
            return at + amount
        if not amount:
            return next(self._after(at))[0]
        first = at // TERM_MICROS
        openings = self._terms.get(first) or self._openings(first)
        sought = amount + openings.worked(at)
        if sought <= openings.total:
            return openings.reach(sought)
        for term in range(first + 1, min(first + HORIZON_YEARS, _LAST_TERM) + 1):
            sought -= openings.total
            openings = self._openings(term)
            if sought <= openings.total:
                return openings.reach(sought)
        raise _never(at)

    def _backward(self, at: int, amount: int) -> int:
        if self._always:
            return at - amount
        if not amount:
            return next(self._before(at))[1]
        last = at // TERM_MICROS
        left = self._openings(last).worked(at) - amount
        for term in range(last, max(last - HORIZON_YEARS, _FIRST_TERM) - 1, -1):
            if left >= 0:
                return self._openings(term).reach_back(left)
            if term > _FIRST_TERM:
                left += self._openings(term - 1).total
        raise _never(at)

    def _after(self, at: int) -> Iterator[Span]:
        """The open intervals from an instant on, clipped there. Raises BusinessTimeError where they end."""
        first = at // TERM_MICROS
        held: Span | None = None
        for term in range(first, min(first + HORIZON_YEARS, _LAST_TERM) + 1):
            openings = self._openings(term)
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
        last = at // TERM_MICROS
        held: Span | None = None
        joins = False
        for term in range(last, max(last - HORIZON_YEARS, _FIRST_TERM) - 1, -1):
            openings = self._openings(term)
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


def _spans(pauses: Iterable[Pause]) -> list[Span]:
    if pauses == ():
        return []
    return merge((micros_of(paused), micros_of(resumed)) for paused, resumed in pauses)


def _listed(intervals: Iterator[Span], count: int) -> list[tuple[datetime, datetime]]:
    return [(instant_of(opens), instant_of(closes)) for opens, closes in islice(intervals, count)]


def _never(at: int) -> BusinessTimeError:
    return BusinessTimeError(f"the calendar is not open often enough within {HORIZON_YEARS} years of {instant_of(at)}")
