"""What people do with callbacks: see the line, take one on, say what came of it, promise one; and who may be calling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tierdesk_contracts.callback import CallbackNoted
from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.outcome import WorkProgressed
from tierdesk_desk.board import Board, NotFoundError
from tierdesk_desk.domain import callbacks as decisions
from tierdesk_desk.domain import work as works
from tierdesk_desk.domain.call_guard import Away, GuardDay
from tierdesk_desk.domain.callbacks import Attempt, Callback, Cause, Result, Stage
from tierdesk_desk.domain.numbers import tail_of
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.requests import Request, Requester
from tierdesk_desk.domain.roles import Verb, allows_in
from tierdesk_desk.store.call_guard import find_away, list_away, list_days
from tierdesk_desk.store.callbacks import (
    LineKey,
    add_attempt,
    list_attempts,
    list_held_by,
    list_held_of_number,
    list_line,
    list_of_ticket,
    list_places,
    lock_callback,
    lock_numbers,
    lock_of_tickets,
    read_callback,
    save_callbacks,
)
from tierdesk_desk.store.callers import find_alike
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.requests import list_requests
from tierdesk_desk.store.tickets import find_standings
from tierdesk_desk.store.works import find_work_of_ticket, lock_works, save_works
from tierdesk_policy import Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, Transaction

MOST_CALLERS: Final = 5
MOST_REQUESTS: Final = 5
"""So many open requests of each likely caller are shown."""
_HELD: Final = frozenset({works.Stage.OWNED, works.Stage.PAUSED})
_SAID: Final = {Stage.DONE: CallOutcome.ENDED, Stage.GIVEN_UP: CallOutcome.GIVEN_UP}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose number this is said to be, and what they have asked: a suggestion, since numbers are easily forged."""

    requester: Requester
    requests: tuple[Request, ...]


