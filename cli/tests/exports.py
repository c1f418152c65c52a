"""Exports of a ServiceNow desk, written for the tests."""

import csv
import gzip
import io
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tierdesk_cli.replay.export import COLUMNS

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PRIORITIES = {(1, 1): 1, (1, 2): 2, (2, 1): 2, (2, 2): 3, (3, 1): 3, (2, 3): 4, (3, 2): 4, (3, 3): 4}
GROUPS = ("Service desk", "Windows team", "Windows-team", "Network", "Platform/DB")
WAITS = ("Awaiting User Info", "Awaiting Vendor", "Awaiting Problem", "Awaiting Evidence")


def row(**cells: str) -> dict[str, str]:
    """One update of an incident, with something in every column."""
    given = {
        "number": "INC0000001",
        "incident_state": "New",
        "opened_at": "2/3/2026 08:00",
        "sys_updated_at": "2/3/2026 08:05",
        "contact_type": "Phone",
        "category": "Category 3",
        "subcategory": "Subcategory 7",
        "u_symptom": "Symptom 12",
        "impact": "2 - Medium",
        "urgency": "2 - Medium",
        "priority": "3 - Moderate",
        "assignment_group": "Service desk",
        "assigned_to": "?",
        "caller_id": "Caller 9",
        "location": "Location 4",
    }
    assert given.keys() == set(COLUMNS)
    return given | cells


def as_csv(rows: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> str:
    """The text of a file with these rows."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write a compressed export."""
    path.write_bytes(gzip.compress(as_csv(rows).encode()))
    return path


def tell(at: datetime) -> str:
    """A time as such an export writes it."""
    return f"{at.day}/{at.month}/{at.year} {at:%H:%M}"


def invent(count: int, *, seed: int = 7) -> list[dict[str, str]]:
    """Updates of so many incidents, mixed as they happened: waits, changes of group, reopenings, other levels.

    Every fourth incident is still open at the end.
    """
    dice = random.Random(seed)
    told: list[tuple[datetime, dict[str, str]]] = []
    for number in range(1, count + 1):
        story = _Story(dice, number)
        story.live(ends=number % 4 != 0)
        told += story.updates
    told.sort(key=lambda entry: entry[0])
    return [cells for _, cells in told]


class _Story:
    """One incident's updates."""

    def __init__(self, dice: random.Random, number: int) -> None:
        self.updates: list[tuple[datetime, dict[str, str]]] = []
        self._dice = dice
        self._number = number
        self._opened_at = self._at = START + timedelta(minutes=7 * number)
        self._levels = dice.choice(list(PRIORITIES))
        self._group: str | None = dice.choice((None, *GROUPS))
        self._worker: str | None = None

    def live(self, *, ends: bool) -> None:
        """From its opening to its end, or to the last that is known."""
        self._tell("New")
        for _ in range(self._dice.randrange(1, 5)):
            self._take_a_turn()
        if not ends:
            return
        self._resolve()
        if self._number % 5 == 0:  # moved while it was resolved: it is worked once more, by others
            self._move()
            self._tell("Resolved")
        if self._number % 3 == 0:
            self._tell("Active")
            self._take_a_turn()
            self._resolve()
        self._tell("Closed")

    def _take_a_turn(self) -> None:
        match self._dice.randrange(4):
            case 0:
                self._move()
                self._tell("Active")
            case 1:
                self._tell(self._dice.choice(WAITS))
            case 2:
                self._levels = self._dice.choice(list(PRIORITIES))
                self._tell("Active")
            case _:
                self._worker = f"Resolver {self._dice.randrange(5)}"
                self._tell("Active")

    def _move(self) -> None:
        self._group = self._dice.choice([group for group in (None, *GROUPS) if group != self._group])
        self._worker = None

    def _resolve(self) -> None:
        self._tell("Resolved")

    def _tell(self, state: str) -> None:
        self._at += timedelta(minutes=self._dice.randrange(1, 600))
        impact, urgency = self._levels
        cells = row(
            number=f"INC{self._number:07d}",
            incident_state=state,
            opened_at=tell(self._opened_at),
            sys_updated_at=tell(self._at),
            contact_type=self._dice.choice(("Phone", "Email", "Self service")),
            impact=f"{impact} - x",
            urgency=f"{urgency} - x",
            priority=f"{PRIORITIES[self._levels]} - x",
            assignment_group=self._group or "?",
            assigned_to=self._worker or "?",
            caller_id=f"Caller {self._number % 6}",
        )
        self.updates.append((self._at, cells))
