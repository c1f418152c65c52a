"""Applies batches until every message has a fate, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from tierdesk_store.agenda import Fate
from tierdesk_store.arrival import Arrival, Order
from tierdesk_store.attempts import HOPELESS
from tierdesk_store.batch import ROW_LIMIT, Batch, Counts
from tierdesk_store.database import Database
from tierdesk_store.errors import DatabaseUnavailableError, is_redo
from tierdesk_store.handler import Handler
from tierdesk_store.pausing import pause
from tierdesk_store.waiting import Turn, begin_due

LONGEST_PAUSE_SECONDS: Final = 5.0
_REDOS_BEFORE_SPLIT: Final = 3
_LOG = logging.getLogger(__name__)

Done = Callable[[Sequence[Arrival]], Awaitable[None]]


class Application:
    """Applies one handler's messages.

    A transaction that failed through no fault of its messages (a lost connection, a deadlock, a lock or statement
    past its time) is done again after a pause, for ever; it never counts against a message. After any other failure
    of `load` or `save`, ever smaller parts are tried, in order, until the one message at fault is alone; that one is
    parked with the error, and the rest goes on.
    """

    def __init__(self, database: Database, handler: Handler[Any]) -> None:
        self.counts = Counts()
        self._database = database
        self._handler = handler
        self._random = random.Random()  # noqa: S311 - spreads retries

    async def apply(
        self, arrivals: Sequence[Arrival], stop: asyncio.Event, *, done: Done, doomed: dict[Order, str] | None = None
    ) -> Sequence[Arrival]:
        """Apply deliveries; `done` is told of each part that is committed.

        With `doomed`, empty or not, waiting rows are left to the sweep, so that nothing else is to blame.
        Answers those that have no fate: none, unless `stop` was set while the database was away.
        """
        left = list(arrivals)
        most_rows = ROW_LIMIT if doomed is None else 0
        part_size, row_limit = len(left), most_rows
        doomed = dict(doomed or {})
        redos = 0
        while left:
            part = left[:part_size]
            batch = self._batch(part, doomed, row_limit)
            try:
                settled = await batch.apply()
            except Exception as error:  # noqa: BLE001 - every failure of a handler is told from the others here
                if is_redo(error):
                    redos += 1
                    if await self._pause(error, redos, stop):
                        return left
                    if redos % _REDOS_BEFORE_SPLIT == 0 and not isinstance(error, DatabaseUnavailableError):
                        part_size = max(1, len(part) // 2)
                    continue
                # Taken apart, deliveries go without rows, so that the one at fault can be told.
                part_size, row_limit = self._narrow(batch, error, doomed), 0
                continue
            redos = 0
            self.counts.add(settled)
            left = left[len(part) :]
            if part_size == 1 and part[0].order in doomed:
                part_size, row_limit = len(left), most_rows
            await done(part)
        return []

    async def sweep(self, limit: int, stop: asyncio.Event) -> bool:
        """Try rows that are due, up to `limit`; answers whether more may be due at once."""
        row_limit = limit
        doomed: dict[Order, str] = {}
        turn: Turn | None = None
        redos = 0
        while True:
            batch = None
            try:
                if turn is None:
                    turn = await self._begin(limit, doomed)
                if not turn.subjects:
                    return False
                batch = self._batch([], doomed, row_limit, turn)
                settled = await batch.apply()
            except Exception as error:  # noqa: BLE001 - as in apply
                if is_redo(error):
                    redos += 1
                    if await self._pause(error, redos, stop):
                        return False
                    continue
                row_limit = self._narrow(batch, error, doomed)
                continue
            self.counts.add(settled)
            ended = any(s.fate is not Fate.WAITING for s in settled)
            return ended and (turn.alone is not None or len(settled) >= min(limit, row_limit))

    async def _begin(self, limit: int, doomed: dict[Order, str]) -> Turn:
        async with self._database.transaction() as tx:
            turn = await begin_due(tx, self._handler.name, limit=limit)
        if turn.is_hopeless and turn.alone is not None:
            doomed[0, turn.alone] = HOPELESS
        return turn

    def _batch(
        self, fresh: Sequence[Arrival], doomed: dict[Order, str], row_limit: int, turn: Turn | None = None
    ) -> Batch:
        return Batch(
            self._database,
            self._handler,
            fresh,
            draw=self._random.random,
            doomed=doomed,
            turn=turn,
            row_limit=row_limit,
        )

    def _narrow(self, batch: Batch | None, error: Exception, doomed: dict[Order, str]) -> int:
        """How many messages to try next; the only one there was is doomed. Raises `error` when none was tried."""
        suspects = batch.loaded if batch else []
        if not suspects:
            raise error
        if len(suspects) == 1:
            _LOG.error(
                "%s cannot save %s %s", self._handler.name, suspects[0].type, suspects[0].message_id, exc_info=error
            )
            doomed[suspects[0].order] = "".join(traceback.format_exception_only(error)).strip()
        return max(1, len(suspects) // 2)

    async def _pause(self, error: Exception, redos: int, stop: asyncio.Event) -> bool:
        """Wait before the same is done again; answers whether to give up, since a stop is wanted meanwhile."""
        self.counts.redone += 1
        if redos == 1:
            _LOG.warning("%s does a batch again: %s", self._handler.name, error)
        if stop.is_set():
            return True
        longest = min(0.05 * 2**redos, LONGEST_PAUSE_SECONDS)
        await pause(longest * (0.5 + self._random.random() / 2), unless=stop)
        return False
