"""Why a clock is due when it is: the stretches that count towards its target, and those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from tierdesk_policy import BusinessCalendar, BusinessTimeError
from tierdesk_sla.domain.clocks import Clock

MOST_INTERVALS: Final = 1_000
"""What is beyond is told as one."""

Cause = Literal["open", "closed", "hold", "further"]


class Interval(NamedTuple):
    """A stretch of a clock's time. `seconds` are those of its calendar that count.

    Its `cause` is `open` (it counts), `closed` (the calendar is), `hold` (it waited for `party`), or `further` (the rest
    of a clock with very many stretches, not told apart).
    """

    since: datetime
    until: datetime
    cause: Cause
    seconds: float = 0
    party: str | None = None


def find_intervals(clock: Clock, calendar: BusinessCalendar, at: datetime) -> tuple[Interval, ...]:
    """The stretches from a clock's start until it ended or is due, whichever comes first; else until `at`.

    They follow each other without gaps; with a due instant, the seconds of all that come before it are the target.
    """
    ends = [end for end in (clock.ended_at, clock.due_at) if end is not None] or [at]
    until = max(min(ends), clock.started_at)
    found: list[Interval] = []
    for interval in _walk(clock, calendar, until):
        if found and interval.cause == found[-1].cause and interval.party == found[-1].party:
            before = found.pop()
            interval = interval._replace(since=before.since, seconds=before.seconds + interval.seconds)  # noqa: PLW2901  # one with the stretch that it touches
        elif len(found) >= MOST_INTERVALS:
            holds = [(hold.since, hold.until or until) for hold in clock.holds]
            return (*found, Interval(interval.since, until, "further", calendar.between(interval.since, until, holds)))
        found.append(interval)
    return tuple(found)


def _walk(clock: Clock, calendar: BusinessCalendar, until: datetime) -> Iterator[Interval]:
    at = clock.started_at
    for hold in clock.holds:
        since = min(max(at, hold.since), until)
        yield from _openings(calendar, at, since)
        at = min(max(since, hold.until or until), until)
        if at > since:
            yield Interval(since, at, "hold", party=hold.party)
    yield from _openings(calendar, at, until)


def _openings(calendar: BusinessCalendar, since: datetime, until: datetime) -> Iterator[Interval]:
    while since < until:
        try:
            opens, closes = calendar.intervals(since, 1)[0]
        except BusinessTimeError:
            opens = closes = until
        if opens > since:
            yield Interval(since, min(opens, until), "closed")
        if opens < until:
            end = min(closes, until)
            yield Interval(opens, end, "open", calendar.between(opens, end))
        since = closes
