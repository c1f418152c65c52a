"""What people ask of a ticket by hand: locked, decided and saved as every other change.

Done again, each changes nothing.
"""

from __future__ import annotations

from tierdesk_contracts.vocabulary import Actor, ActorKind
from tierdesk_router.domain.chains import acknowledge
from tierdesk_router.domain.merging import merge
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.handlers.intake import event_time
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.reading import read_ticket
from tierdesk_runtime.service import Parts


class TicketCommands:
    """The commands. A ticket is named by its identifier or reference; `by` is the label of the key that asks."""

    def __init__(self, parts: Parts, shelf: PolicyShelf) -> None:
        """Time, identifiers and policies are given."""
        self._parts = parts
        self._shelf = shelf

    async def acknowledge(self, tenant: str, name: str, *, by: str, note: str) -> Ticket | None:
        """Take notice of what escalates a ticket; answer it as it is then, None without one.

        Raises `NothingEscalatesError` and `DatabaseUnavailableError`.
        """
        async with self._parts.database.transaction() as tx:
            found = await read_ticket(tx.connection, tenant, name)
            if found is None:
                return None
            desk = self._desk()
            await load_tickets(desk, tx, {(tenant, found.id)}, self._shelf)
            ticket = desk.tickets[tenant, found.id]
            draft = acknowledge(ticket, by=by, note=note, at=event_time(desk.now, ticket, desk.now))
            if draft is not None:
                desk.keep(draft, desk.policy_of(ticket))
                await desk.save(tx)
            return desk.tickets[tenant, found.id]

    async def merge(self, tenant: str, name: str, into: str, *, by: str, reason: str) -> tuple[Ticket | None, bool]:
        """Let a ticket go on in another; answer it as it is then, None without one, and whether there is the other.

        Raises `MergeError` and `DatabaseUnavailableError`.
        """
        async with self._parts.database.transaction() as tx:
            source, target = (
                await read_ticket(tx.connection, tenant, name),
                await read_ticket(tx.connection, tenant, into),
            )
            if source is None or target is None:
                return source, target is not None
            desk = self._desk()
            keys = (tenant, source.id), (tenant, target.id)
            await load_tickets(desk, tx, set(keys), self._shelf)
            actor = Actor(kind=ActorKind.WORKER, id=by)
            for draft in (
                merge(desk.tickets[keys[0]], desk.tickets[keys[1]], reason=reason, by=actor, at=desk.now) or ()
            ):
                desk.keep(draft, desk.policy_of(draft.ticket))
            await desk.save(tx)
            return desk.tickets[keys[0]], True

    def _desk(self) -> Desk:
        return Desk(now=self._parts.clock.now(), new_id=self._parts.identifiers.new)
