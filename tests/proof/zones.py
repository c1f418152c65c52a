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
    offset = datetime.fromtimestamp(second, zone(name)).utcoffset()
    assert offset is not None
    return second + offset.days * DAY + offset.seconds


@lru_cache(maxsize=4_096)
def segments(name: str, start: int, end: int) -> tuple[Segment, ...]:
    """The stretches of one offset, looked for hour by hour, and second by second in an hour with a change."""
    found = []
    opened, offset = start, wall_second(name, start) - start
    for hour in range(start, end, HOUR):
        last = min(hour + HOUR, end)
        if wall_second(name, last) - last == offset:
            continue
        for second in range(hour + 1, last + 1):
            now = wall_second(name, second) - second
            if now != offset:
                found.append(Segment(opened, second, offset))
                opened, offset = second, now
    return (*found, Segment(opened, end, offset))


@cache
def changes_of_year(name: str, year: int) -> tuple[int, ...]:
    """When the offset changes in a year, in seconds since the epoch."""
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    changes = []
    for noon in range(start, start + 366 * DAY, DAY):
        if wall_second(name, noon) - noon != wall_second(name, noon + DAY) - noon - DAY:
            changes += [each.start for each in segments(name, noon, noon + DAY)[1:]]
    return tuple(changes)
