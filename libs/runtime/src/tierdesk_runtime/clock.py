"""Business time, from a clock that is handed in. Nothing in the domain reads the machine's own.

Business time follows the machine's clock, also where that is set or slewed: all processes of a desk agree by it, not by
when they were started. So it can jump, forward and back. What measures an interval takes the loop's time, which cannot.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_FASTEST = 100_000.0
_LOOK_SECONDS = 1.0
_NEVER = datetime.max.replace(tzinfo=UTC)


class ClockError(Exception):
    """A clock's file cannot be read or makes no sense; the text names file and field."""


class Clock(Protocol):
    """Business time: when things happen for customers, agents and calendars."""

    def now(self) -> datetime:
        """The business time now, in UTC."""
        ...

    def at(self, real: datetime) -> datetime:
        """The business time at this instant of real time, as another machine's clock may tell it."""
        ...

    def reach(self, real_seconds: float) -> datetime:
        """The latest business time that it can be `real_seconds` from now, unless somebody sets the machine's clock."""
        ...

    async def sleep_until(self, at: datetime, *, at_most_seconds: float) -> None:
        """Return when business time has reached `at`, or after `at_most_seconds` real seconds, whichever is first.

        A machine's clock that is set meanwhile is noticed within a second.
        """
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)

    def at(self, real: datetime) -> datetime:
        """That instant itself."""
        return real.astimezone(UTC)

    def reach(self, real_seconds: float) -> datetime:
        """As `Clock.reach`."""
        return self.now() + timedelta(seconds=real_seconds)

    async def sleep_until(self, at: datetime, *, at_most_seconds: float) -> None:
        """As `Clock.sleep_until`."""
        await _sleep(self, at, 1.0, at_most_seconds)


@dataclass(frozen=True, slots=True)
class FastClock:
    """Business time that runs `rate` times as fast as real time: `business_epoch + (real now - real_epoch) * rate`.

    Every process that loads the same file has the same time, as far as the machine's clock does.
    """

    business_epoch: datetime
    real_epoch: datetime
    rate: float

    def __post_init__(self) -> None:
        for name in ("business_epoch", "real_epoch"):
            if getattr(self, name).utcoffset() is None:
                raise ClockError(f"{name}: a time with its offset from UTC is expected")
        if not (math.isfinite(self.rate) and 0 < self.rate <= _FASTEST):
            raise ClockError(f"rate: a number above 0 and at most {_FASTEST:.0f} is expected")

    @classmethod
    def starting(cls, business_epoch: datetime, *, rate: float) -> FastClock:
        """A clock that shows `business_epoch` now."""
        return cls(business_epoch.astimezone(UTC), datetime.now(UTC), rate)

    @classmethod
    def load(cls, path: Path) -> FastClock:
        """The clock that `save` wrote. Raises `ClockError`."""
        try:
            document = json.loads(path.read_bytes())
            return cls(
                datetime.fromisoformat(document["business_epoch"]),
                datetime.fromisoformat(document["real_epoch"]),
                float(document["rate"]),
            )
        except OSError as error:
            raise ClockError(f"{path}: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, ClockError) as error:
            raise ClockError(f"{path}: not a clock: {error}") from error

    def save(self, path: Path) -> None:
        """Write the clock so that a reader sees all of it or nothing."""
        document = {
            "business_epoch": self.business_epoch.isoformat(),
            "real_epoch": self.real_epoch.isoformat(),
            "rate": self.rate,
        }
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(json.dumps(document) + "\n")
        fresh.replace(path)

    def now(self) -> datetime:
        """The business time now, in UTC."""
        return self._at(time.time())

    def at(self, real: datetime) -> datetime:
        """As `Clock.at`."""
        return self._at(real.timestamp())

    def reach(self, real_seconds: float) -> datetime:
        """As `Clock.reach`."""
        return self.now() + timedelta(seconds=real_seconds * self.rate)

    def _at(self, real: float) -> datetime:
        passed = (real - self.real_epoch.timestamp()) * self.rate
        return self.business_epoch.astimezone(UTC) + timedelta(seconds=passed)

    async def sleep_until(self, at: datetime, *, at_most_seconds: float) -> None:
        """As `Clock.sleep_until`."""
        await _sleep(self, at, self.rate, at_most_seconds)


class DrivenClock:
    """A clock that stands still until `advance_to` moves it: for tests, simulation and replay in one process."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The time that it was last advanced to."""
        return self._now

    def at(self, real: datetime) -> datetime:  # noqa: ARG002 - real time does not move it
        """The same at any real time."""
        return self._now

    def reach(self, real_seconds: float) -> datetime:  # noqa: ARG002 - real time does not move it
        """Any time: it may be advanced to whatever comes."""
        return _NEVER

    def advance_to(self, at: datetime) -> None:
        """Move on to `at` and wake all who sleep. Raises `ValueError` for a time before now: it never runs back."""
        if at < self._now:
            raise ValueError(f"the clock shows {self._now.isoformat()}; it cannot go back to {at.isoformat()}")
        self._now = at.astimezone(UTC)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, at: datetime, *, at_most_seconds: float) -> None:
        """As `Clock.sleep_until`."""
        try:
            async with asyncio.timeout(at_most_seconds):
                while self._now < at:
                    await self._moved.wait()
        except TimeoutError:
            return


def load_clock(path: Path | None) -> Clock:
    """The fast clock of this file, or the machine's time when there is none. Raises `ClockError`."""
    return SystemClock() if path is None else FastClock.load(path)


async def _sleep(clock: Clock, at: datetime, rate: float, at_most_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + at_most_seconds
    # The loop's timer and the machine's clock are two clocks, and the machine's may be set: look again and again.
    while True:
        left = min((at - clock.now()).total_seconds() / rate, end - loop.time(), _LOOK_SECONDS)
        if left <= 0:
            return
        await asyncio.sleep(left)
