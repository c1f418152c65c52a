"""A ServiceNow incident export, read: one row per update of an incident, in the order in which they were made.

Columns used: number, incident_state, opened_at, sys_updated_at, contact_type, category, subcategory, u_symptom,
impact, urgency, priority, assignment_group, assigned_to. `?` and an empty cell mean that nothing is known. Times are
`d/m/yyyy hh:mm`, taken as UTC.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from tierdesk_cli.errors import CommandError

COLUMNS: Final = (
    "number", "incident_state", "opened_at", "sys_updated_at", "contact_type", "category", "subcategory", "u_symptom",
    "impact", "urgency", "priority", "assignment_group", "assigned_to", "caller_id", "location",
)  # fmt: skip
NOTHING: Final = "?"
_CELL: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,100}")
_NUMBER: Final = re.compile(r"[\x21-\x7e]{1,40}")


class ExportError(CommandError):
    """The file is no such export; the text names file and line, and the column where it is a cell's fault."""

    def __init__(self, text: str) -> None:
        """Input is at fault."""
        super().__init__(text, exit_code=2)


@dataclass(frozen=True, slots=True)
class Update:
    """An incident as it stood after one update. `group` is None while no group had it."""

    at: datetime
    state: str
    impact: int
    urgency: int
    priority: int
    group: str | None
    worker: str | None


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident and its updates, the earliest first. Times never run back: a later row is never earlier."""

    number: str
    opened_at: datetime
    caller: str
    phone: bool
    category: str
    subcategory: str
    symptom: str
    location: str | None
    updates: tuple[Update, ...]


def read_export(path: Path) -> list[Incident]:
    """All incidents of the file, in the order of their opening. Raises `ExportError`."""
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            plain: IO[bytes] = gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[assignment]  # both are streams of bytes
            with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as stream:
                for row in _rows(path, stream):
                    rows.setdefault(row["number"], []).append(row)
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not rows:
        raise ExportError(f"{path}: no incidents in it")
    incidents = [_incident(path, number, updates) for number, updates in rows.items()]
    return sorted(incidents, key=lambda incident: (incident.opened_at, incident.number))


def _rows(path: Path, stream: IO[str]) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(stream, strict=True)
    try:
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise ExportError(f"{path}:1: not a ServiceNow incident export: no column {', '.join(lacking)}")
        for row in reader:
            _check_row(path, row, reader.line_num)
            row["line"] = str(reader.line_num)
            yield row
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, csv.Error) as error:
        # Compressed or decoded in blocks, the place is known to some lines only.
        raise ExportError(f"{path}:{reader.line_num + 1}: from here on not readable as CSV: {error}") from error


def _check_row(path: Path, row: dict[str, str], line: int) -> None:
    short = next((name for name in COLUMNS if row[name] is None), None)
    if short is not None:
        raise ExportError(f"{path}:{line}: {short}: the row ends before this column")
    if None in row:
        raise ExportError(f"{path}:{line}: the row has more cells than there are columns")
    if not _NUMBER.fullmatch(row["number"]) or row["number"] == NOTHING:
        raise ExportError(f"{path}:{line}: number: 1 to 40 printable ASCII characters are expected")
    strange = next((name for name in COLUMNS if not _CELL.fullmatch(row[name])), None)
    if strange is not None:
        raise ExportError(f"{path}:{line}: {strange}: longer than 100 characters, or holds a control character")


def _incident(path: Path, number: str, rows: list[dict[str, str]]) -> Incident:
    first = rows[0]
    opened_at = _time(path, first, "opened_at")
    updates: list[Update] = []
    at = opened_at
    for row in rows:
        at = max(at, _time(path, row, "sys_updated_at"))
        updates.append(
            Update(
                at=at,
                state=row["incident_state"],
                impact=_level(path, row, "impact"),
                urgency=_level(path, row, "urgency"),
                priority=_level(path, row, "priority", highest=5),
                group=_known(row["assignment_group"]),
                worker=_known(row["assigned_to"]),
            )
        )
    return Incident(
        number=number,
        opened_at=opened_at,
        caller=_known(first["caller_id"]) or "unknown",
        phone=first["contact_type"].lower() == "phone",
        category=_known(first["category"]) or "none",
        subcategory=_known(first["subcategory"]) or "none",
        symptom=_known(first["u_symptom"]) or "none",
        location=_known(first["location"]),
        updates=tuple(updates),
    )


def _known(cell: str) -> str | None:
    return None if cell in {"", NOTHING} else cell


def _time(path: Path, row: dict[str, str], column: str) -> datetime:
    try:
        at = datetime.strptime(row[column], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise ExportError(f"{path}:{row['line']}: {column}: {row[column]!r} is no d/m/yyyy hh:mm") from error
    if not 1970 <= at.year < 3000:
        raise ExportError(f"{path}:{row['line']}: {column}: {row[column]!r} is not within 1970 and 2999")
    return at


def _level(path: Path, row: dict[str, str], column: str, highest: int = 3) -> int:
    text = row[column].partition("-")[0].strip()  # as in `2 - Medium`
    if len(text) == 1 and "1" <= text <= str(highest):
        return int(text)
    raise ExportError(f"{path}:{row['line']}: {column}: {row[column]!r} is no number from 1 to {highest}")
