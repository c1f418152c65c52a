"""Events of an iCalendar file (RFC 5545): read with the line of each, and laid out over years.

Values and zones are read by the icalendar package, recurrences counted by dateutil. What a calendar of closures does
not use is refused with its line rather than read wrongly: rules by the hour, several rules of one event, exception
rules, periods, and changes to "this and all that follow".
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from dateutil.rrule import rruleset, rrulestr
from icalendar import Calendar, Component

from tierdesk_policy.faults import Fault

MOST_BYTES: Final = 1024 * 1024
MOST_EVENTS: Final = 5_000
MOST_OCCURRENCES: Final = 20_000
_MOST_FAULTS: Final = 50
_LONGEST: Final = timedelta(days=366)
_FREQUENCIES: Final = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_FINE_PARTS: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_YEARS: Final = range(1900, 2200)


class ICalendarError(ValueError):
    """A file of events that cannot be used, with its faults in the order of their lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """An event as the file has it. `starts` and `ends` are both dates, or both date-times, of which the end is not part.

    A date-time without zone is wall time wherever it is read. `replaces` is the start of the occurrence of the same
    `uid` that this event stands for.
    """

    line: int
    uid: str
    summary: str
    starts: date
    ends: date
    rule: Mapping[str, list[Any]] | None = None
    also: tuple[date, ...] = ()
    except_on: tuple[date, ...] = ()
    replaces: date | None = None
    cancelled: bool = False

    @property
    def whole_days(self) -> bool:
        """Whether it names dates and no times."""
        return not isinstance(self.starts, datetime)


@dataclass(frozen=True, slots=True)
class EventFile:
    """The events of one file, and the zone that the file names for itself, if any."""

    source: str
    zone: str | None
    events: tuple[CalendarEvent, ...]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time at which an event takes place."""

    event: CalendarEvent
    starts: date
    ends: date


@dataclass(slots=True)
class _Block:
    """Where an event stands in the file: its first line, and the line of each property."""

    line: int
    lines: dict[str, int] = field(default_factory=dict)


class _Refusal(Exception):  # noqa: N818  # carries a fault to its line, and never leaves this module
    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def read_events(data: bytes, source: str) -> EventFile:
    """The events of a file. Raises ICalendarError with the line of each fault; a file may have 1 MiB and 5,000 events."""
    if len(data) > MOST_BYTES:
        raise ICalendarError([Fault(source, 0, "", f"larger than {MOST_BYTES // 1024} KiB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ICalendarError([Fault(source, line, "", "is not UTF-8")]) from None
    blocks = _find_blocks(text, source)
    try:
        calendar = Calendar.from_ical(text)
    except (ValueError, KeyError, IndexError, RecursionError) as error:
        raise ICalendarError([Fault(source, 0, "", f"is no iCalendar file: {str(error)[:200]}")]) from None
    events, faults = [], []
    found = calendar.walk("VEVENT")
    if len(found) != len(blocks):
        raise ICalendarError([Fault(source, blocks[0].line, "", "events stand where no calendar is, or in each other")])
    for block, event in zip(blocks, found, strict=True):
        try:
            events.append(_read_event(event, block.line))
        except _Refusal as refusal:
            line = block.lines.get(refusal.name, block.line)
            faults.append(Fault(source, line, refusal.name, str(refusal)))
    if faults:
        raise ICalendarError(faults[:_MOST_FAULTS])
    zone = calendar.get("X-WR-TIMEZONE")
    return EventFile(source, str(zone) if zone else None, tuple(events))


def lay_out(file: EventFile, first: date, last: date) -> Iterator[Occurrence]:
    """When the events take place that start on a date from `first` to `last`, event by event.

    Raises ICalendarError when they are more than 20,000.
    """
    replacing: dict[str, dict[datetime, CalendarEvent]] = {}
    for event in file.events:
        if event.replaces is not None:
            replacing.setdefault(event.uid, {})[_wall(event.replaces, event.starts)] = event
    count = 0
    for event in file.events:
        try:
            occurrences = _occurrences(event, replacing.get(event.uid, {}), first, last)
        except _Refusal as refusal:
            raise ICalendarError([Fault(file.source, event.line, refusal.name, str(refusal))]) from None
        count += len(occurrences)
        if count > MOST_OCCURRENCES:
            message = f"the events take place more than {MOST_OCCURRENCES} times: ask for fewer years"
            raise ICalendarError([Fault(file.source, event.line, "", message)])
        yield from occurrences


def _find_blocks(text: str, source: str) -> list[_Block]:
    """Where the events stand. Raises ICalendarError for lines that are none, and for parts that do not end."""
    blocks: list[_Block] = []
    opened: list[tuple[str, int]] = []
    for number, name, rest in _content_lines(text, source):
        if name == "BEGIN":
            opened.append((rest.strip().upper(), number))
            if opened[-1][0] == "VEVENT":
                blocks.append(_Block(number))
        elif name == "END":
            if not opened or opened.pop()[0] != rest.strip().upper():
                raise ICalendarError([Fault(source, number, "", f"END:{rest.strip()} ends what was not begun last")])
        elif opened and opened[-1][0] == "VEVENT":
            blocks[-1].lines.setdefault(name, number)
    if opened:
        raise ICalendarError([Fault(source, opened[-1][1], "", f"BEGIN:{opened[-1][0]} has no END")])
    if len(blocks) > MOST_EVENTS:
        raise ICalendarError([Fault(source, blocks[MOST_EVENTS].line, "", f"more than {MOST_EVENTS} events")])
    return blocks


def _content_lines(text: str, source: str) -> Iterator[tuple[int, str, str]]:
    """Number, name and the beginning of the value of each line that does not go on with the one before."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line[0] in " \t":
            continue
        head, colon, rest = line.partition(":")
        name = head.partition(";")[0].upper()
        if not colon or not name:
            raise ICalendarError([Fault(source, number, "", "not a line of an iCalendar file: NAME:VALUE")])
        yield number, name, rest


