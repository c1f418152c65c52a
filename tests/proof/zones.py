"""What a clock on the wall shows, straight from the zone files: local seconds, changes of offset, wall times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WALL_EPOCH = EPOCH.replace(tzinfo=None)
DAY = 86_400
HALF_DAY = 43_200
HOUR = 3_600


class Segment(NamedTuple):
    """From until, in seconds since the epoch, in which the wall shows UTC plus `offset` seconds."""

    start: int
    end: int
    offset: int


@cache
def zone(name: str) -> ZoneInfo:
    """The zone as the pinned package has it; the machine may have others."""
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def wall(name: str, second: int) -> datetime:
    """What the clock on the wall shows at a second since the epoch, without zone."""
    return (EPOCH + timedelta(seconds=second)).astimezone(zone(name)).replace(tzinfo=None)


def wall_second(name: str, second: int) -> int:
    """The same in seconds since 1970-01-01T00:00 of the wall."""
    return second + offset_at(name, second)


def offset_at(name: str, second: int) -> int:
    """By how many seconds the wall is ahead of UTC."""
    offset = datetime.fromtimestamp(second, zone(name)).utcoffset()
    assert offset is not None
    return offset.days * DAY + offset.seconds


@lru_cache(maxsize=4_096)
def segments(name: str, start: int, end: int) -> tuple[Segment, ...]:
    """The stretches of one offset, looked for every twelve hours, and second by second between two that differ."""
    found = []
    opened, offset = start, offset_at(name, start)
    for look in range(start, end, HALF_DAY):
        last = min(look + HALF_DAY, end)
        if offset_at(name, last) == offset:
            continue
        hour = next(hour for hour in range(look, last, HOUR) if offset_at(name, min(hour + HOUR, last)) != offset)
        change = next(second for second in range(hour, last + 1) if offset_at(name, second) != offset)
        found.append(Segment(opened, change, offset))
        opened, offset = change, offset_at(name, change)
    return (*found, Segment(opened, end, offset))


@cache
def changes_of_year(name: str, year: int) -> tuple[int, ...]:
    """When the offset changes in a year, in seconds since the epoch."""
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    changes = []
    for noon in range(start, start + 366 * DAY, DAY):
        if offset_at(name, noon) != offset_at(name, noon + DAY):
            changes += [each.start for each in segments(name, noon, noon + DAY)[1:]]
    return tuple(changes)
