"""What visits and repairs have in common: who may see and change them, and that their work hears of it in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.vocabulary import PauseParty, Role
from tierdesk_desk.board import Board, NotFoundError
from tierdesk_desk.domain import repairs
from tierdesk_desk.domain.days import zone_of
from tierdesk_desk.domain.people import Person, Place
from tierdesk_desk.domain.repairs import Repair
from tierdesk_desk.domain.roles import Verb, allows_in
from tierdesk_desk.domain.visits import Visit
from tierdesk_desk.domain.waiting import Decision
from tierdesk_desk.domain.work import HELD, ForbiddenStepError, TakenError, Work
from tierdesk_desk.store.visits import MOST_OPEN, REPAIRS, VISITS, LineKey, One, Rows, lock_ticket
from tierdesk_desk.store.works import find_work_of_ticket
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, Transaction

LONGEST_NOTE: Final = 4_000
"""In characters: it goes to the ticket's log, behind a line of the desk's own."""


class Arranging:
    """What is arranged for tickets of all tenants; each person sees that of groups and tickets for which they have a grant."""

    def __init__(self, database: Database, publisher: Publisher, board: Board) -> None:
        self._database = database
        self._publisher = publisher
        self._board = board

    async def places(self, person: Person) -> list[Place]:
        """The groups of which the person sees what is arranged."""
        return await self._board.places(person)

    async def zone(self, person: Person) -> str:
        """Where the desk stands."""
        return zone_of(await self._board.policy(person.tenant))

    async def _of_ticket(self, rows: Rows[One], person: Person, ticket: str, *, seen: bool) -> list[One]:
        if not seen:
            await self._board.of_ticket(person, ticket)
        async with self._database.read() as connection:
            return await rows.list_of_ticket(connection, person.tenant, ticket)

    async def _read(self, rows: Rows[One], person: Person, one_id: UUID) -> One:
        async with self._database.read() as connection:
            return await _find(connection, rows, person, one_id, Verb.READ_BOARD)

    async def _page(
        self,
        rows: Rows[One],
        person: Person,
        places: Sequence[Place] | None,
        within: tuple[datetime, datetime] | None,
        after: LineKey | None,
        limit: int,
    ) -> tuple[list[One], LineKey | None]:
        own = await self.places(person)
        seen = own if places is None else [place for place in places if place in own]
        async with self._database.read() as connection:
            found = await rows.list_open(connection, person.tenant, seen, after=after, limit=limit + 1, within=within)
        following = found[limit - 1] if len(found) > limit else None
        return found[:limit], None if following is None else (getattr(following, rows.line), following.id)

    async def _lock(self, tx: Transaction, rows: Rows[One], person: Person, one_id: UUID) -> One:
        """One of them, with whatever else is open of its ticket, in the order in which the end of a ticket locks them."""
        found = await _find(tx.connection, rows, person, one_id, Verb.WORK)
        await lock_ticket(tx.connection, person.tenant, found.ticket)
        for kind in (VISITS, REPAIRS):
            await kind.lock_open(tx.connection, [(person.tenant, found.ticket)])
        return await rows.read(tx.connection, person.tenant, one_id, lock=True) or found

    async def _waits(self, tx: Transaction, changed: Visit | Repair) -> set[PauseParty]:
        """What else of the ticket its work is to wait for."""
        key = [(changed.tenant, changed.ticket)]
        visits_open = [one for one in await VISITS.lock_open(tx.connection, key) if one.id != changed.id]
        away = [
            one
            for one in await REPAIRS.lock_open(tx.connection, key)
            if one.id != changed.id and one.stage in repairs.AWAY
        ]
        return {party for party, some in ((PauseParty.VISIT, visits_open), (PauseParty.VENDOR, away)) if some}

    async def _save(self, tx: Transaction, rows: Rows[One], person: Person, changed: One, decide: Decision) -> One:
        """Write it, and say so of the ticket's work, which the person must have. Where nobody here has it, the row alone is changed."""
        works = await find_work_of_ticket(tx.connection, person.tenant, changed.ticket)
        held = next((work for work in works if work.role == Role.OWNER.value and work.stage in HELD), None)
        if held is not None:
            if held.worker != person.name:
                raise TakenError(held.worker or "")
            await self._board.say_all(tx, person, held.assignment_id, decide)
            changed = replace(changed, tier=held.tier, group_id=held.group_id)
        await rows.save(tx.connection, [changed])
        return changed


async def _find(connection: AsyncConnection, rows: Rows[One], person: Person, one_id: UUID, verb: Verb) -> One:
    found = await rows.read(connection, person.tenant, one_id)
    if found is None or not await may(connection, person, verb, found):
        raise NotFoundError
    return found


async def may(connection: AsyncConnection, person: Person, verb: Verb, one: Visit | Repair) -> bool:
    """Whether it is of a group of the person's, or of a ticket of which such a group has had work."""
    if allows_in(person.grants, verb, tier=one.tier, group=one.group_id):
        return True
    works = await find_work_of_ticket(connection, person.tenant, one.ticket)
    return any(allows_in(person.grants, verb, tier=work.tier, group=work.group_id) for work in works)


def check_owner(work: Work) -> None:
    """Whoever is only asked to help arranges nothing. Raises `ForbiddenStepError`."""
    if work.role != Role.OWNER.value:
        raise ForbiddenStepError("who is invited contributes or declines; the owner does the rest")


def check_room(opened: Sequence[Visit] | Sequence[Repair]) -> None:
    """Raises `ForbiddenStepError` where as many are open as can be."""
    if len(opened) >= MOST_OPEN:
        raise ForbiddenStepError(f"{MOST_OPEN} are open for this ticket: end one of them first")


def join(headline: str, note: str) -> str:
    """What the ticket's log is to have: a line of the desk's own, and what somebody wrote."""
    return f"{headline}.\n\n{note}" if note else f"{headline}."
