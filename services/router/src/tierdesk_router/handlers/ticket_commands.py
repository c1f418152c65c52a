"""What people ask of a ticket by hand: locked, decided and saved as every other change.

Done again, each changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from tierdesk_contracts.names import EVENTS, event_key
from tierdesk_contracts.notice import TicketAdded
from tierdesk_contracts.vocabulary import Actor, ActorKind
from tierdesk_router.domain.announcements import Destination
from tierdesk_router.domain.chains import acknowledge
from tierdesk_router.domain.merging import merge
from tierdesk_router.domain.requests import Origin, open_by, subject_of
from tierdesk_router.domain.splitting import Part, check_part, check_splittable, report_part, split, told_apart
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.handlers.intake import event_time
from tierdesk_router.handlers.likeness import Comparison, New
from tierdesk_router.store.parties import find_parties
from tierdesk_router.store.policies import PolicyShelf, UnknownPolicyError
from tierdesk_router.store.problems import lock_opening
from tierdesk_router.store.reading import read_ticket
from tierdesk_runtime.service import Parts
from tierdesk_store import Transaction


class TicketCommands:
    """The commands. A ticket is named by its identifier or reference; `by` is the label of the key that asks.

    All raise `UnknownPolicyError` when a policy that they need cannot be read; nothing has happened then.
    """

    def __init__(self, parts: Parts, shelf: PolicyShelf, created: Callable[[str], None]) -> None:
        """Time, identifiers and policies are given. `created` is told the channel of each ticket once it is committed."""
        self._parts = parts
        self._shelf = shelf
        self._created = created

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

    async def split(self, tenant: str, name: str, part: Part, *, by: str, reason: str) -> tuple[Ticket | None, bool]:
        """Open a ticket for a part of another; answer it, None without the other, and whether it is new.

        Asked again for the same part it answers the same ticket. Raises `SplitError` and `DatabaseUnavailableError`.
        """
        async with self._parts.database.transaction() as tx:
            source = await read_ticket(tx.connection, tenant, name)
            if source is None:
                return None, False
            await lock_opening(tx, source.id)  # each part is told apart from those before
            source = await read_ticket(tx.connection, tenant, str(source.id)) or source
            new_id = part.identify(source)
            known = await read_ticket(tx.connection, tenant, str(new_id))
            if known is not None:
                return known, False
            return await self._split(tx, source, part, new_id, Actor(kind=ActorKind.WORKER, id=by), reason), True

    async def _split(self, tx: Transaction, source: Ticket, part: Part, new_id: UUID, by: Actor, reason: str) -> Ticket:
        tenant, key = source.tenant, (source.tenant, new_id)
        desk = self._desk()
        check_splittable(source)
        policy = (await self._shelf.in_force(tx.connection, [tenant])).get(tenant)
        if policy is None:
            raise UnknownPolicyError(tenant)
        check_part(part, policy)
        parties = await find_parties(tx, {(tenant, source.requester_id)})
        party = parties[tenant, source.requester_id]
        report = report_part(source, part, party, await self._draw_reference(tx, tenant))
        subject = subject_of(report, ticket_id=new_id, requester_id=party.id, at=desk.now, policy=policy)
        comparison = Comparison(desk.now, self._parts.identifiers.new, self._parts.identifiers.problem_reference)
        await comparison.compare(tx, [New(tenant, subject, policy, told_apart(source))])
        await load_tickets(desk, tx, {(tenant, source.id)} | comparison.wanted, self._shelf)
        desk.parties |= parties
        source = desk.tickets[tenant, source.id]
        opened = open_by(
            report,
            tenant=tenant,
            ticket_id=new_id,
            requester_id=party.id,
            at=desk.now,
            policy=policy,
            new_id=desk.new_id,
            recurrence=comparison.recurrence_of(key),
            origin=Origin(source.id, source.reference, by, reason),
        )
        desk.keep(split(source, opened.ticket, reason=reason, by=by, at=desk.now), desk.policy_of(source))
        desk.keep(opened, policy)
        comparison.follow(desk, key)
        added = Destination("", EVENTS, event_key(tenant, "ticket.added.v1"))
        desk.tell(key, TicketAdded(reference=opened.ticket.reference), added)
        await desk.save(tx)
        await comparison.save(tx)
        tx.after_commit(partial(self._created, opened.ticket.channel))
        return desk.tickets[key]

    async def _draw_reference(self, tx: Transaction, tenant: str) -> str:
        """A reference that no ticket of the tenant has."""
        while True:
            reference = self._parts.identifiers.reference()
            if await read_ticket(tx.connection, tenant, reference) is None:
                return reference

    def _desk(self) -> Desk:
        return Desk(now=self._parts.clock.now(), new_id=self._parts.identifiers.new)
