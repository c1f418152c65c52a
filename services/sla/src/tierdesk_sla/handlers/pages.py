"""How the clocks of all tickets are gone through: page by page, each page a transaction, in memory that does not grow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from tierdesk_store import is_redo

PAGE: Final = 200
"""How many tickets are locked at once; their messages wait for so long."""
MOST_KEPT: Final = 50
"""So many of what was found are kept to be told one by one."""
Told = Callable[[int, int], None]
"""Hears after each page how many tickets were looked at so far, and of how many."""
MOST_TRIES: Final = 5
"""So often a page is begun that meets a lock which is held for longer than a statement waits for one."""
PAUSE_SECONDS: Final = 0.5
"""Between two tries of a page."""
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

    def add_all(self, others: Findings[FoundT]) -> None:
        """Count what was found elsewhere, and keep of it what is among the first of all."""
        self.count += others.count
        self.first += others.first[: MOST_KEPT - len(self.first)]


async def do_page(page: Callable[[], Awaitable[FoundT]]) -> FoundT:
    """Do one page, a transaction of its own, and begin it anew when nothing in it was at fault (`is_redo`).

    Raises what the last of `MOST_TRIES` raises. What a page finds it must answer, not note: a try may come to nothing.
    """
    for _ in range(MOST_TRIES - 1):
        try:
            return await page()
        except Exception as error:
            if not is_redo(error):
                raise
        await asyncio.sleep(PAUSE_SECONDS)
    return await page()
