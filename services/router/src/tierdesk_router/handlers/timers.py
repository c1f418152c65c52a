"""What happens by itself: unaccepted offers are made anew, resolved tickets close."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from tierdesk_router.domain.offers import close_resolved, expire_offer
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.tickets import claim_due
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, DatabaseUnavailableError

BATCH: Final = 200
LOOK_SECONDS: Final = 1.0
"""How often to look, at the longest: an offer is withdrawn at most this late."""


class Timers:
    """Fires what is due. Several replicas may run it: each claims rows that no other holds."""

    def __init__(self, database: Database, clock: Clock, identifiers: Identifiers, shelf: PolicyShelf) -> None:
        """Time, identifiers and policies are given."""
        self._database = database
        self._clock = clock
        self._identifiers = identifiers
        self._shelf = shelf

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second until `stop` is set."""
        while not stop.is_set():
            try:
                fired = await self.fire()
            except DatabaseUnavailableError:
                fired = 0
            if fired < BATCH:
                # Woken early by a clock that is advanced, as in a simulation.
                soon = self._clock.now() + timedelta(days=1)
                await self._clock.sleep_until(soon, at_most_seconds=LOOK_SECONDS)

    async def fire(self) -> int:
        """Fire one batch of what is due; answer how many tickets it changed."""
        async with self._database.transaction() as tx:
            desk = Desk(now=self._clock.now(), new_id=self._identifiers.new)
            keys = await claim_due(tx, desk.now, limit=BATCH)
            if not keys:
                return 0
            await load_tickets(desk, tx, set(keys), self._shelf)
            for ticket in list(desk.tickets.values()):
                policy = desk.policy_of(ticket)
                draft = expire_offer(ticket, policy, now=desk.now, new_id=desk.new_id)
                draft = draft or close_resolved(ticket, policy, now=desk.now)
                if draft is not None:
                    desk.keep(draft, policy)
            await desk.save(tx)
            return len(keys)
