"""A rota as people keep it, in CSV or iCalendar: read into shifts, each fault with its line; what can be read goes on."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from tierdesk_desk.domain.accounts import fold_login
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.shifts import ShiftError, check_span
from tierdesk_policy import Fault, resolve_local
from tierdesk_policy.ical_events import MOST_BYTES, CalendarEvent, ICalendarError, read_events
from tierdesk_policy.occurrences import Occurrence, lay_out
from tierdesk_policy.zones import find_zone

__all__ = ["MOST_BYTES", "MOST_ROWS", "Entry", "Rota", "RotaError", "read_rota"]

MOST_ROWS: Final = 20_000
COLUMNS: Final = ("person", "tier", "group", "starts", "ends")
_PLACE: Final = re.compile(r"([a-z][a-z0-9-]{0,39})/([a-z][a-z0-9-]{0,39})")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_YEARS: Final = range(2000, 2200)
_LONGEST_LINE: Final = 2_000


class RotaError(ValueError):
    """A file that is no rota at all. The text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A shift as the file has it, and the line."""

    line: int
    person: str
    place: Place
    starts_at: datetime
    ends_at: datetime


@dataclass(slots=True)
class Rota:
    """What a file told: its shifts, and what could not be read, each with its line."""

    entries: list[Entry] = field(default_factory=list)
    left_out: list[Fault] = field(default_factory=list)


def read_rota(data: bytes, source: str, zone: str, first: date, last: date) -> Rota:
    """The shifts of a file that start on a date from `first` to `last`. `zone` is that of times that tell none.

    Wall times keep what they show across changes of the clock: a shift from 22:00 to 06:00 has 7 hours in one night of
    the year, and 9 in another. Of a time that the clock shows twice it is the first; one that it skips moves on by what was
    skipped. Raises `RotaError` for what is no rota: more than 1 MiB, no UTF-8, unknown columns or zone.
    """
    if len(data) > MOST_BYTES:
        raise RotaError(f"{source}: larger than {MOST_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
        at_home = find_zone(zone)
    except UnicodeDecodeError:
        raise RotaError(f"{source}: is not UTF-8") from None
    except ValueError as error:
        raise RotaError(str(error)) from None
    if text.lstrip()[:15].upper() == "BEGIN:VCALENDAR":
        return _read_calendar(data, source, at_home, first, last)
    return _read_table(text, source, at_home, first, last)


def _read_table(text: str, source: str, zone: tzinfo, first: date, last: date) -> Rota:
    lines = text.splitlines()
    head = lines[0] if lines else ""
    delimiter = max(",;\t", key=head.count)
    names = [name.strip().lower() for name in head.split(delimiter)]
    if sorted(names) != sorted(COLUMNS):
        raise RotaError(f"{source}:1: the columns of a rota are {', '.join(COLUMNS)}; or give an iCalendar file")
    if len(lines) > MOST_ROWS + 1:
        raise RotaError(f"{source}: more than {MOST_ROWS} lines")
    rota = Rota()
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            entry = _read_row(number, _cells(line, delimiter, names), zone)
        except ShiftError as error:
            rota.left_out.append(Fault(source, number, error.field, error.reason))
            continue
        if first <= entry.starts_at.astimezone(zone).date() <= last:
            rota.entries.append(entry)
    return rota


def _cells(line: str, delimiter: str, names: Sequence[str]) -> dict[str, str]:
    """Each line by itself: so no quotation mark that is missing swallows the lines after it."""
    try:
        cells = next(csv.reader([line[: _LONGEST_LINE + 1]], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ShiftError("", str(error)) from None
    if len(line) > _LONGEST_LINE or len(cells) != len(names):
        raise ShiftError("", f"{len(names)} columns are expected")
    return dict(zip(names, (cell.strip() for cell in cells), strict=True))


def _read_row(number: int, cells: dict[str, str], zone: tzinfo) -> Entry:
    for name in ("tier", "group"):
        if not _NAME.fullmatch(cells[name]):
            raise ShiftError(name, "small letters, digits and hyphens; a letter first")
    starts_at, ends_at = (_instant(name, cells[name], zone) for name in ("starts", "ends"))
    check_span(starts_at, ends_at)
    return Entry(number, _login(cells["person"]), (cells["tier"], cells["group"]), starts_at, ends_at)


def _instant(name: str, text: str, zone: tzinfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ShiftError(name, "a date and a time, as 2026-03-02T09:00") from None
    if len(text) <= len("2026-03-02") or at.year not in _YEARS:
        raise ShiftError(name, "a date and a time, as 2026-03-02T09:00")
    return at.astimezone(UTC) if at.tzinfo is not None else resolve_local(at, zone)


def _read_calendar(data: bytes, source: str, zone: tzinfo, first: date, last: date) -> Rota:
    """Each event is a shift, or several at once: its summary is `LOGIN TIER/GROUP …`."""
    rota = Rota()
    try:
        events = read_events(data, source, left_out=rota.left_out)
        if events.zone is not None:
            zone = find_zone(events.zone)
        # A shift may begin on the day before in the zone in which it is written.
        laid_out = list(lay_out(events, first - timedelta(days=1), last + timedelta(days=1)))
    except ICalendarError as error:
        raise RotaError(" ".join(str(error).split("\n")[0].splitlines())) from None
    except ValueError as error:
        raise RotaError(f"{source}: {error}") from None
    refused: set[int] = set()
    for occurrence in laid_out:
        event = occurrence.event
        if event.line in refused:
            continue
        try:
            entries = list(_entries_of(occurrence, zone))
        except ShiftError as error:
            refused.add(event.line)
            rota.left_out.append(Fault(source, event.line, error.field, error.reason))
            continue
        rota.entries += [one for one in entries if first <= one.starts_at.astimezone(zone).date() <= last]
    return rota


def _entries_of(occurrence: Occurrence, zone: tzinfo) -> Iterator[Entry]:
    event = occurrence.event
    starts, ends = occurrence.starts, occurrence.ends
    if not isinstance(starts, datetime) or not isinstance(ends, datetime):
        raise ShiftError("DTSTART", "a shift has times, and not only dates")
    starts_at, ends_at = (at.astimezone(UTC) if at.tzinfo else resolve_local(at, zone) for at in (starts, ends))
    try:
        check_span(starts_at, ends_at)
    except ShiftError as error:
        raise ShiftError("DTEND", error.reason) from None
    person, places = _read_summary(event)
    for place in places:
        yield Entry(event.line, person, place, starts_at, ends_at)


def _read_summary(event: CalendarEvent) -> tuple[str, list[Place]]:
    words = [word for word in re.split(r"[\s,;]+", event.summary.strip()[:_LONGEST_LINE]) if word]
    matches = [_PLACE.fullmatch(word) for word in words[1:]]
    if not matches or not all(matches):
        raise ShiftError("SUMMARY", "a shift is written LOGIN TIER/GROUP, with more groups after it if there are")
    places = [(match[1], match[2]) for match in matches if match is not None]
    return _login(words[0].removesuffix(":"), "SUMMARY"), list(dict.fromkeys(places))


def _login(text: str, name: str = "person") -> str:
    login = fold_login(text)
    if not login:
        raise ShiftError(name, "the first word is a login" if name == "SUMMARY" else "a login")
    return login
