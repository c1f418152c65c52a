"""Destinations that refuse, held back for longer each time, so that they hold up only themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from tierdesk_bus.port import Address

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Hold:
    until: float
    seconds: float


class Holds:
    """Which destinations are held back, and until when. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._holds: dict[Address, _Hold] = {}

    def __len__(self) -> int:
        return len(self._holds)

    def refuse(self, destination: Address, now: float) -> bool:
        """It refused: hold it back, twice as long as the last time. Answers whether this is new."""
        hold = self._holds.get(destination)
        if hold is None:
            self._holds[destination] = _Hold(now + FIRST_SECONDS, FIRST_SECONDS)
            return True
        hold.seconds = min(hold.seconds * 2, LONGEST_SECONDS)
        hold.until = now + hold.seconds
        return False

    def take(self, destination: Address) -> bool:
        """It took a message: hold it back no more. Answers whether it was held."""
        return self._holds.pop(destination, None) is not None

    def held(self, now: float) -> Collection[Address]:
        """Those to leave alone now."""
        return [destination for destination, hold in self._holds.items() if hold.until > now]

    def probed(self, now: float) -> Collection[Address]:
        """Those that refused and whose time is over: to be asked again with one message."""
        return [destination for destination, hold in self._holds.items() if hold.until <= now]
