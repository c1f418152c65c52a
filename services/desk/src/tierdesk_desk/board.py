"""What people do with the board: see it, claim work, say what becomes of it. Pages and endpoints ask here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.outcome import Outcome
from tierdesk_desk.domain import work as decisions
from tierdesk_desk.domain.oversight import Release, release, release_of
from tierdesk_desk.domain.people import Person, Place, places_of, places_worked
from tierdesk_desk.domain.roles import Verb, allows_in
from tierdesk_desk.domain.work import Stage, Work
from tierdesk_desk.store.audit import open_trail
from tierdesk_desk.store.finding import find_open_works
from tierdesk_desk.store.oversight import Holder, Risk, list_holders, read_risks
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.takings import add_taking, lock_taking
from tierdesk_desk.store.tickets import Standing, find_standings
from tierdesk_desk.store.works import (
    Rank,
    count_held,
    find_work_of_ticket,
    list_board,
    list_firsts,
    list_held,
    list_left,
    lock_next,
    lock_works,
    rank_of,
    read_counts,
    read_work,
    save_works,
)
from tierdesk_policy import Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, Transaction

MOST_HELD: Final = 200
"""So much of what one person has is shown."""
MOST_RELEASED: Final = 50
"""So much of what somebody left last is looked through for what was taken back."""
_LOOKED_AT: Final = (10, 100, 1_000)
"""So many of the best are looked at for the next to take, while others are just about to take them."""


class NotFoundError(Exception):
    """There is no such work, or none that this person may see: which of the two is not told."""


class FullError(Exception):
    """The person has as much as the capacity allows; `capacity` is how much."""

    def __init__(self, capacity: int) -> None:
        super().__init__(f"you have {capacity} already, as much as you can take")
        self.capacity = capacity


class Board:
    """The board of all tenants; each person sees the groups for which they have a grant."""

    def __init__(
        self, database: Database, shelf: PolicyShelf, publisher: Publisher, *, worked: frozenset[str] | None = None
    ) -> None:
        """`worked` names the groups that people work here; None for all that `places_worked` finds."""
        self._worked = worked
        self._database = database
        self._shelf = shelf
        self._publisher = publisher

    def now(self) -> datetime:
        """The business time."""
        return self._publisher.now()

    async def policy(self, tenant: str) -> Policy | None:
        """The policy in force; None before the first has been heard of."""
        async with self._database.read() as connection:
            return await self._shelf.find_in_force(connection, tenant)

    async def places(self, person: Person, verb: Verb = Verb.READ_BOARD) -> list[Place]:
        """The groups that people work here, of those for which the person has this verb; also one that the policy has no
        more, while there is work in it.
        """
        async with self._database.read() as connection:
            counts = await read_counts(connection, person.tenant)
            return await self._places(connection, person, verb, counts)

    async def claim(self, person: Person, assignment_id: UUID) -> Work:
        """Take this work. Who has it already is answered it as it is.

        Raises `NotFoundError`, `TakenError`, `OverError` and `FullError`.
        """
        async with self._database.transaction() as tx:
            work = await self._lock(tx, person, assignment_id, Verb.WORK)
            return await self._claim(tx, person, work)

    async def take_next(self, person: Person, *, key: str | None = None) -> Work | None:
        """Take the best work that is free in the person's groups; None when there is none. Raises `FullError`.

        The same `key` of the same person is answered with the same work for a day, whatever has become of it.
        """
        places = await self.places(person, Verb.WORK)
        for looked_at in _LOOKED_AT:
            async with self._database.transaction() as tx:
                taken = None if key is None else await lock_taking(tx.connection, person.tenant, person.account_id, key)
                if taken is not None and (known := await read_work(tx.connection, person.tenant, taken)) is not None:
                    return known
                work = await lock_next(tx.connection, person.tenant, places, person.skills, looked_at=looked_at)
                if work is not None:
                    claimed = await self._claim(tx, person, work)
                    if key is not None and taken is None:
                        await add_taking(tx.connection, person.tenant, person.account_id, key, claimed.assignment_id)
                    return claimed
        return None

    async def release(self, person: Person, assignment_id: UUID, *, owner: str, reason: str) -> Work:
        """Take work back from `owner` and offer it to the others of its group, for whoever oversees that group.

        Stands in the audit. Raises `NotFoundError`, `OverError`, `TakenError` when another has it by now, and pydantic's
        `ValidationError`.
        """
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, person.tenant)
            before = await self._lock(tx, person, assignment_id, Verb.OVERSEE)
            now = self._publisher.now()
            work, outcome = release(before, owner, person.name, reason, now)
            await self._save(tx, before, work, outcome)
            detail = {"ticket": work.reference, "assignment": str(assignment_id), "reason": reason}
            await trail.note(
                at=now, actor=f"person:{person.name}", action="work.released", subject=owner, detail=detail
            )
            return work

    async def find(self, person: Person, question: str, *, common: int, limit: int) -> list[Work]:
        """Open work that the person may see and that has at least `common` of these words, the most alike first."""
        places = await self.places(person)
        async with self._database.read() as connection:
            return await find_open_works(connection, person.tenant, places, question, common=common, limit=limit)

    async def oversee(
        self, person: Person, places: Sequence[Place], *, soon: timedelta
    ) -> tuple[dict[Place, Risk], list[Holder]]:
        """How those of these groups stand that the person looks after, and who has their work. `soon` is due within that."""
        seen = places_of(person.grants, Verb.OVERSEE, places)
        now = self._publisher.now()
        async with self._database.read() as connection:
            risks = await read_risks(connection, person.tenant, seen, now=now, soon=now + soon)
            holders = await list_holders(connection, person.tenant, seen, now=now, limit=MOST_HELD)
        return risks, holders

    async def held_by(self, person: Person, worker: str) -> list[Work]:
        """What this worker has of the groups that the person looks after, the most urgent first."""
        async with self._database.read() as connection:
            held = await list_held(connection, person.tenant, worker, limit=MOST_HELD)
        return [work for work in held if _may(person, Verb.OVERSEE, work)]

    async def released(self, person: Person) -> list[tuple[Work, Release]]:
        """What was taken back from this person lately, the last first."""
        now = self._publisher.now()
        async with self._database.read() as connection:
            left = await list_left(connection, person.tenant, person.name, limit=MOST_RELEASED)
        told = [(work, release_of(work, now)) for work in left if _may(person, Verb.READ_BOARD, work)]
        return [(work, one) for work, one in told if one is not None]

    async def say(
        self,
        person: Person,
        assignment_id: UUID,
        model: type[Outcome],
        fields: Mapping[str, Any],
        *,
        based_on: int | None = None,
    ) -> Work:
        """Say what becomes of work that the person has, by a message of the protocol.

        With `based_on`, the `ordinal` that the person has seen, what was said already is not said again. Raises `NotFoundError`,
        `TakenError`, `OverError`, `MovedOnError`, `ForbiddenStepError`, and pydantic's `ValidationError`.
        """
        async with self._database.transaction() as tx:
            return await self.say_all(tx, person, assignment_id, lambda _: [(model, fields)], based_on=based_on)

    async def say_all(
        self,
        tx: Transaction,
        person: Person,
        assignment_id: UUID,
        decide: Callable[[Work], Sequence[tuple[type[Outcome], Mapping[str, Any]]]],
        *,
        based_on: int | None = None,
    ) -> Work:
        """As `say`, in the transaction of whoever changes more with it: what is decided of the work as it stands, in order."""
        work = await self._lock(tx, person, assignment_id, Verb.WORK)
        for model, fields in decide(work):
            before, now = work, self._publisher.now()
            work, outcome = decisions.say(before, person.name, model, dict(fields), now, based_on=based_on)
            await self._save(tx, before, work, outcome)
            based_on = None
        return work

    async def read(self, person: Person, assignment_id: UUID) -> Work:
        """This work. Raises `NotFoundError`."""
        async with self._database.read() as connection:
            work = await read_work(connection, person.tenant, assignment_id)
        if work is None or not _may(person, Verb.READ_BOARD, work):
            raise NotFoundError
        return work

    async def of_ticket(self, person: Person, ticket: str) -> list[Work]:
        """All work on a ticket that the person may see, the newest first. Raises `NotFoundError` when there is none."""
        async with self._database.read() as connection:
            found = await find_work_of_ticket(connection, person.tenant, ticket)
        seen = [work for work in found if _may(person, Verb.READ_BOARD, work)]
        if not seen:
            raise NotFoundError
        return seen

    async def mine(self, person: Person) -> list[Work]:
        """What the person has, the most urgent first."""
        async with self._database.read() as connection:
            held = await list_held(connection, person.tenant, person.name, limit=MOST_HELD)
        return [work for work in held if _may(person, Verb.READ_BOARD, work)]

    async def left(self, person: Person, *, limit: int = MOST_HELD) -> list[tuple[Work, Standing | None]]:
        """What the person has resolved or handed on, the last first, and where each ticket stands now."""
        async with self._database.read() as connection:
            left = await list_left(connection, person.tenant, person.name, limit=limit)
            works = [work for work in left if _may(person, Verb.READ_BOARD, work)]
            standings = await find_standings(connection, {(work.tenant, work.ticket) for work in works})
        return [(work, standings.get((work.tenant, work.ticket))) for work in works]

    async def page(
        self,
        person: Person,
        *,
        places: Sequence[Place] | None = None,
        held: bool = False,
        after: Rank | None,
        limit: int,
    ) -> tuple[list[Work], Rank | None]:
        """Up to `limit` of what is free in these groups, or what their people have, the most urgent first.

        Groups that the person may not see are left out; without `places` all that they may. The second answer is where
        the next page begins; None on the last.
        """
        if places is None:
            seen = await self.places(person)
        else:
            seen = places_of(person.grants, Verb.READ_BOARD, places)
        async with self._database.read() as connection:
            works = await list_board(connection, person.tenant, seen, held=held, after=after, limit=limit + 1)
        return works[:limit], rank_of(works[limit - 1]) if len(works) > limit else None

    async def counts(self, person: Person) -> dict[Place, dict[Stage, int]]:
        """How much work of each group that the person may see stands where."""
        async with self._database.read() as connection:
            counts = await read_counts(connection, person.tenant)
            own = await self._places(connection, person, Verb.READ_BOARD, counts)
        return {place: counts.get(place, {}) for place in own}

    async def firsts(self, person: Person, places: Sequence[Place]) -> dict[Place, Work]:
        """The most urgent of what is free in each of these groups that the person may see."""
        async with self._database.read() as connection:
            seen = places_of(person.grants, Verb.READ_BOARD, places)
            firsts = await list_firsts(connection, person.tenant, seen)
        return {(work.tier, work.group_id): work for work in firsts}

    async def _places(
        self, connection: AsyncConnection, person: Person, verb: Verb, counts: Mapping[Place, Mapping[Stage, int]]
    ) -> list[Place]:
        policy = await self._shelf.find_in_force(connection, person.tenant)
        if policy is None:
            return []
        waiting = [place for place, stages in counts.items() if any(stages.values())]
        return places_of(person.grants, verb, places_worked(policy, self._worked, waiting))

    async def _lock(self, tx: Transaction, person: Person, assignment_id: UUID, verb: Verb) -> Work:
        key = (person.tenant, assignment_id)
        work = (await lock_works(tx.connection, [key])).get(key)
        if work is None or not _may(person, verb, work):
            raise NotFoundError
        return work

    async def _claim(self, tx: Transaction, person: Person, before: Work) -> Work:
        work, outcome = decisions.claim(before, person.name, self._publisher.now())
        if outcome is None:
            return work
        if person.capacity is not None:
            held = await count_held(tx.connection, person.tenant, person.name, limit=person.capacity)
            if held >= person.capacity:
                raise FullError(person.capacity)
        await self._save(tx, before, work, outcome)
        return work

    async def _save(self, tx: Transaction, before: Work, work: Work, outcome: Outcome) -> None:
        key = (work.tenant, work.assignment_id)
        await save_works(tx.connection, {key: before}, [work])
        self._publisher.send(tx, outcome, tenant=work.tenant, subject=work.ticket)


def _may(person: Person, verb: Verb, work: Work) -> bool:
    return allows_in(person.grants, verb, tier=work.tier, group=work.group_id)
