"""Events of an iCalendar file as parts of a policy's calendar: closed dates, breaks, or the hours of single dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tierdesk_policy.faults import Fault
from tierdesk_policy.ical_events import CalendarEvent, EventFile, ICalendarError
from tierdesk_policy.occurrences import Occurrence, in_zone, lay_out
from tierdesk_policy.openings import merge
from tierdesk_policy.units import DAY_SECONDS, LONGEST_NIGHT_SECONDS, Hours
from tierdesk_policy.zones import find_zone, zone_names

_LONGEST_NOTE: Final = 60
_NO_PLACE: Final = frozenset({"UTC", "Etc/UTC"})
"""Where a time is given so, nobody has said what the clock on a wall shows."""
_ONE_DAY: Final = timedelta(days=1)
_YEARLY_PARTS: Final = {"FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "WKST"}


@dataclass(slots=True)
class CalendarParts:
    """What a file says of a calendar, in wall time of `zone`; the texts beside dates are the events' own."""

    zone: str | None
    holidays: dict[date, str] = field(default_factory=dict)
    holidays_annual: dict[str, str] = field(default_factory=dict)
    date_overrides: dict[date, list[Hours]] = field(default_factory=dict)
    breaks: dict[date, list[Hours]] = field(default_factory=dict)
    notes: dict[date, str] = field(default_factory=dict)
    left_out: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.holidays or self.holidays_annual or self.date_overrides or self.breaks)


def import_parts(
    file: EventFile, first: date, last: date, zone: str | None, *, as_hours: bool = False
) -> CalendarParts:
    """The parts of a calendar that the events of a file make, of what starts from `first` to `last`.

    Events of whole days are holidays, yearly ones for ever; other events are breaks. With `as_hours` all events are
    hours in which work is done, and together the hours of their dates. Raises ICalendarError, also when neither
    `zone` nor the file tells in which zone to write the times.
    """
    parts = CalendarParts(_zone_of(file, zone))
    read_in = find_zone(parts.zone) if parts.zone is not None else None
    told = Counter(event.uid for event in file.events)
    alone = (event for event in file.events if told[event.uid] == 1 and not as_hours)
    yearly = {event.line: event for event in alone if _is_yearly(event, first)}
    for event in yearly.values():
        parts.holidays_annual |= {f"{day:%m-%d}": event.summary for day in _days(event.starts, event.ends)}
    for occurrence in lay_out(file, first, last):
        if occurrence.event.line in yearly:
            continue
        if occurrence.starts == occurrence.ends:
            parts.left_out.append(Fault(file.source, occurrence.event.line, "", "takes no time"))
        elif as_hours:
            _add_hours(parts, occurrence, read_in)
        elif occurrence.event.whole_days:
            _add_holidays(parts, occurrence)
        else:
            _add_breaks(parts, occurrence, read_in)
    _put_in_order(parts)
    return parts


def to_yaml(parts: CalendarParts) -> str:
    """The parts as YAML for a calendar of a policy, with the names of the events as comments."""
    lines: list[str] = []
    if parts.holidays:
        lines += ["holidays:", *(f"  - {day}{_comment(note)}" for day, note in parts.holidays.items())]
    if parts.holidays_annual:
        lines += ["holidays_annual:"]
        lines += [f'  - "{day}"{_comment(note)}' for day, note in parts.holidays_annual.items()]
    for name, dates in (("date_overrides", parts.date_overrides), ("breaks", parts.breaks)):
        if dates:
            lines.append(f"{name}:")
        for day, hours in dates.items():
            told = ", ".join(f'"{each}"' for each in hours)
            lines.append(f"  {day}: [{told}]{_comment(parts.notes.get(day, ''))}")
    return "".join(f"{line}\n" for line in lines)


def _zone_of(file: EventFile, zone: str | None) -> str | None:
    """The zone in which to write: the one asked for, the file's own, or the only one of its events."""
    for name in (zone, file.zone):
        if name is not None:
            try:
                find_zone(name)
            except ValueError as error:
                raise ICalendarError([Fault(file.source, 0, "", str(error))]) from None
            return name
    named = None
    for event in file.events:
        if not isinstance(event.starts, datetime) or event.starts.tzinfo is None:
            continue
        name = getattr(event.starts.tzinfo, "key", "UTC")  # a zone that the file defines itself has no name elsewhere
        if name in _NO_PLACE or name not in zone_names() or name != (named or name):
            message = "no zone or another one is told here: say in which zone the calendar is"
            raise ICalendarError([Fault(file.source, event.line, "DTSTART", message)])
        named = name
    return named


