"""Instants and spans as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def tell_instant(at: datetime, zone: tzinfo | None) -> str:
    """`Fri 27 Mar 2026 16:00`, on the wall clock of the zone; with seconds where there are any."""
    local = at.astimezone(zone or UTC)
    day = f"{_DAYS[local.weekday()]} {local.day:>2} {_MONTHS[local.month - 1]} {local.year}"
    return f"{day} {local:%H:%M:%S}" if local.second or local.microsecond else f"{day} {local:%H:%M}"


def tell_span(seconds: float) -> str:
    """`13 h 20 min`. Hours are not made days, which mean another thing in each calendar."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3_600, whole % 3_600 // 60, whole % 60
    parts = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if number]
    return " ".join(parts) or "0 s"


def tell_shift(since: datetime, until: datetime, zone: tzinfo | None) -> str:
    """What happens to the clock on the wall in between; empty when nothing does."""
    before, after = since.astimezone(zone or UTC).utcoffset(), until.astimezone(zone or UTC).utcoffset()
    if before is None or after is None or before == after:
        return ""
    way = "forward" if after > before else "back"
    return f"the wall clock goes {way} by {tell_span(abs(after - before) / timedelta(seconds=1))}"
