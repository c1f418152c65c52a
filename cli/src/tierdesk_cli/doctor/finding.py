"""What a look finds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How what was looked at is. A warning is something to know or to plan for, and no illness."""

    WELL = "well"
    WARNING = "warning"
    ILL = "ill"


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: what was looked at, how it is, what was seen, and what to do if it is not well."""

    what: str
    health: Health
    seen: str
    cure: str = ""


def well(what: str, seen: str) -> Finding:
    """Nothing to do."""
    return Finding(what, Health.WELL, seen)


def warning(what: str, seen: str, cure: str) -> Finding:
    """Works now."""
    return Finding(what, Health.WARNING, seen, cure)


def ill(what: str, seen: str, cure: str) -> Finding:
    """Does not work."""
    return Finding(what, Health.ILL, seen, cure)


def version_of(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with; empty for a text without any."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
