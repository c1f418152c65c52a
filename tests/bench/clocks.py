"""The watcher beside a million open tickets: what it takes to say what falls due, against ten thousand."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.progress import Progress

from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_sla.handlers.ticket_changes import Followed
from tierdesk_sla.handlers.watcher import SpokenMetrics, Watcher
from tierdesk_sla.settings import SlaSettings
from tierdesk_sla.store.wakeups import WakeUps
from tierdesk_sla.store.watch import claim_due, next_due
from tierdesk_store import Database

from .grounds import Desk, Grounds, running_desk
from .host import Processors, median, percentile
from .open_tickets import load_open_tickets
from .reports import Report
from .road import Road

FEW: Final = 10_000
BATCH: Final = 500
CLAIMS: Final = 40
SAYINGS: Final = 4
LOOKS: Final = 100
AT_ONCE: Final = 5_000
LEAD_SECONDS: Final = 40.0
"""Longer than any sleep of a watcher: they are loaded past what would wake it."""
GIVE_UP_SECONDS: Final = 120.0
OPENED_WITHIN: Final = timedelta(hours=1)
WARNED_AFTER: Final = timedelta(hours=6) * 0.8
"""When the first word on a ticket of the benchmark's policy is due: a warning of its first response."""


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """Claims, words and idle looks of one watcher beside few and many open tickets, in turns; and many due at once."""
    many = f"{options.open} open"
    sizes = {f"{FEW} open": FEW, many: options.open}
    with contextlib.ExitStack() as stack:
        desks = {name: stack.enter_context(running_desk(grounds)) for name in sizes}
        for desk in desks.values():
            Road(desk).warm()
        last = datetime.now(UTC)
        for name, desk in desks.items():
            _load(desk, sizes[name], last - OPENED_WITHIN, last, console)
        others = [desk for name, desk in desks.items() if name != many]
        _measure_at_once(desks[many], many, others, options.rounds, console)
        for desk in desks.values():
            stack.enter_context(_frozen_at_rest(desk))
        asyncio.run(_measure_in_turns(grounds, desks, options.rounds, console))


def _load(desk: Desk, count: int, first: datetime, last: datetime, console: Console) -> None:
    with Progress(console=console) as progress:
        task = progress.add_task("open tickets", total=count)
        load_open_tickets(
            desk.database_url,
            count,
            first,
            last,
            name="open",
            told=lambda so_far: progress.update(task, completed=so_far),
        )


@contextlib.contextmanager
def _frozen_at_rest(desk: Desk) -> Iterator[None]:
    """Frozen outside of any transaction: an open one would keep what is dead from being cleared away."""
    for _ in range(100):
        with desk.frozen():
            if asyncio.run(_is_at_rest(desk)):
                yield
                return
        time.sleep(1)  # the router has yet to hear all that was said
    raise RuntimeError("the desk does not come to rest")


async def _is_at_rest(desk: Desk) -> bool:
    connection = await asyncpg.connect(desk.database_url)
    try:
        await asyncio.sleep(0.1)  # what was under way in the server ends
        busy: int = await connection.fetchval("""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                AND state <> 'idle'
        """)
        return not busy
    finally:
        await connection.close()


async def _measure_in_turns(grounds: Grounds, desks: dict[str, Desk], rounds: int, console: Console) -> None:
    report = Report(f"clocks: one watcher, {BATCH} due clocks at a time, milliseconds", console)
    async with contextlib.AsyncExitStack() as stack:
        watched = {name: await stack.enter_async_context(_watched(desk)) for name, desk in desks.items()}
        for one in watched.values():
            await _measure_one(one, grounds)
        # As a service does when it has started (`tierdesk_runtime.serving`).
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        for _ in range(rounds):
            for name, one in watched.items():
                report.add(name, await _measure_one(one, grounds))
    few, many = desks
    for figure, finding in (
        ("claim_ms", "claim"),
        ("say_ms", "claim, words, outbox and commit"),
        ("clock_us", "processor time for a clock of which something is said"),
        ("look_us", "processor time of an idle look"),
    ):
        ratio = report.median_of(many, figure) / report.median_of(few, figure)
        report.conclude(f"{finding}, {many} over {few}", round(ratio, 2))
    report.close()


