"""When the events of an iCalendar file take place: each laid out over the years asked for, recurrences counted by dateutil."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from dateutil.rrule import rruleset, rrulestr

from tierdesk_policy.faults import Fault
from tierdesk_policy.ical_events import CalendarEvent, EventFile, ICalendarError

MOST_OCCURRENCES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time at which an event takes place."""

    event: CalendarEvent
    starts: date
    ends: date


class _NeverHoldsError(Exception):
    """A rule holds on no day; it never leaves this module."""


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
        except _NeverHoldsError:
            raise ICalendarError([Fault(file.source, event.line, "RRULE", "holds on no day at all")]) from None
        count += len(occurrences)
        if count > MOST_OCCURRENCES:
            message = f"the events take place more than {MOST_OCCURRENCES} times: ask for fewer years"
            raise ICalendarError([Fault(file.source, event.line, "", message)])
        yield from occurrences


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
    """The rule in wall time, ended where the years asked for end. Raises _NeverHoldsError: following such a rule takes
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
        raise _NeverHoldsError
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
