"""Times, and calendars."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

TIMES = (
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+25:00",
    "2026-02-30T00:00:00Z", "2999-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-03-29T01:30:00", "now", "",
    "2026-01-01", "-1", "1e18", "NaN", "2026-01-01T00:00:00.1234567890123Z ",
)  # fmt: skip
"""Times of something that happened: none of them is one, or none can be yet."""

SCHEDULES: dict[str, Document] = {
    "no working minute": {"weekly": {}},
    "a holiday on every day of a week": {"weekly": {"mon": ["09:00-17:00"]}, "holidays": [f"2026-03-{day:02}" for day in range(1, 32)]},
    "windows that overlap": {"weekly": {"mon": ["09:00-17:00", "12:00-18:00"]}},
    "a window that ends before it begins": {"weekly": {"mon": ["17:00-09:00-12:00"]}},
    "no such hour": {"weekly": {"mon": ["25:00-26:00"]}},
    "no such day": {"weekly": {"someday": ["09:00-17:00"]}},
    "no such zone": {"tz": "Europe/Atlantis", "weekly": {"mon": ["09:00-17:00"]}},
    "a zone that is a path": {"tz": "../../etc/passwd", "weekly": {"mon": ["09:00-17:00"]}},
    "a holiday that is none": {"weekly": {"mon": ["09:00-17:00"]}, "holidays": ["2026-02-30"]},
    "a window that begins at the end of a day": {"weekly": {"mon": ["24:00-02:00"]}},
    "a window of no length": {"weekly": {"mon": ["09:00-09:00"]}},
    "a leap day in a common year": {"weekly": {"mon": ["09:00-17:00"]}, "date_overrides": {"2027-02-29": []}},
    "a country of nobody": {"weekly": {"mon": ["09:00-17:00"]}, "country": "XX"},
    "a part of another country": {"weekly": {"mon": ["09:00-17:00"]}, "country": "PT", "subdivision": "SCT"},
    "closed on all dates of each year": {
        "weekly": {"mon": ["09:00-17:00"]},
        "holidays_annual": [f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32) if day <= (29 if month == 2 else 30 if month in {4, 6, 9, 11} else 31)],
    },
    "all the time": {"weekly": {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}},
}  # fmt: skip
"""Calendars of a policy. The last is a good one."""
