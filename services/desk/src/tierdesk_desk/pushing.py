"""Hands out the work of the groups whose policy says so, to those who are there, in their names.

What is handed out is claimed as if the person had claimed it, so that the router decides as ever. Each pass is one transaction:
of the replicas one at a time hands out a tenant's work, and what one that dies has begun is undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from tierdesk_desk.domain import work as decisions
from tierdesk_desk.domain.assigning import Candidate, Choice, Free, choose, needs_of
from tierdesk_desk.domain.changes import Change, PresenceChange, WorkChange
from tierdesk_desk.domain.people import Place, places_worked
from tierdesk_desk.domain.work import Stage, Work
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.presence import hold_candidates, list_candidates, note_given
from tierdesk_desk.store.pushing import find_given_up, has_free, lock_free, take_turn
from tierdesk_desk.store.works import save_works
from tierdesk_policy import Assign, Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, Transaction, is_redo
from tierdesk_store.pausing import wait_for_any

SWEEP_SECONDS: Final = 3.0
"""So often is looked without being told of anything: a shift begins, a page is closed, and no row changes."""
LEAST_REST_SECONDS: Final = 0.05
MOST_AT_ONCE: Final = 100
"""So much is handed out in one transaction."""
_TELLING: Final = frozenset({Stage.OFFERED, Stage.LEFT, Stage.GONE})


class Pusher:
    """Hands out work. `worked` names the groups that people work here; None for all that `places_worked` finds."""

    def __init__(
        self, database: Database, shelf: PolicyShelf, publisher: Publisher, *, worked: frozenset[str] | None = None
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._publisher = publisher
        self._worked = worked
        self._places: dict[str, list[Place]] = {}
        self._woken = asyncio.Event()

    def hear(self, change: Change | None) -> None:
        """Look at once, if this can mean that work can be handed out. None when changes may have been missed."""
        if change is None or (change.tenant in self._places and _is_telling(change)):
            self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set: at once again while there is more, else when woken or after `SWEEP_SECONDS`.

        Rests as long as it worked, so that it never takes more than half of a connection's time.
        """
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            self._woken.clear()
            began_at, pushed = loop.time(), 0
            try:
                pushed = await self.push()
            except Exception as error:
                if not is_redo(error):
                    raise
            await wait_for_any(stop, timeout_seconds=max(LEAST_REST_SECONDS, loop.time() - began_at))
            if not pushed:
                await wait_for_any(stop, self._woken, timeout_seconds=SWEEP_SECONDS)

    async def push(self) -> int:
        """Hand out some of what is free, up to `MOST_AT_ONCE` of each tenant; answers how much."""
        async with self._database.read() as connection:
            policies = await self._shelf.fetch_in_force(connection)
        self._places = places_pushed(policies, self._worked)
        return sum([await self._push(tenant, places) for tenant, places in self._places.items()])

    async def _push(self, tenant: str, places: list[Place]) -> int:
        now = self._publisher.now()
        async with self._database.read() as connection:
            if not await has_free(connection, tenant, places):
                return 0
            needs = needs_of(await list_candidates(connection, tenant, now), places)
        if not needs:
            return 0
        async with self._database.transaction() as tx:
            if not await take_turn(tx.connection, tenant):
                return 0
            candidates = await list_candidates(tx.connection, tenant, now)
            works = await lock_free(tx.connection, tenant, needs_of(candidates, places), limit=MOST_AT_ONCE)
            given_up = await find_given_up(tx.connection, tenant, {work.ticket for work in works})
            free = [
                Free(
                    work.assignment_id,
                    (work.tier, work.group_id),
                    frozenset(work.skills),
                    given_up.get(work.ticket, frozenset()),
                )
                for work in works
            ]
            first = {one.account_id for one in choose(free, candidates, now)}
            chosen = [one for one in candidates if one.account_id in first]
            if not chosen:
                return 0
            # They may have claimed something, or lost a grant, since they were read. From here on they cannot.
            await hold_candidates(tx.connection, tenant, chosen)
            certain = await list_candidates(tx.connection, tenant, now, only=[one.account_id for one in chosen])
            choices = choose(free, certain, now)
            await self._give(tx, works, choices, certain)
        return len(choices)

    async def _give(
        self, tx: Transaction, works: list[Work], choices: list[Choice], candidates: list[Candidate]
    ) -> None:
        now = self._publisher.now()
        before = {work.assignment_id: work for work in works}
        names = {one.account_id: one.name for one in candidates}
        given = []
        for choice in choices:
            work, outcome = decisions.push(before[choice.assignment_id], names[choice.account_id], now)
            given.append(work)
            self._publisher.send(tx, outcome, tenant=work.tenant, subject=work.ticket)
        if given:
            stood = {(work.tenant, work.assignment_id): work for work in works}
            await note_given(tx.connection, given[0].tenant, {choice.account_id for choice in choices}, now)
            await save_works(tx.connection, stood, given)


def _is_telling(change: Change) -> bool:
    return isinstance(change, PresenceChange) or (isinstance(change, WorkChange) and change.stage in _TELLING)


def places_pushed(policies: Mapping[str, Policy], worked: frozenset[str] | None) -> dict[str, list[Place]]:
    """The groups that people work here and whose work is handed out, by tenant; of tenants that have any."""
    found = {}
    for tenant, policy in policies.items():
        pushed = {(group.tier, group.id) for group in policy.groups if group.assign is Assign.PUSH}
        if places := [place for place in places_worked(policy, worked) if place in pushed]:
            found[tenant] = places
    return found
