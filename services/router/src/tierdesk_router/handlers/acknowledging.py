"""Somebody takes notice of a ticket that escalates."""

from __future__ import annotations

from tierdesk_router.domain.chains import acknowledge
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.handlers.intake import event_time
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.reading import read_ticket
from tierdesk_runtime.service import Parts


async def acknowledge_ticket(
    parts: Parts, shelf: PolicyShelf, tenant: str, name: str, *, by: str, note: str
) -> Ticket | None:
    """Acknowledge the tenant's ticket of this identifier or reference; answer it as it is then, None without one.

    Once more with the same words changes nothing. Raises `NothingEscalatesError` and `DatabaseUnavailableError`.
    """
    async with parts.database.transaction() as tx:
        found = await read_ticket(tx.connection, tenant, name)
        if found is None:
            return None
        desk = Desk(now=parts.clock.now(), new_id=parts.identifiers.new)
        await load_tickets(desk, tx, {(tenant, found.id)}, shelf)
        ticket = desk.tickets[tenant, found.id]
        draft = acknowledge(ticket, by=by, note=note, at=event_time(desk.now, ticket, desk.now))
        if draft is None:
            return ticket
        desk.keep(draft, desk.policy_of(ticket))
        await desk.save(tx)
        return draft.ticket
