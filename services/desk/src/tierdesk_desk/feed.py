"""Who looks at the desk is told of changes as they commit, through whichever replica they were made."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tierdesk_desk.domain.changes import Change, WorkChange
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows_in
from tierdesk_desk.store.feed import CHANNEL, read_change
from tierdesk_store import Database, Listener

MOST_WAITING: Final = 200
"""So many changes wait for one who is slow to take them; then all of them are forgotten, and one is told to look anew."""


class Subscription:
    """What one reader has not taken yet."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._waiting: deque[Change] = deque()
        self._missed = False
        self._arrived = asyncio.Event()
        self.ended = False
        """Nothing more comes: the service stops."""

    @property
    def has_news(self) -> bool:
        """Whether something waits to be taken."""
        return bool(self._waiting) or self._missed

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self._arrived.set()

    def offer(self, change: Change | None) -> None:
        """Keep a change that the reader may see; None when changes may have been missed."""
        if change is None:
            self._missed = True
        elif not self._sees(change):
            return
        elif len(self._waiting) >= MOST_WAITING:
            self._missed = True
        else:
            self._waiting.append(change)
        if self._missed:
            self._waiting.clear()
        self._arrived.set()

    async def take(self, *, timeout_seconds: float) -> list[Change] | None:
        """What came since; nothing when that took too long; None when something was missed: look anew then."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._arrived.wait()
        except TimeoutError:
            return []
        if not self.ended:
            self._arrived.clear()
        if self._missed:
            self._missed = False
            return None
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def _sees(self, change: Change) -> bool:
        if change.tenant != self._person.tenant:
            return False
        places = ((change.tier, change.group),) if isinstance(change, WorkChange) else change.places
        return any(allows_in(self._person.grants, Verb.READ_BOARD, tier=tier, group=group) for tier, group in places)


class Feed:
    """All who look through this replica."""

    def __init__(self, database: Database) -> None:
        self._listener = Listener(database, CHANNEL, self._hear)
        self._subscriptions: set[Subscription] = set()
        self._ended = False

    @property
    def listening(self) -> bool:
        """Whether what changes now will be heard, as far as is known."""
        return self._listener.is_listening

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set. Outlives lost connections, after which all are told to look anew."""
        await self._listener.run(stop)

    @contextmanager
    def subscribe(self, person: Person) -> Iterator[Subscription]:
        """Hear of changes as this person may see them, from now on until the block is left."""
        subscription = Subscription(person)
        if self._ended:
            subscription.end()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def end(self) -> None:
        """Tell all who look that nothing more comes from here: they turn to another replica."""
        self._ended = True
        for subscription in self._subscriptions:
            subscription.end()

    def _hear(self, payload: str | None) -> None:
        change = None if payload is None else read_change(payload)
        if payload is not None and change is None:
            return  # another release tells what this one does not know
        for subscription in self._subscriptions:
            subscription.offer(change)
