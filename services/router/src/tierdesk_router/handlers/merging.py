"""Merging two tickets by the word of a person: locked, decided and saved as every other change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from tierdesk_contracts.vocabulary import Actor
from tierdesk_router.domain.merging import merge
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.tickets import Key
from tierdesk_store import Database


class Merging:
    """Merges tickets of one tenant."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], new_id: Callable[[], UUID], shelf: PolicyShelf
    ) -> None:
        """Time, identifiers and policies are given."""
        self._database = database
        self._now = now
        self._new_id = new_id
        self._shelf = shelf

    async def merge(self, source: Key, target: Key, *, reason: str, by: Actor) -> Ticket:
        """The ended ticket. Done again it changes nothing. Raises `MergeError` and `DatabaseUnavailableError`."""
        async with self._database.transaction() as tx:
            desk = Desk(now=self._now(), new_id=self._new_id)
            await load_tickets(desk, tx, {source, target}, self._shelf)
            drafts = merge(desk.tickets[source], desk.tickets[target], reason=reason, by=by, at=desk.now)
            for draft in drafts or ():
                desk.keep(draft, desk.policy_of(draft.ticket))
            await desk.save(tx)
        return desk.tickets[source]
