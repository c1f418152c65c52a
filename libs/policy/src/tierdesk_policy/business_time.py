"""Business time: pure arithmetic of calendars, exact to the microsecond, in any zone.

Instants go in as aware datetimes and come out in UTC. What the operations mean:

* an interval is half open: its opening instant is open, its closing instant is closed;
* work that ends exactly at closing time ends there, and does not roll to the next opening; counted backwards, work
  that ends exactly at an opening stays there;
* adding nothing to a closed instant gives the next open one; subtracting nothing gives the last closing instant;
* wall time decides what is open: an hour that the clock skips is not worked, one that it shows twice is worked twice.

What of it is arithmetic of whole numbers stands in `timetable`; here it meets dates, zones and pauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Final, Literal

from tierdesk_policy.instants import (
    HORIZON_YEARS,
    BusinessTimeError,
    duration_micros,
    instant_of,
    micros_of,
    micros_of_second,
    without_offset,
)
from tierdesk_policy.openings import DAY_MICROS, MICROS, CalendarRules, Openings, Span, merge, public_holidays, to_utc
from tierdesk_policy.timetable import WHOLE_WEEK, Timetable
from tierdesk_policy.units import DAY_SECONDS
from tierdesk_policy.zones import EPOCH, SECOND, find_zone, stretches

__all__ = ["BusinessCalendar", "BusinessTimeError", "CalendarRules", "Pause", "Roll", "resolve_local"]

Pause = tuple[datetime, datetime]
"""A stretch of absolute time in which a clock stands still: from the first instant until before the second."""
Roll = Literal["none", "forward", "back", "end_of_day"]


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
        self._timetable: Final = Timetable(rules, self.zone)
        self._days: Final = self._timetable.days
        self._days_on_wall: Final = self._timetable.days_on_wall
        self._always: Final = self._timetable.always
        self._epoch_on_wall: Final = EPOCH.replace(tzinfo=self.zone)
        self._offset_at: Final[Callable[[datetime], timedelta]] = self.zone.utcoffset  # type: ignore[assignment]  # only of None it is None

    @classmethod
    def elapsed(cls) -> BusinessCalendar:
        """The calendar that never closes."""
        return cls(CalendarRules(tz="UTC", weekly=WHOLE_WEEK))

    def is_open(self, at: datetime, pauses: Iterable[Pause] = ()) -> bool:
        """Whether an instant is worked; with pauses, whether it counts."""
        instant = micros_of(at)
        return self._timetable.is_open(instant) and not any(
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
        remaining = duration_micros(seconds)
        if not pauses and remaining and not self._always:
            openings, worked, micros = self._tally(start)
            sought = worked * MICROS + micros + remaining
            if sought <= openings.total:
                return instant_of(openings.reach(sought))
        at = micros_of(start)
        for paused, resumed in _spans(pauses):
            if resumed <= at:
                continue
            if remaining:
                worked = self._timetable.between(at, paused)
                if worked >= remaining:
                    break
                remaining -= worked
            elif self._timetable.forward(at, 0) < paused:
                break
            at = max(at, resumed)
        return instant_of(self._timetable.forward(at, remaining))

    def add_whole(self, start_second: int, seconds: int) -> int:
        """As `add` without pauses, in whole seconds since the epoch: for who counts many deadlines at once."""
        return self._timetable.forward(micros_of_second(start_second), duration_micros(seconds)) // MICROS

    def subtract(self, start: datetime, seconds: float, pauses: Iterable[Pause] = ()) -> datetime:
        """The latest instant from which until `start` `seconds` are worked; with pauses, they do not count."""
        at, remaining = micros_of(start), duration_micros(seconds)
        for paused, resumed in reversed(_spans(pauses)):
            if paused >= at:
                continue
            if remaining:
                worked = self._timetable.between(resumed, at)
                if worked >= remaining:
                    break
                remaining -= worked
            elif self._timetable.backward(at, 0) > resumed:
                break
            at = min(at, paused)
        return instant_of(self._timetable.backward(at, remaining))

    def between(self, start: datetime, end: datetime, pauses: Iterable[Pause] = ()) -> float:
        """The seconds that are worked from `start` until `end`, pauses not counted; 0 when the end comes first.

        An int when they are whole.
        """
        if not pauses and not self._always:
            opened, before, micros_before = self._tally(start)
            closed, until, micros_until = self._tally(end)
            if opened is not closed:
                if opened.term > closed.term:
                    return 0
                until += self._timetable.between_terms(opened.term, closed.term)
            if micros_before == micros_until:
                return until - before if until > before else 0
            worked = (until - before) * MICROS + micros_until - micros_before
            return worked / MICROS if worked > 0 else 0
        first, last = micros_of(start), micros_of(end)
        worked = self._timetable.between(first, last)
        for paused, resumed in _spans(pauses):
            worked -= self._timetable.between(max(first, paused), min(last, resumed))
        return worked // MICROS if worked % MICROS == 0 else worked / MICROS

    def between_whole(self, start_second: int, end_second: int) -> int:
        """As `between` without pauses, in whole seconds since the epoch."""
        return self._timetable.between(micros_of_second(start_second), micros_of_second(end_second)) // MICROS

    def intervals(self, start: datetime, count: int) -> list[tuple[datetime, datetime]]:
        """The next `count` open intervals as the calendar has them, the first clipped at `start`."""
        return _listed(self._timetable.after(micros_of(start)), count)

    def intervals_before(self, start: datetime, count: int) -> list[tuple[datetime, datetime]]:
        """The last `count` open intervals, the latest first and clipped at `start`."""
        return _listed(self._timetable.before(micros_of(start)), count)

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

    def _tally(self, at: datetime) -> tuple[Openings, int, int]:
        """What is worked in the term of an instant until it: in whole seconds, and the microseconds beyond.

        Most questions are this one, twice, so it is kept short: the difference of two times of one zone is that of the
        wall, and a day is found by its number, on the wall where it shows each time of that day once.
        """
        zone = at.tzinfo
        if zone is self.zone:
            since = at - self._epoch_on_wall
            found = self._days_on_wall.get(since.days)
            if found is None:
                since -= self._offset_at(at)
                found = self._days.get(since.days)
        elif zone is not None:
            since = at - EPOCH
            found = self._days.get(since.days)
        else:
            raise without_offset(at)
        openings, worked, hours = found or self._timetable.day(micros_of(at) // DAY_MICROS)
        second = since.seconds
        for opens, closes in hours:
            if second < opens:
                break
            if second < closes:
                return openings, worked + second - opens, since.microseconds
            worked += closes - opens
        return openings, worked, 0

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
    if not pauses:
        return []
    return merge((micros_of(paused), micros_of(resumed)) for paused, resumed in pauses)


def _listed(intervals: Iterator[Span], count: int) -> list[tuple[datetime, datetime]]:
    return [(instant_of(opens), instant_of(closes)) for opens, closes in islice(intervals, count)]
