"""Time zones out of the pinned tzdata package, and the stretches of time in which an offset holds.

The package and not the machine's own files: two processes on two machines must compute the same deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib import resources
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
_STEP_SECONDS: Final = 3 * 86_400
"""Less than the shortest stretch of one offset in tzdata since 1900, which is 167 hours."""


class Stretch(NamedTuple):
    """Seconds of UTC since the epoch, half open, in which local time is UTC plus `offset` seconds."""

    starts: int
    ends: int
    offset: int


@cache
def zone_names() -> frozenset[str]:
    """The names of all IANA zones."""
    return frozenset((resources.files("tzdata") / "zones").read_text(encoding="utf-8").split())


@cache
def find_zone(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises ValueError when there is none."""
    if name not in zone_names():
        raise ValueError(f"{name!r} is not a time zone of the IANA database, as Europe/London is")
    with (resources.files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def offset_at(zone: tzinfo, second: int) -> int:
    """The offset from UTC, in seconds, at a second since the epoch."""
    offset = (EPOCH + second * SECOND).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // SECOND


def stretches(zone: tzinfo, starts: int, ends: int) -> Iterator[Stretch]:
    """The stretches of equal offset that fill `starts` until `ends`, both in seconds since the epoch."""
    opened, at, offset = starts, starts, offset_at(zone, starts)
    while at < ends:
        ahead = min(at + _STEP_SECONDS, ends)
        if offset_at(zone, ahead) != offset:
            ahead = _first_change(zone, at, ahead, offset)
            yield Stretch(opened, ahead, offset)
            opened, offset = ahead, offset_at(zone, ahead)
        at = ahead
    if opened < ends:
        yield Stretch(opened, ends, offset)


def _first_change(zone: tzinfo, before: int, after: int, offset: int) -> int:
    """The first second at which `offset` no longer holds; it holds at `before` and not at `after`."""
    while after - before > 1:
        middle = (before + after) // 2
        if offset_at(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after
