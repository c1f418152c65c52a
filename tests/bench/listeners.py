"""A thousand people who look at one replica of the desk: how soon each sees a change, and what that takes of memory."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from rich.console import Console

from tierdesk_desk.accounts import Accounts
from tierdesk_desk.board import Board
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.signing_in import SignIn
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

from .board import fill_board, person_of
from .grounds import Grounds, running_desk
from .host import anonymous_bytes, percentile
from .reports import Report

LISTENERS: Final = 1_000
CHANGES: Final = 60
PACE_SECONDS: Final = 0.5
AT_ONCE: Final = 50
PATIENCE_SECONDS: Final = 30.0
_MEGABYTE: Final = 1_000_000


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """From the commit of a claim to the arrival of its event at each listener; the replica's memory before and with them."""
    del options
    report = Report("listeners: milliseconds from commit to arrival", console)
    with running_desk(grounds, names=("desk",)) as desk:
        asyncio.run(_measure(desk.url, desk.database_url, desk.pids["desk"], report))
    report.close()


async def _measure(url: str, database_url: str, pid: int, report: Report) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await fill_board(connection, 1_000)
    finally:
        await connection.close()
    database = Database(database_url, schema="desk", name="bench")
    try:
        cookies = iter(await _sign_in(database))
        before = anonymous_bytes(pid)
        arrived: dict[str, list[float]] = {}
        listening: list[asyncio.Task[None]] = []
        heard: list[asyncio.Event] = []
        for _ in range(LISTENERS // AT_ONCE):
            events = [asyncio.Event() for _ in range(AT_ONCE)]
            listening += [asyncio.create_task(_listen(url, next(cookies), arrived, event)) for event in events]
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*(event.wait() for event in events))
            heard += events
        with_them = anonymous_bytes(pid)
        committed = await _claim(database)
        await asyncio.sleep(2.0)
        waits = [at - committed[name] for name, times in arrived.items() if name in committed for at in times]
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        report.add(
            f"{LISTENERS:,} listeners, {CHANGES} changes",
            {
                "arrived": len(waits),
                "p50": round(percentile(waits, 0.5) * 1000, 1),
                "p99": round(percentile(waits, 0.99) * 1000, 1),
                "most": round(max(waits) * 1000, 1),
                "rss_anon_mb_before": round(before / _MEGABYTE, 1),
                "rss_anon_mb": round(with_them / _MEGABYTE, 1),
            },
        )
    finally:
        await database.close()


async def _sign_in(database: Database) -> list[str]:
    """The cookie of each listener; each has an account, since of one person a few pages are live at a time."""
    hashing, clock, cookies = PasswordHashing(), SystemClock(), []
    accounts, gate = Accounts(database, hashing, clock, Identifiers()), SignIn(database, hashing, clock, b"")
    try:
        for number in range(LISTENERS):
            account, _ = await accounts.add(
                "main", f"listener-{number}", by="bench", grants=[Grant(Role.AGENT)], has_password=False
            )
            async with database.transaction() as tx:
                cookies.append(f"tierdesk={(await gate.begin(tx, account)).token}")
    finally:
        hashing.close()
    return cookies


async def _listen(url: str, cookie: str, arrived: dict[str, list[float]], heard: asyncio.Event) -> None:
    """One stream on a bare connection, so that what is measured is the desk."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"GET /v1/desk/changes HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\n\r\n".encode())
        async for line in reader:
            if line.startswith(b"event: look"):
                heard.set()
            if line.startswith(b'data: {"ticket"'):
                at = time.perf_counter()
                start = line.index(b'"assignment_id":"') + 17
                arrived.setdefault(line[start : start + 36].decode(), []).append(at)
    finally:
        writer.close()


async def _claim(database: Database) -> dict[str, float]:
    """Claim one after the other; when each claim was committed."""
    board = Board(database, PolicyShelf(), Publisher(SystemClock(), Identifiers(), source="/bench"))
    committed: dict[str, float] = {}
    async with database.read() as connection:
        rows = await connection.exec_driver_sql(
            f"SELECT assignment_id FROM desk.work WHERE stage = 'offered' LIMIT {CHANGES}"
        )
        wanted: list[UUID] = [row[0] for row in rows]
    for assignment_id in wanted:
        await board.claim(person_of("amy"), assignment_id)
        committed[str(assignment_id)] = time.perf_counter()
        await asyncio.sleep(PACE_SECONDS)
    return committed
