"""Instants and durations as whole microseconds, which the arithmetic of calendars counts in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tierdesk_policy.openings import MICROS
from tierdesk_policy.units import DAY_SECONDS
from tierdesk_policy.zones import EPOCH

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9000
HORIZON_YEARS: Final = 100
"""How far from its start an answer may lie: what has no end within a lifetime has none."""

_MICROSECOND: Final = timedelta(microseconds=1)
FIRST_MICROS: Final = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
END_MICROS: Final = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND


class BusinessTimeError(ValueError):
    """There is no such instant: outside of the years 1900 to 9000, or further than a hundred years from the start."""


def without_offset(at: datetime) -> ValueError:
    """What is raised for a datetime that is no instant."""
    return ValueError(f"{at} has no offset from UTC, so it is no instant")


def micros_of(at: datetime) -> int:
    """Microseconds since the epoch. Raises ValueError for a naive datetime, BusinessTimeError outside of the years."""
    if at.tzinfo is None:
        raise without_offset(at)
    since = at - EPOCH
    micros = (since.days * DAY_SECONDS + since.seconds) * MICROS + since.microseconds
    if not FIRST_MICROS <= micros < END_MICROS:
        raise BusinessTimeError(f"{at} lies outside of the years {FIRST_YEAR} to {LAST_YEAR}")
    return micros


def micros_of_second(second: int) -> int:
    """Microseconds of a whole second since the epoch. Raises BusinessTimeError outside of the years."""
    micros = second * MICROS
    if not FIRST_MICROS <= micros < END_MICROS:
        raise BusinessTimeError(f"second {second} lies outside of the years {FIRST_YEAR} to {LAST_YEAR}")
    return micros


def instant_of(micros: int) -> datetime:
    """The inverse of `micros_of`, in UTC. Raises BusinessTimeError outside of the years."""
    if not FIRST_MICROS <= micros <= END_MICROS:
        raise BusinessTimeError(f"the answer lies outside of the years {FIRST_YEAR} to {LAST_YEAR}")
    return EPOCH + micros * _MICROSECOND


def duration_micros(seconds: float) -> int:
    """Microseconds of a duration. Raises ValueError for a negative one, BusinessTimeError beyond the horizon."""
    if not seconds >= 0:
        raise ValueError(f"{seconds} is not a duration: it must be zero or more seconds")
    if seconds > HORIZON_YEARS * 366 * DAY_SECONDS:
        raise BusinessTimeError(f"{seconds} seconds are more than {HORIZON_YEARS} years")
    return seconds * MICROS if isinstance(seconds, int) else round(seconds * MICROS)