def _read_event(event: Component, line: int) -> CalendarEvent:
    for name, message in event.errors:
        raise _Refusal(name or "", message)
    starts, ends = _span(event)
    rule = _only(event, "RRULE")
    if rule is not None:
        _check_rule(rule)
    if event.get("EXRULE") is not None:
        raise _Refusal("EXRULE", "exception rules are not read: name the dates with EXDATE")
    replaces = _only(event, "RECURRENCE-ID")
    if replaces is not None and replaces.params.get("RANGE"):
        raise _Refusal(
            "RECURRENCE-ID", "a change of all that follow is not read: end the rule, and begin another event"
        )
    return CalendarEvent(
        line=line,
        uid=str(event.get("UID", f"line {line}")),
        summary=str(event.get("SUMMARY", "")),
        starts=starts,
        ends=ends,
        rule=rule,
        also=_listed(event, "RDATE"),
        except_on=_listed(event, "EXDATE"),
        replaces=None if replaces is None else _moment(replaces, "RECURRENCE-ID"),
        cancelled=str(event.get("STATUS", "")).upper() == "CANCELLED",
    )


def _span(event: Component) -> tuple[date, date]:
    first, end, duration = (_only(event, name) for name in ("DTSTART", "DTEND", "DURATION"))
    if first is None:
        raise _Refusal("DTSTART", "is missing")
    starts = _moment(first, "DTSTART")
    if end is not None:
        ends = _moment(end, "DTEND")
    elif duration is not None:
        if not timedelta(0) <= duration.dt <= _LONGEST:
            raise _Refusal("DURATION", "must be from nothing to a year")
        ends = starts + duration.dt
    else:
        ends = starts if isinstance(starts, datetime) else starts + timedelta(days=1)
    if isinstance(starts, datetime) is not isinstance(ends, datetime):
        raise _Refusal("DTEND", "is a date where DTSTART is a time, or the other way round")
    if isinstance(starts, datetime) and isinstance(ends, datetime) and (starts.tzinfo is None) != (ends.tzinfo is None):
        raise _Refusal("DTEND", "has a zone where DTSTART has none, or the other way round")
    if ends < starts:
        raise _Refusal("DTEND", "lies before DTSTART")
    if ends - starts > _LONGEST:
        raise _Refusal("DTEND", "lies more than a year after DTSTART")
    return starts, ends


def _only(event: Component, name: str) -> Any:
    value = event.get(name)
    if isinstance(value, list):
        raise _Refusal(name, "stands more than once")
    return value