class Callbacks:
    """The callbacks of all tenants; each person sees those of the groups for which they have a grant."""

    def __init__(self, database: Database, shelf: PolicyShelf, publisher: Publisher, board: Board) -> None:
        self._database = database
        self._shelf = shelf
        self._publisher = publisher
        self._board = board

    async def page(
        self, person: Person, *, tier: str | None = None, group: str | None = None, after: LineKey | None, limit: int
    ) -> tuple[list[Callback], LineKey | None]:
        """Up to `limit` of those that are open, the first in line first, and where the next page begins.

        Of the groups that the person sees: also of one that the policy has no more, and, for who is granted all, of none.
        """
        async with self._database.read() as connection:
            places = [
                place
                for place in await list_places(connection, person.tenant)
                if tier in {None, place[0]} and group in {None, place[1]}
                if allows_in(person.grants, Verb.READ_BOARD, tier=place[0], group=place[1])
            ]
            found = await list_line(connection, person.tenant, places, after=after, limit=limit + 1)
        following = found[limit - 1] if len(found) > limit else None
        return found[:limit], None if following is None else (following.due_at, following.id)

    async def mine(self, person: Person) -> list[Callback]:
        """Those that the person has taken on, wherever they stand in line."""
        async with self._database.read() as connection:
            held = await list_held_by(connection, person.tenant, person.name, self._publisher.now())
        return [one for one in held if _may(person, Verb.WORK, one)]

    async def read(self, person: Person, callback_id: UUID) -> tuple[Callback, list[Attempt]]:
        """One callback, with the calls that were made. Raises `NotFoundError`."""
        async with self._database.read() as connection:
            found = await read_callback(connection, person.tenant, callback_id)
            if found is None or not _may(person, Verb.READ_BOARD, found):
                raise NotFoundError
            return found, await list_attempts(connection, person.tenant, callback_id)

    async def of_ticket(self, person: Person, ticket: str) -> list[Callback]:
        """Those of a ticket that the person may see, the open ones first."""
        async with self._database.read() as connection:
            found = await list_of_ticket(connection, person.tenant, ticket)
        return [one for one in found if _may(person, Verb.READ_BOARD, one)]

    async def promise(self, person: Person, ticket: str, number: str, *, note: str = "") -> Callback:
        """Promise to call back on a ticket of which the person has seen work; once for each number. Raises `NotFoundError`.

        What was promised already keeps its place in line, and has the note too.
        """
        seen = [work for work in await self._board.of_ticket(person, ticket) if _may_work(person, work)]
        if not seen:
            raise NotFoundError
        work, at = seen[0], self._publisher.now()
        policy = await self._board.policy(person.tenant)
        called = decisions.number_of(number, policy)
        async with self._database.transaction() as tx:
            await lock_numbers(tx.connection, [(person.tenant, called)])
            known = (await lock_of_tickets(tx.connection, [(person.tenant, ticket)])).get((person.tenant, ticket), [])
            same = decisions.find_same(known, called)
            if same is not None:
                noted = decisions.add_note(same, note, at)
                if noted is not same:
                    await save_callbacks(tx.connection, [noted])
                return noted
            standing = (await find_standings(tx.connection, {(person.tenant, ticket)})).get((person.tenant, ticket))
            priority = work.priority if standing is None else standing.priority
            category = work.category if standing is None else standing.category
            promised = Callback(
                tenant=person.tenant,
                id=self._publisher.new_id(),
                ticket=ticket,
                reference=work.reference,
                tier=work.tier,
                group_id=work.group_id,
                number=called,
                cause=Cause.DESK,
                promised_at=at,
                due_at=decisions.due_of(policy, at, priority=priority, category=category),
                ready_at=at,
                changed_at=at,
                note=note,
            )
            await save_callbacks(tx.connection, [promised])
            self._tell(tx, promised, person, CallOutcome.PROMISED)
        return promised

    async def claim(self, person: Person, callback_id: UUID) -> Callback:
        """Take it on. Once more changes nothing. Raises `NotFoundError`, `TakenError`, `OverError` and `ForbiddenStepError`."""
        async with self._database.transaction() as tx:
            found = await read_callback(tx.connection, person.tenant, callback_id)
            # The number first, as whoever opens one does; else the two could wait for each other.
            await lock_numbers(tx.connection, [] if found is None else [(found.tenant, found.number)])
            callback, policy = await self._lock(tx, person, callback_id)
            held = timedelta(seconds=1_800 if policy is None else policy.telephone.callbacks.claim_seconds)
            now = self._publisher.now()
            others = await list_held_of_number(tx.connection, callback.tenant, callback.number, now)
            claimed = decisions.claim(callback, others, person.name, now, holds=held)
            if claimed is not callback:
                await save_callbacks(tx.connection, [claimed])
        return claimed

    async def release(self, person: Person, callback_id: UUID, token: int) -> Callback:
        """Give it back to the line. Raises as `claim` does."""
        async with self._database.transaction() as tx:
            callback, _ = await self._lock(tx, person, callback_id)
            released = decisions.release(callback, person.name, token, self._publisher.now())
            await save_callbacks(tx.connection, [released])
        return released

    async def attempt(self, person: Person, callback_id: UUID, token: int, result: Result, note: str = "") -> Callback:
        """Say what came of calling: to the desk, to the ticket, and, with what was noted, to whoever works it.

        Raises as `claim` does.
        """
        async with self._database.transaction() as tx:
            callback, policy = await self._lock(tx, person, callback_id)
            tried, made = decisions.attempt(callback, person.name, token, result, note, self._publisher.now(), policy)
            await save_callbacks(tx.connection, [tried])
            await add_attempt(tx.connection, tried, made)
            self._tell(tx, tried, person, _SAID.get(tried.stage, CallOutcome.UNREACHED))
            if note:
                await self._note(tx, person, callback.ticket, note)
        return tried

    async def close(self, person: Person, callback_id: UUID, note: str = "") -> Callback:
        """Nobody need call any more. Raises as `claim` does."""
        async with self._database.transaction() as tx:
            callback, _ = await self._lock(tx, person, callback_id)
            closed = decisions.close(callback, person.name, self._publisher.now(), note)
            await save_callbacks(tx.connection, [closed])
        return closed

    async def callers(self, person: Person, number: str) -> list[Caller]:
        """Who may be calling from this number, with their open requests."""
        policy = await self._board.policy(person.tenant)
        called = decisions.number_of(number, policy)
        tail = tail_of(called)
        if not tail:
            return []
        async with self._database.read() as connection:
            alike = await find_alike(connection, person.tenant, tail)
            same = [one for one in alike if one.phone and decisions.number_of(one.phone, policy) == called]
            return [
                Caller(
                    one,
                    tuple(
                        await list_requests(connection, person.tenant, one.party, limit=MOST_REQUESTS, only_open=True)
                    ),
                )
                for one in same[:MOST_CALLERS]
            ]

    async def away(self, person: Person) -> Away | None:
        """Whether the person was reminded of the telephone, and is away from it yet."""
        async with self._database.read() as connection:
            return await find_away(connection, person.tenant, person.name, self._publisher.now())

    async def guard(self, person: Person, *, days: int) -> tuple[list[Away], list[GuardDay]]:
        """Who of the person's tenant is away from the telephone, and what was counted in the last days."""
        now = self._publisher.now()
        async with self._database.read() as connection:
            away = await list_away(connection, person.tenant, now)
            since = (now - timedelta(days=days - 1)).date()
            return away, await list_days(connection, person.tenant, since=since)

    async def _lock(self, tx: Transaction, person: Person, callback_id: UUID) -> tuple[Callback, Policy | None]:
        """It, and the policy."""
        policy = (await self._shelf.fetch_in_force(tx.connection)).get(person.tenant)
        locked = await lock_callback(tx.connection, person.tenant, callback_id)
        if locked is None or not _may(person, Verb.WORK, locked):
            raise NotFoundError
        return locked, policy

    async def _note(self, tx: Transaction, person: Person, ticket: str, note: str) -> None:
        """Say on the ticket what was heard, where whoever called has the ticket. Else it stands with the callback alone."""
        for one in await find_work_of_ticket(tx.connection, person.tenant, ticket):
            if one.worker != person.name or one.stage not in _HELD:
                continue
            key = (one.tenant, one.assignment_id)
            before = (await lock_works(tx.connection, [key]))[key]
            try:
                work, outcome = works.say(before, person.name, WorkProgressed, {"note": note}, self._publisher.now())
            except (works.TakenError, works.OverError, works.ForbiddenStepError):
                return
            await save_works(tx.connection, {key: before}, [work])
            self._publisher.send(tx, outcome, tenant=work.tenant, subject=work.ticket)
            return

    def _tell(self, tx: Transaction, callback: Callback, person: Person, outcome: CallOutcome) -> None:
        noted = CallbackNoted(
            callback_id=callback.id,
            number=callback.number,
            outcome=outcome,
            worker=person.name,
            at=self._publisher.now(),
        )
        self._publisher.send(tx, noted, tenant=callback.tenant, subject=callback.ticket)


def _may(person: Person, verb: Verb, callback: Callback) -> bool:
    return allows_in(person.grants, verb, tier=callback.tier, group=callback.group_id)


def _may_work(person: Person, work: works.Work) -> bool:
    return allows_in(person.grants, Verb.WORK, tier=work.tier, group=work.group_id)
