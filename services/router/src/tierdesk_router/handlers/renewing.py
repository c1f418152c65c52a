"""Making all live offers anew, for a bus that has lost its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from tierdesk_router.domain.chains import heed_unaccepted
from tierdesk_router.domain.offers import renew_offer
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.tickets import Key, find_offered
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, apply_apart

BATCH: Final = 200
_log = structlog.get_logger(__name__)


async def count_offers(database: Database) -> int:
    """How many tickets are offered and not accepted."""
    async with database.read() as connection:
        return len(await find_offered(connection))


async def renew_offers(
    database: Database, clock: Clock, identifiers: Identifiers, *, told: Callable[[int], None] = lambda _: None
) -> int:
    """Make each offer anew that nobody has accepted, under a new token; answer how many.

    Beside running routers too: tickets are locked, and one that was accepted meanwhile is left alone. A ticket that
    cannot be decided is logged and left as it is. `told` hears of each batch.
    """
    shelf = PolicyShelf()
    renewed = 0

    async def renew(keys: Sequence[Key]) -> None:
        nonlocal renewed
        async with database.transaction() as tx:
            desk = Desk(now=clock.now(), new_id=identifiers.new)
            await load_tickets(desk, tx, set(keys), shelf)
            drafts = 0
            for ticket in list(desk.tickets.values()):
                policy = desk.policy_of(ticket)
                draft = renew_offer(ticket, policy, now=desk.now, new_id=desk.new_id)
                if draft is not None:
                    heed_unaccepted(draft, policy, new_id=desk.new_id)
                    desk.keep(draft, policy)
                    drafts += 1
            await desk.save(tx)
        renewed += drafts

    async def leave(key: Key, error: Exception) -> None:
        _log.error("offer_not_renewed", tenant=key[0], ticket=str(key[1]), exc_info=error)

    async with database.read() as connection:
        keys = await find_offered(connection)
    for start in range(0, len(keys), BATCH):
        part = keys[start : start + BATCH]
        await apply_apart(part, renew, leave)
        told(len(part))
    return renewed
