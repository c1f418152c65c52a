"""How long an alert is held back, in real seconds, whatever the speed of the business clock."""

from __future__ import annotations

from collections import deque
from datetime import datetime


class Settling:
    """Remembers what business time it was in the last `seconds` of real time.

    A business time has settled when it has been that or later for `seconds` on end: events of that time have had so long
    to arrive. A process that has just started knows no such time, and so waits. The real time that is noted must be
    one that never jumps; the business time may: one that is set forward settles as any other does, and one that is set
    back takes what lies behind it back with it, until it comes there again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._hold_seconds = seconds
        self._lows: deque[tuple[float, datetime]] = deque()
        """Since when no business time was noted that is earlier than this; both ascend."""
        self._since: float | None = None

    def note(self, real: float, business: datetime) -> datetime | None:
        """Note that it is `business` at the real time `real`, and answer the latest business time that has settled."""
        if self._since is None:
            self._since = real
        since = real
        while self._lows and self._lows[-1][1] >= business:
            since = self._lows.pop()[0]
        self._lows.append((since, business))
        passed = real - self._seconds
        while len(self._lows) > 1 and self._lows[1][0] <= passed:
            self._lows.popleft()
        if self._since > real - self._hold_seconds:
            return None
        self._hold_seconds = self._seconds
        return self._lows[0][1]

    def begin_again(self, *, hold_seconds: float = 0.0) -> None:
        """Wait as after a start: what was sent meanwhile may not have been on its way for so long.

        Nothing settles for `hold_seconds` of real time from the next note on, never for less than `seconds`, and never
        for less than an earlier call asked for that has not passed yet.
        """
        self._lows.clear()
        self._since = None
        self._hold_seconds = max(self._hold_seconds, hold_seconds)