def _is_yearly(event: CalendarEvent, first: date) -> bool:
    """Whether the event closes the same dates of each year, from before `first` on and for ever."""
    rule = event.rule
    return (
        rule is not None
        and event.whole_days
        and not event.cancelled
        and event.starts.year <= first.year
        and set(rule) <= _YEARLY_PARTS
        and rule["FREQ"] == ["YEARLY"]
        and rule.get("INTERVAL", [1]) == [1]
        and rule.get("BYMONTH", [event.starts.month]) == [event.starts.month]
        and rule.get("BYMONTHDAY", [event.starts.day]) == [event.starts.day]
        and ("BYMONTHDAY" not in rule or "BYMONTH" in rule)
        and not event.also
        and not event.except_on
        and not _runs_into_leap_day(event)
    )


def _runs_into_leap_day(event: CalendarEvent) -> bool:
    """Whether several days reach over the end of February, which is another date in a leap year."""
    days = [(day.month, day.day) for day in _days(event.starts, event.ends)]
    return len(days) > 1 and not {(2, 28), (2, 29)}.isdisjoint(days)


def _days(starts: date, ends: date) -> Iterator[date]:
    for ahead in range((ends - starts).days):
        yield starts + ahead * _ONE_DAY


def _add_holidays(parts: CalendarParts, occurrence: Occurrence) -> None:
    for day in _days(occurrence.starts, occurrence.ends):
        if f"{day:%m-%d}" not in parts.holidays_annual:
            parts.holidays.setdefault(day, occurrence.event.summary)


def _add_breaks(parts: CalendarParts, occurrence: Occurrence, zone: ZoneInfo | None) -> None:
    for day, hours in _split(*_walls(occurrence, zone)):
        parts.breaks.setdefault(day, []).append(hours)
        parts.notes.setdefault(day, occurrence.event.summary)


def _add_hours(parts: CalendarParts, occurrence: Occurrence, zone: ZoneInfo | None) -> None:
    """A night of up to 12 hours stays in one piece, as the hours of a policy may; longer ones end at midnight."""
    starts, ends = _walls(occurrence, zone)
    opens = starts.hour * 3_600 + starts.minute * 60 + starts.second
    seconds = int((ends - starts).total_seconds())
    in_one = opens + seconds > DAY_SECONDS and seconds <= LONGEST_NIGHT_SECONDS
    pieces = [(starts.date(), Hours(opens, opens + seconds))] if in_one else _split(starts, ends)
    for day, hours in pieces:
        parts.date_overrides.setdefault(day, []).append(hours)
        parts.notes.setdefault(day, occurrence.event.summary)


def _walls(occurrence: Occurrence, zone: ZoneInfo | None) -> tuple[datetime, datetime]:
    """From until on the wall. Where the clock is put back within an event, so much is closed as its length says."""
    first, end = (
        in_zone(at, zone) if isinstance(at, datetime) else datetime.combine(at, time.min)
        for at in (occurrence.starts, occurrence.ends)
    )
    return first, end if end > first else first + (occurrence.ends - occurrence.starts)


def _split(starts: datetime, ends: datetime) -> Iterable[tuple[date, Hours]]:
    """The hours of each date between two wall times."""
    at = starts
    while at < ends:
        midnight = datetime.combine(at.date(), time.min)
        until = min(ends, midnight + _ONE_DAY)
        yield at.date(), Hours(int((at - midnight).total_seconds()), int((until - midnight).total_seconds()))
        at = until


def _put_in_order(parts: CalendarParts) -> None:
    parts.holidays = dict(sorted(parts.holidays.items()))
    parts.holidays_annual = dict(sorted(parts.holidays_annual.items()))
    for dates in (parts.breaks, parts.date_overrides):
        for day, hours in sorted(dates.items()):
            del dates[day]
            dates[day] = [Hours(*each) for each in merge(hours)]


def _comment(note: str) -> str:
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in note).split())
    return f"  # {words[:_LONGEST_NOTE]}" if words else ""
