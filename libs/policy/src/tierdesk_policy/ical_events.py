"""Events of an iCalendar file (RFC 5545), read with the line of each; when they take place is told by `occurrences`.

Values and zones are read by the icalendar package. What a calendar of closures does not use is refused with its line
rather than read wrongly: rules by the hour, several rules of one event, exception rules, periods, and changes to "this
and all that follow".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from icalendar import Calendar, Component

from tierdesk_policy.faults import Fault

MOST_BYTES: Final = 1024 * 1024
MOST_EVENTS: Final = 5_000
_MOST_FAULTS: Final = 50
_LONGEST: Final = timedelta(days=366)
_FREQUENCIES: Final = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_FINE_PARTS: Final = frozenset({"BYHOUR", "BYMINUTE", "BYSECOND"})
_PARTS: Final = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSETPOS"}
    | {f"BY{unit}" for unit in ("MONTH", "WEEKNO", "YEARDAY", "MONTHDAY", "DAY")}
)
"""What RFC 5545 knows of a rule; RFC 7529 has rules of other calendars than the Gregorian one."""
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


@dataclass(slots=True)
class _Block:
    """Where an event stands in the file: its first line, and the line of each property."""

    line: int
    lines: dict[str, int] = field(default_factory=dict)


class _Refusal(Exception):  # noqa: N818  # carries a fault to its line, and never leaves this module
    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def read_events(data: bytes, source: str, *, left_out: list[Fault] | None = None) -> EventFile:
    """The events of a file. Raises ICalendarError with the line of each fault; a file may have 1 MiB and 5,000 events.

    With `left_out`, an event that cannot be read is told there, and the others are answered.
    """
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
    except OSError:  # a name that no file can have is looked up among the files of zones
        raise ICalendarError([Fault(source, 0, "", "names a time zone that cannot be one")]) from None
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
    if left_out is not None:
        left_out += faults
    elif faults:
        raise ICalendarError(faults[:_MOST_FAULTS])
    zone = calendar.get("X-WR-TIMEZONE")
    return EventFile(source, str(zone) if zone else None, tuple(events))


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


def _moment(value: Any, name: str, params: Mapping[str, Any] | None = None) -> date:
    """The date or date-time of a property, or of one in a list, whose parameters are the list's."""
    at = value.dt
    zone = (value.params if params is None else params).get("TZID")
    if not isinstance(at, date):
        raise _Refusal(name, "is no date and no date-time")
    if isinstance(at, datetime) and at.tzinfo is None and zone:
        raise _Refusal(name, f"{zone!r} is no time zone that is known, and the file does not define it")
    if at.year not in _YEARS:
        raise _Refusal(name, f"lies outside of the years {_YEARS[0]} to {_YEARS[-1]}")
    return at


def _listed(event: Component, name: str) -> tuple[date, ...]:
    value = event.get(name)
    lists = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(_moment(each, name, one.params) for one in lists for each in one.dts)


def _check_rule(rule: Mapping[str, list[Any]]) -> None:
    if str(rule.get("FREQ", [""])[0]) not in _FREQUENCIES:
        raise _Refusal("RRULE", "FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY")
    if any(number < 1 for number in (*rule.get("INTERVAL", [1]), *rule.get("COUNT", [1]))):
        raise _Refusal("RRULE", "INTERVAL and COUNT must be 1 or more")
    if not _FINE_PARTS.isdisjoint(rule):
        raise _Refusal("RRULE", "rules by the hour, minute or second are not read")
    if not _PARTS.issuperset(rule):
        raise _Refusal("RRULE", f"{', '.join(sorted(set(rule) - _PARTS))}: not read")
