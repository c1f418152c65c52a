"""One run: tickets are posted and worked while something goes wrong; afterwards the ledger is drawn up."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .field import Field
from .ledger import Ledger, draw_up, is_settled
from .load import Book, Load
from .scale import SEED
from .unfinished import write_down
from .workers import run_workers

SETTLE_SECONDS = 120.0
Disturb = Callable[[Field, Book], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Work:
    """How much is posted, and how long the run may take to settle afterwards."""

    tickets: int
    per_second: float = 50.0
    seed: int = SEED
    copies: int = 1
    settle_seconds: float = SETTLE_SECONDS
    workers: Callable[[str, str, asyncio.Event], Awaitable[None]] = run_workers


@dataclass(slots=True)
class Outcome:
    """What a run left behind."""

    ledger: Ledger
    book: Book
    seconds: float

    def line(self, what: str, seed: int = SEED) -> str:
        book = self.book
        met = f"answers other than 202: {dict(book.refused) or 0}, slowest {book.slowest_seconds:.1f} s"
        line = f"{self.ledger.line(len(book.posted))}, {what}, seed={seed} ({met}; {self.seconds:.0f} s in all)"
        return "\n  ".join([line, *self.ledger.examples(most=3)])

    def expect_nothing_amiss(self) -> None:
        assert self.ledger.is_clean, "\n".join(self.ledger.examples(most=20))
        assert len(self.book.tickets) == len(self.book.posted)


async def run(desk: Field, work: Work, disturb: Disturb) -> Outcome:
    """Post tickets for as long as `disturb` goes on, or longer; wait until all is settled; draw up the ledger."""
    began_at = time.monotonic()
    book, stop = Book(), asyncio.Event()
    working = asyncio.ensure_future(work.workers(desk.ground.amqp_url, desk.namespace_prefix, stop))
    disturbing = asyncio.ensure_future(disturb(desk, book))
    load = Load(desk.doors, desk.key, work.tickets, work.per_second, work.seed, work.copies, enough=disturbing.done)
    posting = asyncio.create_task(load.post_all(book))
    try:
        await _all_unless_one_fails(posting, disturbing, unless=working)
        end = time.monotonic() + work.settle_seconds
        while time.monotonic() < end and not await is_settled(desk.ground.database_url, len(book.posted)):
            if working.done():
                await working
            await asyncio.sleep(0.5)
        if time.monotonic() >= end:
            await write_down(desk)
        ledger = await draw_up(desk.ground.database_url, book)
        return Outcome(ledger, book, time.monotonic() - began_at)
    finally:
        posting.cancel()
        disturbing.cancel()
        stop.set()
        await asyncio.gather(posting, working, disturbing, return_exceptions=True)


async def _all_unless_one_fails(*tasks: asyncio.Future[object], unless: asyncio.Future[None]) -> None:
    """Wait for all of `tasks`; raise at once what one of them, or `unless`, raises."""
    left = set(tasks)
    while left:
        done, _ = await asyncio.wait({*left, unless}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        left -= done


async def leave_alone(desk: Field, book: Book) -> None:
    """Disturb nothing."""


async def wait_for(condition: Callable[[], Awaitable[bool]], *, seconds: float, what: str) -> float:
    """Wait until `condition` holds; answers how long it took. `AssertionError` naming `what` when it never does."""
    began_at = time.monotonic()
    while time.monotonic() < began_at + seconds:
        with contextlib.suppress(OSError):
            if await condition():
                return time.monotonic() - began_at
        await asyncio.sleep(0.2)
    raise AssertionError(f"not in {seconds:.0f} s: {what}")
