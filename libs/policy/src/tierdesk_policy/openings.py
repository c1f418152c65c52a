"""The opening times of a calendar in one term of 366 days, worked out once and then searched by bisection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta, tzinfo
from functools import lru_cache
from itertools import accumulate
from typing import Final

import holidays

from tierdesk_policy.units import DAY_SECONDS, Hours
from tierdesk_policy.zones import Stretch, stretches

MICROS: Final = 1_000_000
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
DAY_MICROS: Final = DAY_SECONDS * MICROS
TERM_DAYS: Final = 366
TERM_MICROS: Final = TERM_DAYS * DAY_MICROS
"""Terms are counted from the epoch on. Of equal length, so that the one of an instant is found by a division."""
_DAY: Final = timedelta(days=1)
_MARGIN_DAYS: Final = 3
"""Covers the widest offset from UTC and an interval that runs over midnight."""

_PLACES: Final = frozenset({*holidays.list_supported_countries(), *holidays.list_supported_financial()})
"""The package has other names beside those of places, which must not be asked for holidays."""

Span = tuple[int, int]
"""From until, half open. In seconds of local or of universal time since 1970-01-01T00:00, as the place says."""
DayOfTerm = tuple["Openings", int, tuple[Span, ...]]
"""Of a day: its term, the seconds open in the term before it, and its open spans in seconds from its midnight."""


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """What a calendar is made of. Dates are dates in `tz`; hours may run over midnight into the day after.

    Order of strength: a holiday closes all that starts on its date; a break is cut out of whatever is open at that
    wall time; an override replaces the weekly hours of its date. `holidays_annual` are `MM-DD`.
    """

    tz: str
    weekly: Mapping[str, Sequence[Hours]] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()
    holidays_annual: frozenset[str] = frozenset()
    country: str | None = None
    subdivision: str | None = None
    date_overrides: Mapping[date, Sequence[Hours]] = field(default_factory=dict)
    breaks: Mapping[date, Sequence[Hours]] = field(default_factory=dict)

    def hours_of(self, day: date) -> Sequence[Hours]:
        """The hours that start on a date, breaks not yet cut out."""
        if (
            day in self.holidays
            or (self.holidays_annual and f"{day:%m-%d}" in self.holidays_annual)
            or (self.country is not None and day in public_holidays(self.country, self.subdivision, day.year))
        ):
            return ()
        overriding = self.date_overrides.get(day)
        return self.weekly.get(WEEKDAYS[day.weekday()], ()) if overriding is None else overriding

    def local_spans(self, first: date, last: date) -> list[Span]:
        """The open spans of local time that start on these dates, sorted and disjoint; those that touch stay apart."""
        days = [date.fromordinal(ordinal) for ordinal in range(first.toordinal(), last.toordinal() + 1)]
        spans = merge(span for day in days for span in _spans_on(day, self.hours_of(day)))
        if not self.breaks or not spans:
            return spans
        # No hours reach further than into the day after: those of the breaks, and those that breaks are cut out of.
        around = (first - _DAY, *days, last + _DAY)
        return cut_out(spans, merge(span for day in around for span in _spans_on(day, self.breaks.get(day, ()))))


def _spans_on(day: date, hours: Iterable[Hours]) -> list[Span]:
    midnight = (day.toordinal() - EPOCH_DAY) * DAY_SECONDS
    return [(midnight + opens, midnight + closes) for opens, closes in hours]


@lru_cache(maxsize=1_024)
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The public holidays of a country in one year.

    Raises ValueError for a country or subdivision that the holidays package does not know.
    """
    if country not in _PLACES:
        raise ValueError(f"no holidays are known of {country!r}; write the ISO 3166 code of a country, as PT")
    place = holidays.country_holidays(country)
    if subdivision is not None and subdivision not in {*place.subdivisions, *place.subdivisions_aliases}:
        raise ValueError(f"{country} has no part {subdivision!r} with holidays of its own")
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False))


