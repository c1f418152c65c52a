"""How a watcher that sleeps until the next due instant learns that there is an earlier one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_store import Database, Listener

CHANNEL: Final = "tierdesk_sla_due"
LONGEST_SLEEP_SECONDS: Final = 30.0
"""A watcher that is told of earlier instants sleeps no longer than this all the same."""
HORIZON_SECONDS: Final = 60.0
"""What is due later than in so many real seconds is told to nobody: every watcher looks in time by itself.

Longer than the longest sleep by what a transaction takes, from its look at the clock to its commit, unless it is very
slow: what that writes is said up to a longest sleep late.
"""
_ANNOUNCE: Final = text("SELECT pg_notify(:channel, :earliest)")


async def announce_due(
    connection: AsyncConnection, next_at: Iterable[datetime | None], *, horizon: datetime | None = None
) -> None:
    """Wake, with this transaction's commit, the watchers that sleep beyond the earliest of these instants.

    Nobody is told of what is due after `horizon`. That is no mere saving: PostgreSQL lets one transaction commit at a
    time, in the whole database, of those that tell something.
    """
    earliest = min((at for at in next_at if at is not None), default=None)
    if earliest is not None and (horizon is None or earliest <= horizon):
        await connection.execute(_ANNOUNCE, {"channel": CHANNEL, "earliest": earliest.isoformat()})


class WakeUps:
    """The calls that reach one watcher, and which of them wake it."""

    def __init__(self, database: Database) -> None:
        self._listener = Listener(database, CHANNEL, self._hear)
        self._known: datetime | None = None
        self.called = asyncio.Event()
        """Set when something may be due earlier than the watcher knows."""

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set. Outlives lost connections."""
        await self._listener.run(stop)

    @property
    def is_listening(self) -> bool:
        """Whether calls arrive; while they do not, the watcher must look often."""
        return self._listener.is_listening

    def forget(self) -> None:
        """The watcher is about to look: what was called before is seen by it, and any call from now on wakes it."""
        self._known = None
        self.called.clear()

    def expect(self, due_at: datetime | None) -> None:
        """The watcher has looked and knows of this instant: from now on only calls of earlier ones wake it."""
        self._known = due_at

    def _hear(self, earliest: str | None) -> None:
        if self._known is None or earliest is None or _read(earliest, self._known) < self._known:
            self.called.set()


def _read(earliest: str, otherwise: datetime) -> datetime:
    """The instant of a call; anybody who may connect can call nonsense, which wakes nobody."""
    try:
        at = datetime.fromisoformat(earliest)
    except ValueError:
        return otherwise
    return otherwise if at.tzinfo is None else at
