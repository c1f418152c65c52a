"""How long an alert is held back, in real seconds, whatever the speed of the business clock."""

from __future__ import annotations

from collections import deque
from datetime import datetime


class Settling:
    """Remembers what business time it was `seconds` of real time ago.

    Events of that time have had so long to arrive. A process that has just started knows no such time, and so waits.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, datetime]] = deque()
        self._settled: datetime | None = None

    def note(self, real: float, business: datetime) -> datetime | None:
        """Note that it is `business` at the real time `real`, and answer the latest business time that has settled."""
        self._seen.append((real, business))
        while self._seen and self._seen[0][0] <= real - self._seconds:
            self._settled = self._seen.popleft()[1]
        return self._settled