@dataclass(slots=True)
class _Watched:
    """A desk's clocks, and a watcher of them in this process."""

    admin: asyncpg.Connection[Any]
    database: Database
    watcher: Watcher


@contextlib.asynccontextmanager
async def _watched(desk: Desk) -> AsyncIterator[_Watched]:
    admin = await asyncpg.connect(desk.database_url)
    # As the administrator: all desks of a server share the services' roles, whose passwords are those of the last one.
    database = Database(desk.database_url, schema="sla", name="bench")
    try:
        # The flood's breaches would come first, all at one instant.
        await admin.execute("DELETE FROM sla.clock WHERE next_at < $1", datetime.now(UTC) + timedelta(hours=2))
        await admin.execute("VACUUM (ANALYZE) sla.clock", timeout=600)
        far = DrivenClock(datetime.now(UTC) + timedelta(days=30))
        yield _Watched(admin, database, _watcher(database, far))
    finally:
        await database.close()
        await admin.close()


def _watcher(database: Database, clock: DrivenClock) -> Watcher:
    spoken = SpokenMetrics(CollectorRegistry())
    # It is asked to say, not run: the bus, which only says whether it may, takes no part.
    bus: Any = None
    return Watcher(
        database,
        bus,
        clock,
        Identifiers(),
        Followed(),
        wakeups=WakeUps(database),
        settle_seconds=0,
        spoken=spoken,
        batch=BATCH,
    )


async def _measure_one(one: _Watched, grounds: Grounds) -> dict[str, Any]:
    meter = _Meter(grounds)
    looks = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        async with one.database.read() as connection:
            await next_due(connection)
        looks.append(time.perf_counter() - began)
    look_seconds = meter.lap()
    claims = [await _claim(one, await _instant_of(one, BATCH)) for _ in range(CLAIMS)]
    instants = [await _instant_of(one, BATCH * nth) for nth in range(1, SAYINGS + 1)]
    meter.lap()
    sayings, said = [], 0
    for until in instants:
        began = time.perf_counter()
        said += await one.watcher.say_due(until)
        sayings.append(time.perf_counter() - began)
    clock_seconds = meter.lap()
    if said != BATCH * SAYINGS:
        raise RuntimeError(f"{said} clocks were said of instead of {BATCH * SAYINGS}")
    return {
        "claim_ms": round(median(claims) * 1000, 2),
        "claim_p99_ms": round(percentile(claims, 0.99) * 1000, 2),
        "say_ms": round(median(sayings) * 1000, 1),
        "say_max_ms": round(max(sayings) * 1000, 1),
        "clock_us": round(sum(clock_seconds.values()) / said * 1e6, 1),
        "look_ms": round(median(looks) * 1000, 2),
        "look_us": round(sum(look_seconds.values()) / LOOKS * 1e6),
        "steal": round(meter.steal(), 4),
        "clock_us_of": {name: round(seconds / said * 1e6, 1) for name, seconds in clock_seconds.items()},
    }


class _Meter:
    """Processor time of this process and of PostgreSQL, lap by lap."""

    def __init__(self, grounds: Grounds) -> None:
        self._processors = Processors({"postgresql": grounds.pids["postgresql"]})
        self._before = self._look()

    def lap(self) -> dict[str, float]:
        """Seconds since the last call."""
        now = self._look()
        spent = {name: now[name] - self._before[name] for name in now}
        self._before = now
        return spent

    def steal(self) -> float:
        """See `Processors.steal`."""
        return self._processors.steal()

    def _look(self) -> dict[str, float]:
        return {"watcher": time.process_time(), **self._processors.seconds()}