@dataclass(frozen=True, slots=True)
class Openings:
    """The opening times of one term in microseconds since the epoch: sorted, disjoint, clipped to the term.

    `before[i]` is what is open in the term before interval i, `through[i]` what is open until its end, `total` is all.
    `continued` says that the first interval began in the term before.
    """

    term: int
    starts: list[int]
    ends: list[int]
    before: list[int]
    through: list[int]
    total: int
    continued: bool

    def worked(self, at: int) -> int:
        """Open time from the start of the term until an instant."""
        i = bisect_right(self.starts, at) - 1
        if i < 0:
            return 0
        return self.before[i] + at - self.starts[i] if at < self.ends[i] else self.through[i]

    def reach(self, amount: int) -> int:
        """The earliest instant by which `amount` is worked; more than zero, and no more than the total."""
        i = bisect_left(self.through, amount)
        return self.ends[i] - (self.through[i] - amount)

    def reach_back(self, amount: int) -> int:
        """The latest instant by which only `amount` is worked; at least zero, and less than the total."""
        i = bisect_right(self.through, amount)
        return self.starts[i] + (amount - self.before[i])

    def by_day(self, stretch: Stretch) -> dict[int, DayOfTerm]:
        """The whole days of a stretch within the term, by their number since 1970 on a wall that shows its offset."""
        days: dict[int, DayOfTerm] = {}
        alike: dict[tuple[Span, ...], tuple[Span, ...]] = {}
        first, last = (
            -(-(stretch.starts + stretch.offset) // DAY_SECONDS),
            (stretch.ends + stretch.offset) // DAY_SECONDS,
        )
        begins = (first * DAY_SECONDS - stretch.offset) * MICROS
        worked, i = self.worked(begins) // MICROS, bisect_right(self.ends, begins)
        for day in range(first, last):
            ends = begins + DAY_MICROS
            spans: list[Span] = []
            while i < len(self.starts) and self.starts[i] < ends:
                opens, closes = max(self.starts[i], begins), min(self.ends[i], ends)
                spans.append(((opens - begins) // MICROS, (closes - begins) // MICROS))
                if self.ends[i] > ends:
                    break
                i += 1
            # Most days are alike, and what is shared stays close at hand in the processor.
            hours = alike.setdefault(tuple(spans), tuple(spans))
            days[day] = (self, worked, hours)
            worked += sum(closes - opens for opens, closes in hours)
            begins = ends
        return days


def compile_term(rules: CalendarRules, zone: tzinfo, term: int) -> Openings:
    """The opening times of one term.

    Wall time decides: an instant is open when the clock on the wall shows a time that lies in an interval of its date.
    So what the clock skips in spring is not worked, and what it shows twice in autumn is worked twice.
    """
    first_day = term * TERM_DAYS
    starts_at, ends_at = first_day * DAY_SECONDS, (first_day + TERM_DAYS) * DAY_SECONDS
    offsets = list(stretches(zone, starts_at - _MARGIN_DAYS * DAY_SECONDS, ends_at + _MARGIN_DAYS * DAY_SECONDS))
    first_date = date.fromordinal(EPOCH_DAY + first_day - _MARGIN_DAYS)
    last_date = date.fromordinal(EPOCH_DAY + first_day + TERM_DAYS + _MARGIN_DAYS)
    pieces = sorted(piece for span in rules.local_spans(first_date, last_date) for piece in to_utc(span, offsets))
    pieces = [piece for piece in pieces if piece[1] > starts_at and piece[0] < ends_at]
    continued = bool(pieces) and pieces[0][0] < starts_at
    starts = [max(piece[0], starts_at) * MICROS for piece in pieces]
    ends = [min(piece[1], ends_at) * MICROS for piece in pieces]
    sums = list(accumulate((end - start for start, end in zip(starts, ends, strict=True)), initial=0))
    return Openings(term, starts, ends, sums[:-1], sums[1:], sums[-1], continued)


def merge(spans: Iterable[Span]) -> list[Span]:
    """The spans sorted, overlapping ones as one; those that only touch stay apart, empty ones fall away."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def cut_out(spans: Iterable[Span], cuts: Sequence[Span]) -> list[Span]:
    """What is left of the spans outside of the cuts; both sorted and disjoint."""
    left: list[Span] = []
    first = 0
    for span_start, end in spans:
        start = span_start
        while first < len(cuts) and cuts[first][1] <= start:
            first += 1
        at = first
        while at < len(cuts) and cuts[at][0] < end:
            if cuts[at][0] > start:
                left.append((start, cuts[at][0]))
            start = max(start, cuts[at][1])
            at += 1
        if start < end:
            left.append((start, end))
    return left


def to_utc(span: Span, offsets: Sequence[Stretch]) -> list[Span]:
    """The instants at which the clock on the wall shows a time of the span: none, one run, or several."""
    runs: list[Span] = []
    for stretch in offsets:
        start = max(span[0] - stretch.offset, stretch.starts)
        end = min(span[1] - stretch.offset, stretch.ends)
        if start >= end:
            continue
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs
