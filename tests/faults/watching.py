"""Watchers as processes of their own, on a business clock that goes faster, and what they are told and say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tierdesk_bus import connect
from tierdesk_runtime.clock import FastClock

from . import misset
from .field import Ground
from .hearing import HEARD, Account, Ears, draw_up
from .processes import ServiceProcess, environment_of, run_command, start_all
from .promising import RATE, WITHIN, Promises
from .scale import SEED

STANDSTILL_SECONDS = 45.0
"""When nothing has been heard for so long after the last due instant, what is missing is lost.

Half again as long as the longest sleep of a watcher, which a call that was lost costs.
"""
AFTER_SECONDS = 4.0
"""So long it is listened on for what is said twice."""
COMMAND = ("-m", "faults.misset", "serve", "sla")
BUSINESS_BEGINS = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass(slots=True)
class Watch:
    """Running watchers, their tickets, and what was heard."""

    processes: list[ServiceProcess]
    promises: Promises
    ears: Ears
    clock: FastClock
    folder: Path

    def set_clock(self, place: int, seconds: float) -> None:
        """Set the clock of this watcher's machine to so many real seconds beside the right time."""
        misset.set_clock(_clock_of(self.folder, place), seconds)

    async def settle(self) -> Account:
        """Wait until all is due and said, or no more is said; then compare."""
        broken = {(one, kind) for one, made in self.promises.made.items() if not made.is_kept for kind in WITHIN}
        loop = asyncio.get_running_loop()
        last_due = self.promises.last_due_at
        while self.clock.now() < last_due:
            await self.clock.sleep_until(last_due, at_most_seconds=10)
        left, heard_at = broken - self.ears.breached(), loop.time()
        while left and loop.time() < heard_at + STANDSTILL_SECONDS:
            await asyncio.sleep(0.5)
            if (now := left - self.ears.breached()) != left:
                left, heard_at = now, loop.time()
        await asyncio.sleep(AFTER_SECONDS)
        return draw_up(self.promises, self.ears)


@contextlib.asynccontextmanager
async def running_watchers(
    ground: Ground, *, replicas: int = 2, unsafe: str = "", ahead: timedelta = timedelta()
) -> AsyncIterator[Watch]:
    """Watchers, ready, and no other service: the tests tell what the router would. Business time of the processes goes
    `ahead` of that of the tests, which is a way to make them say things early.
    """
    clock = FastClock.starting(BUSINESS_BEGINS, rate=RATE)
    FastClock(clock.business_epoch + ahead, clock.real_epoch, clock.rate).save(ground.folder / "clock.json")
    settings = {
        "database_url": ground.database_url,
        "amqp_url": ground.amqp_url,
        "amqp_management_url": ground.broker.management_url,
        "secrets_file": str(ground.folder / "secrets.json"),
        "clock_file": str(ground.folder / "clock.json"),
        "log_level": "warning",
        "sla_settle_seconds": "1.0",
    }
    await asyncio.to_thread(run_command, ["migrate"], environment_of(**settings), ground.nursery)
    # What is read at import cannot be set in a process that has imported it.
    nursery = None if unsafe else ground.nursery
    environment = environment_of(**settings, **({"unsafe": unsafe} if unsafe else {}))
    processes = []
    for place in range(replicas):
        misset.set_clock(_clock_of(ground.folder, place), 0.0)
        own = environment | {misset.VARIABLE: str(_clock_of(ground.folder, place))}
        processes.append(ServiceProcess(f"sla-{place}", COMMAND, own, ground.folder / f"sla-{place}.log", nursery))
    bus = await connect(ground.amqp_url, name="watched", wait_seconds=30.0)
    ears, promises = Ears(clock), Promises(bus, clock, SEED)
    listening = None
    try:
        await bus.declare(HEARD)
        listening = asyncio.create_task(ears.listen(bus))
        await promises.apply_policy()
        await start_all(processes)
        yield Watch(processes, promises, ears, clock, ground.folder)
    finally:
        if listening is not None:
            listening.cancel()
        for process in processes:
            process.end()
        await bus.close()


def _clock_of(folder: Path, place: int) -> Path:
    return folder / f"sla-{place}.set"
