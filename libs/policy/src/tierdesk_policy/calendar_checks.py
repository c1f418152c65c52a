"""What must hold inside the calendars of a policy, looked at in the values of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError

from tierdesk_policy.business_time import BusinessCalendar, BusinessTimeError
from tierdesk_policy.instants import HORIZON_YEARS
from tierdesk_policy.openings import WEEKDAYS, CalendarRules, public_holidays
from tierdesk_policy.parts import MOST_CALENDARS, MOST_TARGETS, Calendar
from tierdesk_policy.units import (
    DAY_SECONDS,
    LONGEST_NIGHT_SECONDS,
    Hours,
    format_duration,
    parse_day,
    parse_duration,
    parse_hours,
)
from tierdesk_policy.view import Found, Path, listed
from tierdesk_policy.zones import find_zone

_WEEK_SECONDS: Final = 7 * DAY_SECONDS
_LONGEST_CLOSED: Final = timedelta(days=366)
_LONGEST_YEARS: Final = HORIZON_YEARS // 2
_LONGEST_SECONDS: Final = _LONGEST_YEARS * 366 * DAY_SECONDS
_DAY: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=30)
_BUSY_DAYS: Final = 2
_BUSY_DAY_SECONDS: Final = 4 * 3_600
"""More than a clock skips at once. Whole dates were left out too, but never two in a month."""
_BUSY_SECONDS: Final = _LONGEST_YEARS * 12 * _BUSY_DAYS * 3_600
"""What a busy calendar works within the longest time that a target may take, at the very least."""
_MOST_INTERVALS: Final = 100
_MOST_DATES: Final = 10_000
_ANY_YEAR: Final = 2_024
"""Of a calendar that names no date all years are alike, but for their leap day: this one has it."""


def find_calendar_faults(document: Mapping[str, Any], *, is_new: bool) -> Iterator[Found]:
    """Every fault inside the calendars of a document.

    With `is_new` also calendars that hold too much, and the targets that a calendar does not come to the end of.
    Earlier releases put such policies in force, and tickets go by them still.
    """
    lengths = _lengths(document) if is_new else {}
    for i, calendar in enumerate(listed(document.get("calendars"))[:MOST_CALENDARS]):
        if not isinstance(calendar, dict):
            continue
        found = [*_places(calendar), *_week(calendar), *_dates(calendar), *(_excesses(calendar) if is_new else ())]
        model = None if found else _read({"id": "calendar"} | calendar)
        if model is not None:
            compiled, years, targets = model.compile(), _years(model), lengths.get(model.id, [])
            busy = _is_busy(compiled.rules, years)
            found = [] if busy else list(_closed(compiled, years))
            if not found and not (busy and all(within <= _BUSY_SECONDS for _, within in targets)):
                yield from _endless(compiled, years, model.id, targets)
        yield from ((("calendars", i, *path), message) for path, message in found)


def find_calendar_remarks(document: Mapping[str, Any]) -> Iterator[Found]:
    """Hours that end just before midnight: round the clock, they lose that minute each day. And hours of a date that
    a holiday closes all the same.
    """
    for i, calendar in enumerate(document.get("calendars", ())):
        for field in ("weekly", "date_overrides"):
            for day, intervals in (calendar.get(field) or {}).items():
                for j, hours in _parsed(intervals):
                    if DAY_SECONDS - 60 <= hours.closes < DAY_SECONDS:
                        message = f"{hours} is closed for the last minute of the day; 24:00 is its end"
                        yield ("calendars", i, field, day, j), message
        model = _read(calendar)
        rules = model.compile().rules if model is not None else None
        for day, intervals in (calendar.get("date_overrides") or {}).items():
            if rules is not None and intervals and not rules.hours_of(parse_day(day)):
                yield (
                    ("calendars", i, "date_overrides", day),
                    "has no effect: that date is a holiday, which is stronger",
                )


def _places(calendar: dict[str, Any]) -> Iterator[Found]:
    """Faults of zone and country."""
    zone, country, subdivision = (calendar.get(field) for field in ("tz", "country", "subdivision"))
    if isinstance(zone, str):
        try:
            find_zone(zone)
        except ValueError as error:
            yield ("tz",), str(error)
    if subdivision is not None and country is None:
        yield ("subdivision",), "needs a `country`"
    if not isinstance(country, str):
        return
    try:
        public_holidays(country, None, 2_000)
    except ValueError as error:
        yield ("country",), str(error)
        return
    if isinstance(subdivision, str):
        try:
            public_holidays(country, subdivision, 2_000)
        except ValueError as error:
            yield ("subdivision",), str(error)


def _week(calendar: dict[str, Any]) -> Iterator[Found]:
    weekly = calendar.get("weekly")
    if not isinstance(weekly, dict):
        return
    placed: list[tuple[int, int, Path, str]] = []
    for day, name in enumerate(WEEKDAYS):
        for i, hours in _parsed(weekly.get(name)):
            path: Path = ("weekly", name, i)
            yield from _reversed(path, hours)
            start = day * DAY_SECONDS + hours.opens
            placed.append((start, day * DAY_SECONDS + hours.closes, path, f"{name} {hours}"))
    around = [(start + _WEEK_SECONDS, end + _WEEK_SECONDS, path, label) for start, end, path, label in placed]
    yield from _overlaps([*placed, *around])


def _dates(calendar: dict[str, Any]) -> Iterator[Found]:
    for field in ("date_overrides", "breaks"):
        dates = calendar.get(field)
        for day, intervals in dates.items() if isinstance(dates, dict) else ():
            placed: list[tuple[int, int, Path, str]] = []
            for i, hours in _parsed(intervals):
                path: Path = (field, day, i)
                yield from _reversed(path, hours)
                placed.append((*hours, path, str(hours)))
            yield from _overlaps(placed)


def _excesses(calendar: dict[str, Any]) -> Iterator[Found]:
    """Lists that nobody writes by hand. What is laid out of them would hold up who waits for the policy."""
    for field in ("weekly", "date_overrides", "breaks"):
        days = calendar.get(field)
        for day, intervals in days.items() if isinstance(days, dict) else ():
            if len(listed(intervals)) > _MOST_INTERVALS:
                yield (field, day), f"more than {_MOST_INTERVALS} intervals of one day"
    for field in ("holidays", "date_overrides", "breaks"):
        dates = calendar.get(field)
        if isinstance(dates, list | tuple | dict) and len(dates) > _MOST_DATES:
            yield (field,), f"more than {_MOST_DATES:,} dates"


def _parsed(intervals: Any) -> Iterator[tuple[int, Hours]]:
    """The intervals that can be read; the models report the others."""
    for i, interval in enumerate(intervals if isinstance(intervals, list | tuple) else ()):
        try:
            yield i, parse_hours(interval)
        except ValueError:
            continue


def _reversed(path: Path, hours: Hours) -> Iterator[Found]:
    if hours.closes > DAY_SECONDS and hours.closes - hours.opens > LONGEST_NIGHT_SECONDS:
        message = f"{hours} closes before it opens; an interval over midnight may last 12 hours: for more, write two"
        yield path, message


def _overlaps(placed: list[tuple[int, int, Path, str]]) -> Iterator[Found]:
    told: set[Path] = set()
    reach: tuple[int, str] | None = None
    for start, end, path, label in sorted(placed):
        if reach is not None and start < reach[0] and path not in told:
            told.add(path)
            yield path, f"{label} overlaps {reach[1]}"
        if reach is None or end > reach[0]:
            reach = (end, label)


def _is_busy(rules: CalendarRules, years: range) -> bool:
    """Whether each month has dates of some hours without a break: then there is no need to lay the years out."""
    first, last = date(years[0], 1, 1), date(years[-1] + 1, 1, 1)
    return all(
        sum(1 for _ in islice(_busy_days(rules, first + ahead * _DAY), _BUSY_DAYS)) == _BUSY_DAYS
        for ahead in range(0, (last - first).days, _MONTH.days)
    )


def _busy_days(rules: CalendarRules, first: date) -> Iterator[date]:
    for ahead in range(_MONTH.days):
        day = first + ahead * _DAY
        cut = day in rules.breaks or day + _DAY in rules.breaks or day - _DAY in rules.breaks
        if not cut and any(hours.closes - hours.opens >= _BUSY_DAY_SECONDS for hours in rules.hours_of(day)):
            yield day


def _closed(calendar: BusinessCalendar, years: range) -> Iterator[Found]:
    """The fault of a calendar that never opens, or not for more than a year: a duration in it would not end."""
    at = begin = datetime(years[0], 1, 1, tzinfo=UTC)
    while at < datetime(years[-1] + 1, 1, 1, tzinfo=UTC):
        opening = _next_open(calendar, at)
        if opening is None:
            yield (), "never opens" if at == begin else f"never opens again after {at:%Y-%m-%d}"
            return
        if opening - at > _LONGEST_CLOSED:
            yield (), f"does not open for more than a year from {at:%Y-%m-%d} on"
            return
        at = max(opening, at + _MONTH)


def _lengths(document: Mapping[str, Any]) -> dict[str, list[tuple[int, int]]]:
    """By the names of calendars the targets in them that can be read: the place of each and its seconds."""
    lengths: dict[str, list[tuple[int, int]]] = {}
    for i, target in enumerate(listed(document.get("targets"))[:MOST_TARGETS]):
        if isinstance(target, dict) and isinstance(target.get("calendar"), str):
            try:
                within = parse_duration(target.get("within"))
            except ValueError:
                continue  # the model reports it
            lengths.setdefault(target["calendar"], []).append((i, within))
    return lengths


def _endless(calendar: BusinessCalendar, years: range, name: str, targets: list[tuple[int, int]]) -> Iterator[Found]:
    """The faults of targets that take longer than a working life, from the beginning of any of these years.

    Beyond the horizon of `BusinessCalendar` a clock has no due instant; half of it leaves room for pauses. The years are
    gone through once, however many targets there are: a target ends in time where it asks for no more than is open.
    """
    if not targets:
        return
    begins = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in years)
    least = min(calendar.between_whole(begin, begin + _LONGEST_SECONDS) for begin in begins)
    for i, within in targets:
        if within > least:
            told = f"{format_duration(within)} of the calendar {name!r} take more than {_LONGEST_YEARS} years"
            yield ("targets", i, "within"), told


def _read(calendar: Any) -> Calendar | None:
    """The calendar as a model, if it is one and its places exist."""
    try:
        model = Calendar.model_validate(calendar)
    except ValidationError:
        return None
    return None if any(_places(calendar)) else model


def _years(calendar: Calendar) -> range:
    """The years in which a calendar names dates, and one more, from which on all years are alike but for their leap day."""
    named = [day.year for day in (*calendar.holidays, *calendar.date_overrides, *calendar.breaks)] or [_ANY_YEAR]
    return range(min(named), max(named) + 2)


def _next_open(calendar: BusinessCalendar, at: datetime) -> datetime | None:
    try:
        return calendar.next_open(at)
    except BusinessTimeError:
        return None
