"""`tierdesk calendar verify` and `import`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tierdesk_cli.errors import CommandError
from tierdesk_policy.closures import import_parts, to_yaml
from tierdesk_policy.facts import verify
from tierdesk_policy.ical_events import MOST_BYTES, ICalendarError, read_events


def verify_files(files: Sequence[Path]) -> int:
    """Print each mismatch and a closing line; answer the exit code."""
    return verify(files, lambda line: sys.stdout.write(f"{line if line.isprintable() else ascii(line)}\n"))


def import_file(file: Path, zone: str | None, first_year: int, years: int, *, as_hours: bool) -> None:
    """Print the parts of a calendar that the events of an iCalendar file make. Raises `CommandError`."""
    try:
        with file.open("rb") as opened:
            events = read_events(opened.read(MOST_BYTES + 1), str(file))
        first, last = date(first_year, 1, 1), date(first_year + years - 1, 12, 31)
        parts = import_parts(events, first, last, zone, as_hours=as_hours)
    except ICalendarError as error:
        raise CommandError(str(error), exit_code=2) from error
    for fault in parts.left_out:
        sys.stderr.write(f"left out: {fault}\n")
    if not parts:
        raise CommandError(f"{file}: no event takes place from {first_year} to {last.year}", exit_code=1)
    told = f"# {len(events.events)} events, {first_year} to {last.year}; dates and times in {parts.zone or 'the zone of the calendar'}\n"
    sys.stdout.write(told + to_yaml(parts))
