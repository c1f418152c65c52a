"""What people do about problems: each command is one transaction of the problem and its tickets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from tierdesk_router.domain.gathering import announce_to, gather, offer_resolution, release
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.offers import DESK
from tierdesk_router.domain.problem_requests import (
    KeyReusedError,
    NewProblem,
    NoSuchProblemError,
    NoSuchTicketsError,
)
from tierdesk_router.domain.problems import Link, ProblemDraft, ProblemRecord, ProblemStatus
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.problems import (
    find_tickets,
    lock_opening,
    lock_problems,
    read_links,
    read_problem,
    read_problem_log,
    save_links,
    save_problems,
)
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, Transaction

_KEYS: Final = UUID("6d2f6b0e-5c53-5f0b-9d0e-3f6f7c1b7a11")
"""The name space of identifiers that are made from idempotency keys."""


class ProblemCommands:
    """The commands. `by` is the label of the key that asks. A repeated command changes nothing twice.

    All of them raise `NoSuchProblemError`, and `ProblemRefusal` where the problem does not allow it.
    """

    def __init__(self, database: Database, clock: Clock, identifiers: Identifiers, shelf: PolicyShelf) -> None:
        """Time, identifiers and policies are given."""
        self._database = database
        self._clock = clock
        self._identifiers = identifiers
        self._shelf = shelf

    async def open(self, tenant: str, by: str, new: NewProblem) -> tuple[ProblemRecord, bool]:
        """Open a problem with its tickets; answer it, and whether it is new.

        With a key it is opened once. Raises `KeyReusedError` and `NoSuchTicketsError`.
        """
        digest = hashlib.sha256(new.body).hexdigest()
        problem_id = self._identifiers.new() if new.key is None else uuid5(_KEYS, f"{tenant}/{new.key}")
        async with self._database.transaction() as tx:
            if new.key is not None:
                await lock_opening(tx, problem_id)
                known = await read_problem(tx.connection, tenant, str(problem_id))
                if known is not None:
                    (first, *_) = await read_problem_log(tx.connection, known)
                    if first.detail.get("request") != digest:
                        raise KeyReusedError
                    return known, False
            now = self._clock.now()
            problem = ProblemRecord(
                tenant=tenant,
                id=problem_id,
                reference=self._identifiers.problem_reference(),
                kind=new.kind,
                status=ProblemStatus.OPEN,
                title=new.title,
                opened_at=now,
                changed_at=now,
                **new.fields,
            )
            draft = ProblemDraft.open(problem, by=by, why=new.why, request=digest)
            tickets = await _resolve_names(tx, tenant, new.tickets)
            desk = await self._desk(tx, tenant, tickets)
            links = _link_all(desk, draft, {}, because=new.why, by=by)
            await _save(tx, desk, draft, links)
            return draft.problem, True

    async def change(
        self,
        tenant: str,
        by: str,
        name: str,
        fields: Mapping[str, Any],
        *,
        why: str,
        fits: Callable[[ProblemRecord], None],
    ) -> ProblemRecord:
        """Change what stands in it. `fits` raises for a version that its caller has not read; it is asked only where
        anything would change, so that the same change sent again is answered as the first was.
        """
        async with self._database.transaction() as tx:
            problem = await _locked(tx, tenant, name)
            if all(getattr(problem, field) == value for field, value in fields.items()):
                return problem
            fits(problem)
            draft = ProblemDraft(problem, at=self._clock.now(), by=by)
            draft.change(fields, why)
            await save_problems(tx, [draft])
            return draft.problem

    async def link(self, tenant: str, by: str, name: str, tickets: Sequence[str], *, why: str) -> ProblemRecord:
        """Link tickets; those that are linked already stay as they are. Raises `NoSuchTicketsError`."""
        async with self._database.transaction() as tx:
            problem = await _locked(tx, tenant, name)
            found = await _resolve_names(tx, tenant, tickets)
            links = await read_links(tx, problem)
            linked = {ticket_id for ticket_id, link in links.items() if link.released_at is None}
            desk = await self._desk(tx, tenant, found - linked)
            draft = ProblemDraft(problem, at=desk.now, by=by)
            await _save(tx, desk, draft, _link_all(desk, draft, links, because=why, by=by))
            return draft.problem

    async def unlink(self, tenant: str, by: str, name: str, ticket: str, *, why: str) -> ProblemRecord:
        """Link a ticket no more; one that is not linked stays as it is."""
        async with self._database.transaction() as tx:
            problem = await _locked(tx, tenant, name)
            found = set((await find_tickets(tx.connection, tenant, [ticket])).values())
            links = await read_links(tx, problem)
            linked = {one for one in found if one in links and links[one].released_at is None}
            desk = await self._desk(tx, tenant, linked)
            draft = ProblemDraft(problem, at=desk.now, by=by)
            changed = []
            for one in _sorted(desk):
                released, link = release(one, problem, links[one.id], because=why, by=by, at=desk.now)
                desk.keep(released, desk.policy_of(one))
                changed.append(link)
                draft.note("released", why, {"tickets": [one.reference]})
            await _save(tx, desk, draft, changed)
            return draft.problem

    async def announce(self, tenant: str, by: str, name: str, *, text: str, audience: str) -> ProblemRecord:
        """Announce it once, on each of its open tickets."""
        async with self._database.transaction() as tx:
            draft = ProblemDraft(await _locked(tx, tenant, name), at=self._clock.now(), by=by)
            draft.announce(text, audience)
            links: list[Link] = []
            desk = await self._desk(tx, tenant, ())
            if draft.is_changed:
                known = await _linked(tx, draft.problem)
                desk = await self._desk(tx, tenant, known)
                for ticket in _sorted(desk):
                    told = Draft(ticket, at=desk.now, actor=DESK)
                    links.append(announce_to(told, draft.problem, known[ticket.id]))
                    desk.keep(told, desk.policy_of(ticket))
            await _save(tx, desk, draft, links)
            return draft.problem

    async def withdraw_announcement(self, tenant: str, by: str, name: str, *, why: str) -> ProblemRecord:
        """Withdraw what was announced."""
        async with self._database.transaction() as tx:
            draft = ProblemDraft(await _locked(tx, tenant, name), at=self._clock.now(), by=by)
            draft.withdraw_announcement(why)
            await save_problems(tx, [draft])
            return draft.problem

    async def resolve(self, tenant: str, by: str, name: str, *, how: str) -> ProblemRecord:
        """It is solved: each of its open tickets is offered that, and its owner told. Nothing is closed."""
        async with self._database.transaction() as tx:
            draft = ProblemDraft(await _locked(tx, tenant, name), at=self._clock.now(), by=by)
            known = await _linked(tx, draft.problem) if draft.resolve(how) else {}
            desk = await self._desk(tx, tenant, known)
            for ticket in _sorted(desk):
                offered = Draft(ticket, at=desk.now, actor=DESK)
                offer_resolution(offered, draft.problem)
                desk.keep(offered, desk.policy_of(ticket))
            await _save(tx, desk, draft, [])
            return draft.problem

    async def _desk(self, tx: Transaction, tenant: str, tickets: Collection[UUID]) -> Desk:
        desk = Desk(now=self._clock.now(), new_id=self._identifiers.new)
        await load_tickets(desk, tx, {(tenant, ticket) for ticket in tickets}, self._shelf)
        return desk


async def _locked(tx: Transaction, tenant: str, name: str) -> ProblemRecord:
    found = await read_problem(tx.connection, tenant, name)
    if found is None:
        raise NoSuchProblemError
    (problem,) = (await lock_problems(tx, [(tenant, found.id)])).values()
    return problem


async def _linked(tx: Transaction, problem: ProblemRecord) -> dict[UUID, Link]:
    return {one: link for one, link in (await read_links(tx, problem)).items() if link.released_at is None}


async def _resolve_names(tx: Transaction, tenant: str, names: Sequence[str]) -> set[UUID]:
    found = await find_tickets(tx.connection, tenant, names)
    unknown = [position for position, name in enumerate(names) if name not in found]
    if unknown:
        raise NoSuchTicketsError(unknown)
    return set(found.values())


def _sorted(desk: Desk) -> list[Ticket]:
    return [ticket for _, ticket in sorted(desk.tickets.items(), key=lambda item: item[0])]


def _link_all(desk: Desk, draft: ProblemDraft, known: Mapping[UUID, Link], *, because: str, by: str) -> list[Link]:
    """Link all tickets of the desk."""
    links = []
    tickets = _sorted(desk)
    for ticket in tickets:
        gathered, link = gather(ticket, draft.problem, known.get(ticket.id), because=because, by=by, at=desk.now)
        desk.keep(gathered, desk.policy_of(ticket))
        links.append(link)
    if tickets:
        draft.note("linked", because, {"tickets": [ticket.reference for ticket in tickets]})
    return links


async def _save(tx: Transaction, desk: Desk, draft: ProblemDraft, links: Sequence[Link]) -> None:
    await desk.save(tx)
    await save_problems(tx, [draft])
    await save_links(tx, [((draft.problem.tenant, draft.problem.id), link) for link in links])
