"""Durations and times of day as people write them, and as the machine counts them: in whole seconds."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, PlainSerializer

DAY_SECONDS: Final = 86_400
LONGEST_NIGHT_SECONDS: Final = 12 * 3_600
"""Hours over midnight that are longer are a slip of the pen."""
LONGEST_SECONDS: Final = 3_650 * DAY_SECONDS
"""Ten years: a longer promise is a slip of the pen."""

_UNIT_SECONDS: Final = {"d": DAY_SECONDS, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = re.compile(r"(?:\d{1,9}[dhms])+", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: Final = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?", re.ASCII)


def parse_duration(value: Any) -> int:
    """Seconds of `15m`, `4h`, `2d`, `1h30m`, or of a whole number of seconds. A day is 24 hours exactly.

    Raises ValueError for another unit or form, for zero and less, and for more than ten years.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and value.startswith("-"):
        seconds = -1
    elif isinstance(value, str) and _DURATION.fullmatch(value):
        seconds = sum(int(part[:-1]) * _UNIT_SECONDS[part[-1]] for part in re.findall(r"\d+[dhms]", value))
    else:
        raise ValueError("not a duration: write it as 30s, 15m, 4h, 2d or 1h30m, or as whole seconds")
    if seconds <= 0:
        raise ValueError("a duration must be longer than zero")
    if seconds > LONGEST_SECONDS:
        raise ValueError("a duration may not be longer than ten years (3650d)")
    return seconds


def format_duration(seconds: int) -> str:
    """The inverse of `parse_duration`, in the largest units: `1h30m`."""
    told = ""
    for unit, length in _UNIT_SECONDS.items():
        count, seconds = divmod(seconds, length)
        told += f"{count}{unit}" if count else ""
    return told


def parse_time_of_day(value: Any) -> int:
    """Seconds from midnight of `HH:MM` or `HH:MM:SS`; `24:00` is the end of the day. Raises ValueError."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a time of day: write HH:MM, in quotation marks")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3_600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > DAY_SECONDS:
        raise ValueError(f"{value} is not a time of day, which goes from 00:00 to 24:00")
    return total


def parse_day(value: Any) -> date:
    """The date of `YYYY-MM-DD`, between 1970 and 2199. Raises ValueError."""
    try:
        day = value if isinstance(value, date) else date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except (TypeError, ValueError):
        day = None
    if day is None or not 1_970 <= day.year <= 2_199:
        raise ValueError(f"{value!r} is not a date: write YYYY-MM-DD, between 1970 and 2199")
    return day


def format_time_of_day(seconds: int) -> str:
    """The inverse of `parse_time_of_day`."""
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}" if rest else f"{hours:02}:{minutes:02}"


class Hours(NamedTuple):
    """From an opening until a closing in wall time, in seconds from midnight of the day on which it starts.

    Half open: the closing instant is closed. `closes` is more than a day when the interval runs over midnight.
    """

    opens: int
    closes: int

    def __str__(self) -> str:
        closes = self.closes if self.closes <= DAY_SECONDS else self.closes - DAY_SECONDS
        return f"{format_time_of_day(self.opens)}-{format_time_of_day(closes)}"


def parse_hours(value: Any) -> Hours:
    """Hours of `09:00-17:00` or of the pair `[09:00, 17:00]`. `22:00-06:00` ends on the day after. Raises ValueError."""
    if isinstance(value, Hours):
        return value
    pair = value.split("-") if isinstance(value, str) else value
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError('not an interval: write it as "09:00-17:00"')
    opens, closes = (parse_time_of_day(part.strip() if isinstance(part, str) else part) for part in pair)
    if opens == closes:
        raise ValueError("opens and closes at the same time; a whole day is 00:00-24:00")
    if opens == DAY_SECONDS:
        raise ValueError("24:00 is the end of a day; one that opens at midnight opens at 00:00")
    return Hours(opens, closes if closes > opens else closes + DAY_SECONDS)


Seconds = Annotated[int, BeforeValidator(parse_duration)]
"""A duration in seconds, written as `15m`, `4h`, `2d`."""
Day = Annotated[date, BeforeValidator(parse_day)]
"""A date, written as `2026-12-25`."""
WallHours = Annotated[Hours, BeforeValidator(parse_hours), PlainSerializer(str, return_type=str)]
"""An interval of wall time, written as `09:00-17:00`."""
