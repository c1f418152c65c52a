"""Who looks at the desk is told of changes as they commit, through whichever replica they were made."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tierdesk_desk.domain.changes import Change, GuardChange, PresenceChange, RequestChange, TicketChange
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows_in, grants_with
from tierdesk_desk.store.feed import CHANNEL, read_change
from tierdesk_store import Database, Listener

MOST_WAITING: Final = 200
"""So many changes wait for one who is slow to take them; then all of them are forgotten, and one is told to look anew."""
MOST_OF_READER: Final = 10
"""So many pages of one person are live at a time, of each replica: a script that opens more harms nobody else."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: `key` is how they are known, and `sees` says which changes they may see."""

    key: tuple[str, ...]
    sees: Callable[[Change], bool]


class Subscription:
    """What one reader has not taken yet, of what `sees` lets them see."""

    def __init__(self, sees: Callable[[Change], bool]) -> None:
        self._sees = sees
        self._waiting: deque[Change] = deque()
        self._missed = False
        self._arrived = asyncio.Event()
        self.ended = False
        """Nothing more comes: the service stops, or the reader has begun others since."""
        self.displaced = False
        """It ended since its reader follows so many others: it is not to begin again by itself."""

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


def at_the_board(person: Person) -> Reader:
    """This person at the board, who sees changes of the groups for which they have a grant, and what is meant for them alone."""

    def sees(change: Change) -> bool:
        if change.tenant != person.tenant:
            return False
        match change:
            case RequestChange():
                return False
            case GuardChange():
                return change.guarded == person.name
            case PresenceChange():
                overseen = grants_with(person.grants, Verb.OVERSEE)
                return any(grant.meets(tier, group) for grant in overseen for tier, group in change.serves)
        places = change.places if isinstance(change, TicketChange) else ((change.tier, change.group),)
        return any(allows_in(person.grants, Verb.READ_BOARD, tier=tier, group=group) for tier, group in places)

    return Reader((person.tenant, "account", str(person.account_id)), sees)


def of_own_requests(tenant: str, *, party: str | None = None, ticket: str | None = None) -> Reader:
    """Who sees the changes of the requests of this party, or of this ticket. What is not named is not looked at; one is."""
    if party is None and ticket is None:
        raise ValueError("a party or a ticket is named")

    def sees(change: Change) -> bool:
        return (
            isinstance(change, RequestChange)
            and change.tenant == tenant
            and party in {None, change.party}
            and ticket in {None, change.ticket}
        )

    return Reader((tenant, "party", party) if party is not None else (tenant, "ticket", ticket or ""), sees)


class Feed:
    """All who look through this replica."""

    def __init__(self, database: Database) -> None:
        self._listener = Listener(database, CHANNEL, self._hear)
        self._subscriptions: set[Subscription] = set()
        self._watchers: list[Callable[[Change | None], None]] = []
        self._of_reader: dict[tuple[str, ...], deque[Subscription]] = {}
        self._ended = False

    @property
    def listening(self) -> bool:
        """Whether what changes now will be heard, as far as is known."""
        return self._listener.is_listening

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set. Outlives lost connections, after which all are told to look anew."""
        await self._listener.run(stop)

    def watch(self, hear: Callable[[Change | None], None]) -> None:
        """Have `hear` called with every change of every tenant, and with None when some may have been missed."""
        self._watchers.append(hear)

    @contextmanager
    def subscribe(self, reader: Reader) -> Iterator[Subscription]:
        """Hear of the changes that this reader may see, from now on until the block is left.

        Of one reader `MOST_OF_READER` hear at a time: with one more, the one that began first ends.
        """
        subscription = Subscription(reader.sees)
        if self._ended:
            subscription.end()
        own = self._of_reader.setdefault(reader.key, deque())
        if len(own) >= MOST_OF_READER:
            oldest = own.popleft()
            oldest.displaced = True
            oldest.end()
        own.append(subscription)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if subscription in own:
                own.remove(subscription)
            if not own and self._of_reader.get(reader.key) is own:
                del self._of_reader[reader.key]

    def end(self) -> None:
        """Tell all who look that nothing more comes from here: they turn to another replica."""
        self._ended = True
        for subscription in self._subscriptions:
            subscription.end()

    def _hear(self, payload: str | None) -> None:
        change = None if payload is None else read_change(payload)
        if payload is not None and change is None:
            return  # another release tells what this one does not know
        for hear in self._watchers:
            hear(change)
        for subscription in self._subscriptions:
            subscription.offer(change)
