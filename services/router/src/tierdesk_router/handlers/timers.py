"""What happens by itself: unaccepted offers are made anew, resolved tickets close, what takes too long escalates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter

from tierdesk_router.domain.due import fire_due
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.tickets import Key, claim_due, put_off
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.supervision import wait_unless
from tierdesk_store import Database, Transaction, apply_apart, is_redo

BATCH: Final = 200
LOOK_SECONDS: Final = 1.0
"""How often to look, at the longest: an offer is withdrawn at most this late."""
PUT_OFF_SECONDS: Final = 600.0
"""For how long, in business time, a ticket is left alone whose timer could not be fired."""

_log = structlog.get_logger(__name__)


def count_put_off(registry: CollectorRegistry) -> Counter:
    """The metric of timers that could not be fired, in this registry."""
    return Counter(
        "tierdesk_timers_put_off_total",
        "Timers of tickets that could not be fired and are tried later.",
        registry=registry,
    )


class Timers:
    """Fires what is due. Several replicas may run it: each claims rows that no other holds.

    One ticket that cannot be decided or saved stops no other: its batch is taken apart, and it is looked at again after
    `PUT_OFF_SECONDS`. That is logged with the reason and counted as `tierdesk_timers_put_off_total`.
    """

    def __init__(
        self, database: Database, clock: Clock, identifiers: Identifiers, shelf: PolicyShelf, put_off_total: Counter
    ) -> None:
        """Time, identifiers and policies are given."""
        self._database = database
        self._clock = clock
        self._identifiers = identifiers
        self._shelf = shelf
        self._put_off_total = put_off_total

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second until `stop` is set."""
        while not stop.is_set():
            try:
                fired = await self.fire()
            except Exception as error:
                if not is_redo(error):
                    raise
                fired = 0
            if fired < BATCH:
                # Woken early by a clock that is advanced, as in a simulation.
                soon = self._clock.now() + timedelta(days=1)
                await wait_unless(self._clock.sleep_until(soon, at_most_seconds=LOOK_SECONDS), stop)

    async def fire(self) -> int:
        """Fire one batch of what is due; answer how many tickets were looked at.

        Raises what `tierdesk_store.is_redo` knows; nothing of the part in hand has happened then.
        """
        claimed: list[Key] = []
        try:
            await self._fire(None, claimed)
        except Exception as error:
            if is_redo(error) or not claimed:
                raise
            await apply_apart(claimed, self._fire, self._put_off)
        return len(claimed)

    async def _fire(self, among: Sequence[Key] | None, claimed: list[Key] | None = None) -> None:
        async with self._database.transaction() as tx:
            desk = Desk(now=self._clock.now(), new_id=self._identifiers.new)
            keys = await claim_due(tx, desk.now, limit=BATCH, among=among)
            if claimed is not None:
                claimed += keys
            if keys:
                await self._decide(desk, tx, keys)

    async def _decide(self, desk: Desk, tx: Transaction, keys: Sequence[Key]) -> None:
        await load_tickets(desk, tx, set(keys), self._shelf)
        for ticket in list(desk.tickets.values()):
            policy = desk.policy_of(ticket)
            draft = fire_due(ticket, policy, now=desk.now, new_id=desk.new_id)
            if draft is not None:
                desk.keep(draft, policy)
            else:
                # Due by its row and not by its record, as an older release leaves it that does not know the timer.
                await put_off(tx, (ticket.tenant, ticket.id), desk.now, desk.now + timedelta(seconds=PUT_OFF_SECONDS))
        await desk.save(tx)

    async def _put_off(self, key: Key, error: Exception) -> None:
        now = self._clock.now()
        until = now + timedelta(seconds=PUT_OFF_SECONDS)
        async with self._database.transaction() as tx:
            await put_off(tx, key, now, until)
        self._put_off_total.inc()
        _log.error("timer_put_off", tenant=key[0], ticket=str(key[1]), until=until.isoformat(), exc_info=error)
