"""What must hold inside the calendars of a policy, looked at in the values of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from tierdesk_policy.business_time import BusinessCalendar, BusinessTimeError
from tierdesk_policy.openings import WEEKDAYS, public_holidays
from tierdesk_policy.parts import MOST_CALENDARS, Calendar
from tierdesk_policy.units import DAY_SECONDS, LONGEST_NIGHT_SECONDS, Hours, parse_hours
from tierdesk_policy.view import Found, Path
from tierdesk_policy.zones import find_zone

_WEEK_SECONDS: Final = 7 * DAY_SECONDS
_LONGEST_CLOSED: Final = timedelta(days=366)
_MONTH: Final = timedelta(days=30)
_ANY_YEAR: Final = 2_024
"""Of a calendar that names no date all years are alike, but for their leap day: this one has it."""


def find_calendar_faults(document: Mapping[str, Any]) -> Iterator[Found]:
    """Every fault inside the calendars of a document, as path and message."""
    calendars = document.get("calendars")
    for i, calendar in enumerate(calendars[:MOST_CALENDARS] if isinstance(calendars, list | tuple) else ()):
        if isinstance(calendar, dict):
            found = [*_places(calendar), *_week(calendar), *_dates(calendar)]
            yield from ((("calendars", i, *path), message) for path, message in (found or _closed(calendar)))


def find_calendar_remarks(document: Mapping[str, Any]) -> Iterator[Found]:
    """Hours that end just before midnight: round the clock, they lose that minute each day."""
    for i, calendar in enumerate(document.get("calendars", ())):
        for field in ("weekly", "date_overrides"):
            for day, intervals in (calendar.get(field) or {}).items():
                for j, hours in _parsed(intervals):
                    if DAY_SECONDS - 60 <= hours.closes < DAY_SECONDS:
                        message = f"{hours} is closed for the last minute of the day; 24:00 is its end"
                        yield ("calendars", i, field, day, j), message


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


def _closed(calendar: dict[str, Any]) -> Iterator[Found]:
    """The fault of a calendar that never opens, or not for more than a year: a duration in it would not end."""
    try:
        model = Calendar.model_validate({"id": "calendar"} | calendar)
    except ValidationError:
        return
    compiled = model.compile()
    named = [day.year for day in (*model.holidays, *model.date_overrides, *model.breaks)] or [_ANY_YEAR]
    at = begin = datetime(min(named), 1, 1, tzinfo=UTC)
    while at < datetime(max(named) + 2, 1, 1, tzinfo=UTC):
        opening = _next_open(compiled, at)
        if opening is None:
            yield (), "never opens" if at == begin else f"never opens again after {at:%Y-%m-%d}"
            return
        if opening - at > _LONGEST_CLOSED:
            yield (), f"does not open for more than a year from {at:%Y-%m-%d} on"
            return
        at = max(opening, at + _MONTH)


def _next_open(calendar: BusinessCalendar, at: datetime) -> datetime | None:
    try:
        return calendar.next_open(at)
    except BusinessTimeError:
        return None