def _moment(value: Any, name: str) -> date:
    """The date or date-time of a property."""
    at = value.dt
    if not isinstance(at, date):
        raise _Refusal(name, "is no date and no date-time")
    if isinstance(at, datetime) and at.tzinfo is None and value.params.get("TZID"):
        raise _Refusal(name, f"{value.params['TZID']!r} is no time zone that is known, and the file does not define it")
    if at.year not in _YEARS:
        raise _Refusal(name, f"lies outside of the years {_YEARS[0]} to {_YEARS[-1]}")
    return at


def _listed(event: Component, name: str) -> tuple[date, ...]:
    value = event.get(name)
    lists = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(_moment(each, name) for one in lists for each in one.dts)


def _check_rule(rule: Mapping[str, list[Any]]) -> None:
    if str(rule.get("FREQ", [""])[0]) not in _FREQUENCIES:
        raise _Refusal("RRULE", "FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY")
    if any(number < 1 for number in (*rule.get("INTERVAL", [1]), *rule.get("COUNT", [1]))):
        raise _Refusal("RRULE", "INTERVAL and COUNT must be 1 or more")
    if any(part in rule for part in _FINE_PARTS):
        raise _Refusal("RRULE", "rules by the hour, minute or second are not read")


def _occurrences(
    event: CalendarEvent, replaced: Mapping[datetime, CalendarEvent], first: date, last: date
) -> list[Occurrence]:
    if event.cancelled:
        return []
    begin, end = datetime.combine(first, time.min), datetime.combine(last, time.max)
    length = _wall(event.ends, event.starts) - _wall(event.starts, event.starts)
    if event.replaces is not None:
        starts = [_wall(event.starts, event.starts)]
    else:
        starts = [at for at in _starts(event, begin, end) if at not in replaced]
    return [Occurrence(event, _placed(at, event), _placed(at + length, event)) for at in starts if begin <= at <= end]


def _starts(event: CalendarEvent, begin: datetime, end: datetime) -> list[datetime]:
    """The wall times, in the zone of the event, at which it starts; what is excepted left out."""
    first = _wall(event.starts, event.starts)
    recurring = rruleset()
    recurring.rdate(first)
    for at in event.also:
        recurring.rdate(_wall(at, event.starts))
    if event.rule is not None and first <= end:
        recurring.rrule(_rule(event.rule, event, first, end))
    dates = {at for at in event.except_on if not isinstance(at, datetime)}
    times = {_wall(at, event.starts) for at in event.except_on if isinstance(at, datetime)}
    return [at for at in recurring.between(begin, end, inc=True) if at not in times and at.date() not in dates]


def _rule(rule: Mapping[str, list[Any]], event: CalendarEvent, first: datetime, end: datetime) -> Any:
    """The rule in wall time, ended where the years asked for end. Refuses one that never holds: following it takes
    seconds, and so a file may have one at most.
    """
    parts = dict(rule)
    until = parts.pop("UNTIL", [end])[0]
    last = _wall(until, event.starts) if isinstance(until, datetime) else datetime.combine(until, time.max)
    written = ";".join(f"{name}={','.join(str(value) for value in values)}" for name, values in parts.items())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a rule with COUNT is given an UNTIL beside it
        ended = rrulestr(f"{written};UNTIL={min(last, end):%Y%m%dT%H%M%S}", dtstart=first)
    if first <= last and next(iter(ended), None) is None and next(iter(rrulestr(written, dtstart=first)), None) is None:
        raise _Refusal("RRULE", "holds on no day at all")
    return ended


def _wall(at: date, like: date) -> datetime:
    """A date or date-time as wall time in the zone of another one."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time.min)
    zone = like.tzinfo if isinstance(like, datetime) else None
    return (at.astimezone(zone) if at.tzinfo is not None and zone is not None else at).replace(tzinfo=None)


def _placed(at: datetime, event: CalendarEvent) -> date:
    """A wall time in the form in which the event gives its own."""
    if not isinstance(event.starts, datetime):
        return at.date()
    return at.replace(tzinfo=event.starts.tzinfo)


def in_zone(at: datetime, zone: Any) -> datetime:
    """The wall time that a zone shows at a date-time of an event; one without zone is wall time already."""
    return at if at.tzinfo is None else at.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
