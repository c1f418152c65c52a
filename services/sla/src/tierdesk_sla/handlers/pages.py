"""How the clocks of all tickets are gone through: page by page, each page a transaction, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

PAGE: Final = 200
"""How many tickets are locked at once; their messages wait for so long."""
MOST_KEPT: Final = 50
"""So many of what was found are kept to be told one by one."""
Told = Callable[[int, int], None]
"""Hears after each page how many tickets were looked at so far, and of how many."""
FoundT = TypeVar("FoundT")


class Findings(Generic[FoundT]):
    """The first of what was found, and the count of all: a million tickets may have something each."""

    def __init__(self) -> None:
        self.first: list[FoundT] = []
        self.count = 0

    def add(self, found: FoundT) -> None:
        """Count it, and keep it if it is among the first."""
        self.count += 1
        if len(self.first) < MOST_KEPT:
            self.first.append(found)
