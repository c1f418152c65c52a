"""The opening times of a calendar through all years, compiled term by term when first asked about, and searched.

Instants are whole microseconds since the epoch. No pauses and no dates: those are `business_time`'s.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import tzinfo
from itertools import pairwise
from typing import Final

from tierdesk_policy.instants import (
    END_MICROS,
    FIRST_MICROS,
    HORIZON_YEARS,
    BusinessTimeError,
    instant_of,
)
from tierdesk_policy.openings import (
    MICROS,
    TERM_DAYS,
    TERM_MICROS,
    CalendarRules,
    DayOfTerm,
    Openings,
    Span,
    compile_term,
)
from tierdesk_policy.units import DAY_SECONDS, Hours
from tierdesk_policy.zones import Stretch, stretches

_FIRST_TERM: Final = FIRST_MICROS // TERM_MICROS
_LAST_TERM: Final = (END_MICROS - 1) // TERM_MICROS
_TERMS_KEPT: Final = 256
_MARGIN_SECONDS: Final = 3 * DAY_SECONDS
"""Covers a whole date that a zone left out or showed twice, at the edge of a term."""
WHOLE_WEEK: Final = {day: (Hours(0, DAY_SECONDS),) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


class Timetable:
    """When a calendar is open. Raises BusinessTimeError outside of the years 1900 to 9000 and beyond the horizon.

    `days` holds the days of the terms that `day` was asked about, by their number since the epoch in UTC, and
    `days_on_wall` those of the zone, by their number since 1970 on the wall, but for days on which a wall time is not
    one instant: who asks about many instants looks there first. Safe to share between threads: a term may be compiled
    twice, with the same result.
    """

    def __init__(self, rules: CalendarRules, zone: tzinfo) -> None:
        self.days: Final[dict[int, DayOfTerm]] = {}
        self.days_on_wall: Final[dict[int, DayOfTerm]] = {}
        self.always: Final = (
            rules.weekly == WHOLE_WEEK
            and rules.country is None
            and not (rules.holidays or rules.holidays_annual or rules.date_overrides or rules.breaks)
        )
        self._rules: Final = rules
        self._zone: Final = zone
        self._terms: Final[dict[int, Openings]] = {}

    def day(self, day: int) -> DayOfTerm:
        """What is open on a day of UTC, numbered from the epoch on, within the years of `instants`."""
        term = day // TERM_DAYS
        openings = self._openings(term)
        starts = max(term * TERM_MICROS, FIRST_MICROS) // MICROS
        ends = min((term + 1) * TERM_MICROS, END_MICROS) // MICROS
        days = openings.by_day(Stretch(starts, ends, 0))
        self.days.update(days)
        self.days_on_wall.update(self._days_on_wall(openings, starts, ends))
        return days[day]

    def _days_on_wall(self, openings: Openings, starts: int, ends: int) -> dict[int, DayOfTerm]:
        """The days on which the wall shows one offset, and no time that it shows on another day or again."""
        offsets = list(stretches(self._zone, starts - _MARGIN_SECONDS, ends + _MARGIN_SECONDS))
        days: dict[int, DayOfTerm] = {}
        for stretch in offsets:
            clipped = Stretch(max(stretch.starts, starts), min(stretch.ends, ends), stretch.offset)
            days |= openings.by_day(clipped)
        for before, after in pairwise(offsets):
            for day in range(
                (after.starts + after.offset) // DAY_SECONDS, (after.starts + before.offset - 1) // DAY_SECONDS + 1
            ):
                days.pop(day, None)
        return days

    def is_open(self, at: int) -> bool:
        """Whether the microsecond from an instant on is worked."""
        openings = self._openings(at // TERM_MICROS)
        return openings.worked(at + 1) > openings.worked(at)

    def between(self, start: int, end: int) -> int:
        """Open microseconds from `start` until `end`; 0 when the end comes first."""
        if end <= start:
            return 0
        if self.always:
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

    def between_terms(self, first: int, last: int) -> int:
        """Open seconds from the beginning of one term until that of a later one."""
        if last - first > HORIZON_YEARS:
            raise BusinessTimeError(f"more than {HORIZON_YEARS} years lie between the start and the end")
        return sum(self._openings(term).total for term in range(first, last)) // MICROS

    def forward(self, at: int, amount: int) -> int:
        """The instant by which `amount` microseconds are open from an instant on."""
        if self.always:
            return at + amount
        if not amount:
            return next(self.after(at))[0]
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

    def backward(self, at: int, amount: int) -> int:
        """The latest instant from which until another one `amount` microseconds are open."""
        if self.always:
            return at - amount
        if not amount:
            return next(self.before(at))[1]
        last = at // TERM_MICROS
        left = self._openings(last).worked(at) - amount
        for term in range(last, max(last - HORIZON_YEARS, _FIRST_TERM) - 1, -1):
            if left >= 0:
                return self._openings(term).reach_back(left)
            if term > _FIRST_TERM:
                left += self._openings(term - 1).total
        raise _never(at)

    def after(self, at: int) -> Iterator[Span]:
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

    def before(self, at: int) -> Iterator[Span]:
        """The open intervals before an instant, latest first, clipped there. Raises as `after`."""
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

    def _openings(self, term: int) -> Openings:
        known = self._terms.get(term)
        if known is None:
            if len(self._terms) >= _TERMS_KEPT:
                self._terms.clear()
                self.days.clear()
                self.days_on_wall.clear()
            known = self._terms[term] = compile_term(self._rules, self._zone, term)
        return known


def _never(at: int) -> BusinessTimeError:
    return BusinessTimeError(f"the calendar is not open often enough within {HORIZON_YEARS} years of {instant_of(at)}")
