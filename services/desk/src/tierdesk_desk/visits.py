"""What people do about field visits. What it means for the work is said in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from tierdesk_contracts.vocabulary import PauseParty
from tierdesk_desk.arranging import Arranging, check_room, join
from tierdesk_desk.domain import visits, waiting
from tierdesk_desk.domain.days import bounds_of
from tierdesk_desk.domain.people import Person, Place
from tierdesk_desk.domain.visits import Outcome, Plan, Visit
from tierdesk_desk.domain.waiting import Said
from tierdesk_desk.domain.work import Work
from tierdesk_desk.store.visits import VISITS, LineKey, lock_ticket
from tierdesk_policy.zones import find_zone

_OUTCOMES: Final = {
    Outcome.DONE: "done",
    Outcome.NOBODY_THERE: "nobody was there",
    Outcome.ANOTHER_NEEDED: "another visit is needed",
    Outcome.CALLED_OFF: "called off",
}


class Visits(Arranging):
    """The visits of all tenants; each person sees those of groups and tickets for which they have a grant."""

    async def page(
        self,
        person: Person,
        *,
        places: Sequence[Place] | None = None,
        day: date | None = None,
        after: LineKey | None,
        limit: int,
    ) -> tuple[list[Visit], LineKey | None]:
        """Up to `limit` of the open visits of these groups, the first slot first, and where the next page begins.

        With `day` those that begin on it, where the desk stands. Groups that the person may not see are left out; without
        `places` all that they may.
        """
        within = None if day is None else bounds_of(day, await self.zone(person))
        return await self._page(VISITS, person, places, within, after, limit)

    async def of_ticket(self, person: Person, ticket: str, *, seen: bool = False) -> list[Visit]:
        """Those of a ticket of which the person may see work, the newest first. Raises `NotFoundError`.

        With `seen` it was looked already whether they may.
        """
        return await self._of_ticket(VISITS, person, ticket, seen=seen)

    async def read(self, person: Person, visit_id: UUID) -> Visit:
        """One visit. Raises `NotFoundError`."""
        return await self._read(VISITS, person, visit_id)

    async def plan(
        self, person: Person, assignment_id: UUID, plan: Plan, note: str = "", *, based_on: int | None = None
    ) -> Visit:
        """Plan a visit for work that the person has, which waits for it from then on.

        Raises `SlotError`, and as `Board.say` does.
        """
        ticket = (await self._board.read(person, assignment_id)).ticket
        at = self._publisher.now()
        plan.check(at)
        headline = f"Field visit planned: {await self._slot(person, plan)}"
        async with self._database.transaction() as tx:
            await lock_ticket(tx.connection, person.tenant, ticket)

            def decide(work: Work) -> Said:
                return waiting.wait_for(work, PauseParty.VISIT, join(headline, note))

            work = await self._board.say_all(tx, person, assignment_id, decide, based_on=based_on)
            check_room(await VISITS.lock_open(tx.connection, [(work.tenant, work.ticket)]))
            planned = Visit(
                tenant=work.tenant,
                id=self._publisher.new_id(),
                ticket=work.ticket,
                reference=work.reference,
                tier=work.tier,
                group_id=work.group_id,
                address=plan.address,
                technician=plan.technician,
                starts_at=plan.starts_at,
                ends_at=plan.ends_at,
                planned_by=person.name,
                planned_at=at,
                changed_by=person.name,
                changed_at=at,
                note=note,
            )
            await VISITS.save(tx.connection, [planned])
        return planned

    async def move(self, person: Person, visit_id: UUID, plan: Plan, token: int, note: str = "") -> Visit:
        """Plan it otherwise. Raises `NotFoundError`, `SlotError`, `ForbiddenStepError`, and `TakenError` when another has the ticket."""
        headline = f"Field visit moved: {await self._slot(person, plan)}"
        async with self._database.transaction() as tx:
            before = await self._lock(tx, VISITS, person, visit_id)
            at = self._publisher.now()
            moved = visits.move(before, plan, note, worker=person.name, token=token, at=at)
            return await self._save(tx, VISITS, person, moved, lambda _: waiting.tell(join(headline, note)))

    async def end(self, person: Person, visit_id: UUID, outcome: Outcome, token: int, note: str = "") -> Visit:
        """Say what came of it; the work goes on, unless it waits for something else. Raises as `move` does."""
        async with self._database.transaction() as tx:
            before = await self._lock(tx, VISITS, person, visit_id)
            ended = visits.end(before, outcome, note, worker=person.name, token=token, at=self._publisher.now())
            still = await self._waits(tx, ended)
            told = join(f"Field visit: {_OUTCOMES[outcome]}", note)
            return await self._save(
                tx, VISITS, person, ended, lambda work: waiting.wait_no_more(work, PauseParty.VISIT, told, still=still)
            )

    async def _slot(self, person: Person, plan: Plan) -> str:
        return plan.slot(find_zone(await self.zone(person)))