async def _instant_of(one: _Watched, nth: int) -> datetime:
    """When the nth clock from now is due."""
    found = await one.admin.fetchval(
        "SELECT next_at FROM sla.clock WHERE next_at IS NOT NULL ORDER BY next_at OFFSET $1 LIMIT 1", nth - 1
    )
    if found is None:
        raise RuntimeError("nothing more falls due; measure fewer rounds")
    instant: datetime = found
    return instant


async def _claim(one: _Watched, until: datetime) -> float:
    """The seconds of a claim, which is not kept."""
    async with one.database.transaction() as tx:
        began = time.perf_counter()
        claimed = await claim_due(tx.connection, until, limit=BATCH)
        spent = time.perf_counter() - began
        await tx.connection.rollback()
    if len(claimed) != BATCH:
        raise RuntimeError(f"{len(claimed)} clocks were claimed instead of {BATCH}")
    return spent


def _measure_at_once(desk: Desk, many: str, others: list[Desk], rounds: int, console: Console) -> None:
    """Seconds until the service has said everything of clocks that fall due in the same second, and published it."""
    report = Report(f"flood: {AT_ONCE} clocks due in the same second, by `tierdesk serve sla`", console)
    settle_seconds = SlaSettings().settle_seconds
    with contextlib.ExitStack() as stack:
        for other in [_without_watcher(desk), *others]:
            stack.enter_context(other.frozen())
        for number in range(rounds):
            due_at = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
            opened_at = due_at - WARNED_AFTER
            load_open_tickets(
                desk.database_url, AT_ONCE, opened_at - timedelta(seconds=1), opened_at, name=f"flood {number}"
            )
            if datetime.now(UTC) > due_at:
                raise RuntimeError(f"to load {AT_ONCE} clocks took longer than {LEAD_SECONDS} s: they are due already")
            processors = Processors({name: desk.pids[name] for name in ("sla", "postgresql", "rabbitmq")})
            said, published = asyncio.run(_await_flood(desk, due_at, AT_ONCE * (number + 1)))
            seconds = processors.seconds()
            report.add(
                f"beside {many}",
                {
                    "said_s": round(said - settle_seconds, 2),
                    "published_s": round(published - settle_seconds, 2),
                    "steal": round(processors.steal(), 4),
                    "seconds_of": {name: round(spent, 2) for name, spent in seconds.items()},
                },
            )
    report.close()


def _without_watcher(desk: Desk) -> Desk:
    return replace(desk, own=tuple(pid for pid in desk.own if pid != desk.pids["sla"]))


async def _await_flood(desk: Desk, due_at: datetime, alerts: int) -> tuple[float, float]:
    """Seconds from the last due instant until all is committed, and until all is with the broker."""
    # As the services ask: to find that none is left, any other plan reads a million tickets.
    connection = await asyncpg.connect(desk.database_url, server_settings={"enable_seqscan": "off"})
    try:
        await asyncio.sleep((due_at - datetime.now(UTC)).total_seconds())
        said = await _await_none(
            connection, "SELECT FROM sla.clock WHERE next_at <= $1 ORDER BY next_at LIMIT 1", due_at, since=due_at
        )
        published = await _await_none(connection, "SELECT FROM sla.dispatch WHERE published_at IS NULL", since=due_at)
        if (found := await connection.fetchval("SELECT count(*) FROM sla.alert")) != alerts:
            raise RuntimeError(f"{found} words were said instead of {alerts}")
        return said, published
    finally:
        await connection.close()


async def _await_none(connection: asyncpg.Connection[Any], query: str, *given: datetime, since: datetime) -> float:
    """Seconds since an instant when the query finds nothing."""
    statement = await connection.prepare(f"SELECT EXISTS({query})")
    while await statement.fetchval(*given):
        if (waited := (datetime.now(UTC) - since).total_seconds()) > GIVE_UP_SECONDS:
            raise RuntimeError(f"not done after {waited:.0f} s")
        await asyncio.sleep(0.01)
    return (datetime.now(UTC) - since).total_seconds()
