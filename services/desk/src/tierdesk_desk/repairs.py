"""What people do about depot repairs. What it means for the work is said in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_contracts.vocabulary import PauseParty
from tierdesk_desk.arranging import Arranging, check_owner, check_room, join, may
from tierdesk_desk.board import NotFoundError
from tierdesk_desk.domain import repairs, waiting
from tierdesk_desk.domain.people import Person, Place
from tierdesk_desk.domain.repairs import Repair, Stage, number_of, read_number
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.waiting import Said
from tierdesk_desk.domain.work import Work
from tierdesk_desk.store.visits import REPAIRS, LineKey, add_repair, find_repair, lock_ticket
from tierdesk_store import Transaction

_NUMBERS_TRIED: Final = 5


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent to a depot, and to which. `carrier_reference` may be told later."""

    device: str
    depot: str
    carrier_reference: str = ""


class Repairs(Arranging):
    """The repairs of all tenants; each person sees those of groups and tickets for which they have a grant."""

    async def page(
        self, person: Person, *, places: Sequence[Place] | None = None, after: LineKey | None, limit: int
    ) -> tuple[list[Repair], LineKey | None]:
        """Up to `limit` of the open repairs of these groups, in the order in which they were announced, and where the next page begins.

        Groups that the person may not see are left out; without `places` all that they may.
        """
        return await self._page(REPAIRS, person, places, None, after, limit)

    async def of_ticket(self, person: Person, ticket: str, *, seen: bool = False) -> list[Repair]:
        """Those of a ticket of which the person may see work, the newest first. Raises `NotFoundError`.

        With `seen` it was looked already whether they may.
        """
        return await self._of_ticket(REPAIRS, person, ticket, seen=seen)

    async def read(self, person: Person, repair_id: UUID) -> Repair:
        """One repair. Raises `NotFoundError`."""
        return await self._read(REPAIRS, person, repair_id)

    async def find(self, person: Person, number: str) -> Repair:
        """The repair with this return number, however it is written. Raises `NotFoundError`."""
        async with self._database.read() as connection:
            found = await find_repair(connection, person.tenant, read_number(number))
            if found is None or not await may(connection, person, Verb.READ_BOARD, found):
                raise NotFoundError
        return found

    async def announce(
        self, person: Person, assignment_id: UUID, parcel: Parcel, note: str = "", *, based_on: int | None = None
    ) -> Repair:
        """Announce a repair for work that the person has, under a return number of its own. Raises as `Board.say` does."""
        at = self._publisher.now()
        work = await self._board.read(person, assignment_id)
        async with self._database.transaction() as tx:
            await lock_ticket(tx.connection, person.tenant, work.ticket)
            check_room(await REPAIRS.lock_open(tx.connection, [(work.tenant, work.ticket)]))
            repair = await self._add(tx, person, work, parcel, note, at)
            told = join(f"Depot repair {repair.number} announced", note)

            def decide(work: Work) -> Said:
                check_owner(work)
                return waiting.tell(told)

            await self._board.say_all(tx, person, assignment_id, decide, based_on=based_on)
        return repair

    async def step(
        self,
        person: Person,
        repair_id: UUID,
        stage: Stage,
        token: int,
        note: str = "",
        *,
        carrier_reference: str = "",
    ) -> Repair:
        """Say where the device is. The work waits from when it is sent until it is back or lost. Raises as `move` does."""
        async with self._database.transaction() as tx:
            before = await self._lock(tx, REPAIRS, person, repair_id)
            moved = repairs.step(
                before,
                stage,
                note,
                worker=person.name,
                token=token,
                at=self._publisher.now(),
                carrier_reference=carrier_reference,
            )
            still = await self._waits(tx, moved)
            told = join(f"Depot repair {moved.number}: {stage.value.replace('_', ' ')}", note)

            def decide(work: Work) -> Said:
                if stage is Stage.SENT:
                    return waiting.wait_for(work, PauseParty.VENDOR, told)
                if before.stage in repairs.AWAY and moved.stage not in repairs.AWAY:
                    return waiting.wait_no_more(work, PauseParty.VENDOR, told, still=still)
                return waiting.tell(told)

            return await self._save(tx, REPAIRS, person, moved, decide)

    async def _add(
        self, tx: Transaction, person: Person, work: Work, parcel: Parcel, note: str, at: datetime
    ) -> Repair:
        for _ in range(_NUMBERS_TRIED):
            announced = Repair(
                tenant=work.tenant,
                id=self._publisher.new_id(),
                ticket=work.ticket,
                reference=work.reference,
                tier=work.tier,
                group_id=work.group_id,
                number=number_of(self._publisher.new_id()),
                device=parcel.device,
                depot=parcel.depot,
                carrier_reference=parcel.carrier_reference,
                announced_by=person.name,
                announced_at=at,
                changed_by=person.name,
                changed_at=at,
                note=note,
            )
            if await add_repair(tx.connection, announced):
                return announced
        raise AssertionError("return numbers repeat: the source of chance is broken")
