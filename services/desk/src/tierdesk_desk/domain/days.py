"""Days as people count them: from midnight to midnight where the desk stands. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from tierdesk_policy import ELAPSED, Policy, resolve_local
from tierdesk_policy.zones import find_zone


def zone_of(policy: Policy | None) -> str:
    """Where the desk stands: the zone of the policy's usual calendar."""
    if policy is None or policy.default_calendar == ELAPSED:
        return "UTC"
    return next(calendar.tz for calendar in policy.calendars if calendar.id == policy.default_calendar)


def bounds_of(day: date, zone: str) -> tuple[datetime, datetime]:
    """When this day begins there, and when the next one does."""
    found = find_zone(zone)
    midnights = (datetime.combine(one, time()) for one in (day, day + timedelta(days=1)))
    begins, ends = (resolve_local(one, found) for one in midnights)
    return begins, ends
