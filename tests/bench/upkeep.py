"""What an operator has done to all tickets of the watcher: clocks moved to another policy, built anew, and swapped."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final

from rich.console import Console

from tierdesk_policy import Policy, load_policy
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_sla.handlers.moving import move_clocks
from tierdesk_sla.handlers.pages import Told
from tierdesk_sla.handlers.rebuilding import Comparison, rebuild, swap
from tierdesk_sla.store.policies import AppliedPolicy, PolicyShelf, save_policies
from tierdesk_store import Database

from .grounds import POLICY, Desk, Grounds, running_desk
from .host import Processors, anonymous_bytes
from .memory import MEGABYTE
from .open_tickets import load_open_tickets
from .reports import Report
from .road import WARMING, Road

OPENED_WITHIN: Final = timedelta(hours=1)
RESOLUTION: Final = "{kind: resolution, within: 2d}"
OFFICE: Final = """
calendars:
  - id: office
    tz: Europe/Lisbon
    weekly: {mon: ["HOURS"], tue: ["HOURS"], wed: ["HOURS"], thu: ["HOURS"], fri: ["HOURS"]}
"""
Work = Callable[[Told], Awaitable[object]]


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """Tickets a second while the desk idles beside, and the memory of this process after it."""
    with running_desk(grounds) as desk:
        Road(desk).warm()
        last = datetime.now(UTC)
        load_open_tickets(desk.database_url, options.open, last - OPENED_WITHIN, last, name="open", heard=True)
        asyncio.run(_measure(desk, grounds, options.open, options.rounds, console))


async def _measure(desk: Desk, grounds: Grounds, count: int, rounds: int, console: Console) -> None:
    report = Report(f"upkeep: tickets a second, of {count + WARMING} open ones", console)
    database = Database(desk.database_url, schema="sla", name="bench", pool_size=1)
    shelf = PolicyShelf()
    try:
        # A copy's events keep the instants of its pattern, so that all differ until they are swapped.
        report.add("rebuild --swap, all differ", await _timed(partial(_swap, database, shelf), grounds))
        for number in range(rounds):
            report.add("rebuild, none differs", await _timed(partial(_rebuild, database, shelf), grounds))
            policy = _with_office_hours(number)
            async with database.transaction() as tx:
                applied = AppliedPolicy("main", policy.version, policy.document(), datetime.now(UTC))
                await save_policies(tx.connection, [applied])
            for variant in ("migrate, all move", "migrate, all were moved"):
                report.add(variant, await _timed(partial(_move, database, policy), grounds))
    finally:
        await database.close()
    report.close()


def _with_office_hours(number: int) -> Policy:
    """The policy of the benchmark with a calendar, which each number edits."""
    calendars = OFFICE.replace("HOURS", f"09:00-17:{number:02}")
    return load_policy(POLICY.replace(RESOLUTION, "{kind: resolution, within: 16h, calendar: office}") + calendars)


async def _swap(database: Database, shelf: PolicyShelf, told: Told) -> None:
    _check(await swap(database, shelf, SystemClock(), Identifiers(), told), differs=True)


async def _rebuild(database: Database, shelf: PolicyShelf, told: Told) -> None:
    _check(await rebuild(database, shelf, told), differs=False)


def _check(found: Comparison, *, differs: bool) -> None:
    if found.broken.count or bool(found.differing) is not differs:
        raise RuntimeError(f"{found.broken.count} tickets are broken, {found.differing} clocks differ")


async def _move(database: Database, policy: Policy, told: Told) -> None:
    found = await move_clocks(database, "main", policy, policy.version, datetime.now(UTC), dry_run=False, told=told)
    if found.broken.count:
        raise RuntimeError(f"{found.broken.count} tickets cannot be moved")


async def _timed(work: Work, grounds: Grounds) -> dict[str, Any]:
    pages: list[tuple[float, int]] = []
    processors = Processors({"postgresql": grounds.pids["postgresql"]})
    began, used = time.perf_counter(), time.process_time()
    await work(lambda seen, _total: pages.append((time.perf_counter(), seen)))
    ended = time.perf_counter()
    spans = [after - before for (before, _), (after, _) in pairwise(pages)]
    seen = pages[-1][1]
    return {
        "tickets_s": round(seen / (ended - began)),
        "longest_page_ms": round(max(spans) * 1000),
        "process_us": round((time.process_time() - used) / seen * 1e6),
        "postgresql_us": round(processors.seconds()["postgresql"] / seen * 1e6),
        "rss_anon_mb": round(anonymous_bytes(os.getpid()) / MEGABYTE, 1),
        "steal": round(processors.steal(), 4),
    }
