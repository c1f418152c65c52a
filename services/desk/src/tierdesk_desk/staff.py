"""The people of the desk and those who look after them: who is there, who serves when, what each has solved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.accounts import Account
from tierdesk_desk.domain.changes import PresenceChange
from tierdesk_desk.domain.people import Person, Place, places_of, places_worked
from tierdesk_desk.domain.presence import Presence, Standing, State, say
from tierdesk_desk.domain.records import MONTHS, Line, Proposal, compare, propose
from tierdesk_desk.domain.roles import Grant, Role, Verb, grants_with
from tierdesk_desk.domain.rota import Entry
from tierdesk_desk.domain.shifts import Shift, ShiftError, check_person, check_place, check_span
from tierdesk_desk.store.accounts import find_account
from tierdesk_desk.store.audit import open_trail
from tierdesk_desk.store.feed import tell
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.presence import list_standings, read_presence, save_presence
from tierdesk_desk.store.records import first_month, read_tallies
from tierdesk_desk.store.shifts import (
    ShiftRank,
    list_shifts,
    lock_shift,
    remove_shift,
    save_shifts,
    withdraw_shifts,
)
from tierdesk_policy import Fault, Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, Transaction

_NAMED: Final = 50
"""So many people of an import are named in the audit."""


class UnknownPersonError(Exception):
    """There is no such person, or none that whoever asks looks after: which of the two is not told."""


class UnknownShiftError(Exception):
    """There is no such shift, or none of a group that whoever asks looks after."""


class SameShiftError(Exception):
    """The person has a shift in this group that begins then."""


@dataclass(frozen=True, slots=True)
class Roll:
    """What a rota was made of: shifts that are new, that have another end, that stood already, and that were withdrawn."""

    added: int
    moved: int
    same: int
    withdrawn: int


class Staff:
    """Presence, shifts and records of all tenants. `worked` names the groups that people work here; None for all."""

    def __init__(
        self, database: Database, shelf: PolicyShelf, publisher: Publisher, *, worked: frozenset[str] | None = None
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._publisher = publisher
        self._worked = worked

    async def presence(self, person: Person) -> Presence:
        """What the person says of themselves."""
        async with self._database.read() as connection:
            return await read_presence(connection, person.tenant, person.account_id)

    async def say(self, person: Person, state: State) -> Presence:
        """Say that one is available, busy or away. The same again changes nothing."""
        async with self._database.transaction() as tx:
            before = await read_presence(tx.connection, person.tenant, person.account_id)
            after = say(before, state, self._publisher.now())
            if after != before:
                await save_presence(tx.connection, person.tenant, person.account_id, after)
                await _tell(tx, person.tenant, person.name, person.grants, after.state.value)
        return after

    async def people(self, person: Person, *, after: str = "", limit: int) -> list[Standing]:
        """Those who work the groups that the person looks after, in the order of logins, those after this one."""
        overseen = grants_with(person.grants, Verb.OVERSEE)
        async with self._database.read() as connection:
            return await list_standings(
                connection, person.tenant, overseen, self._publisher.now(), after=after, limit=limit
            )

    async def record(self, person: Person, name: str) -> tuple[Standing, list[Line], list[Proposal]]:
        """What somebody solved and escalated in the last `MONTHS` months, and what follows from it.

        Of others as far as the person looks after the groups; of oneself in all groups that one works. Raises
        `UnknownPersonError`.
        """
        is_own = name == person.name
        overseen = grants_with(person.grants, Verb.WORK if is_own else Verb.OVERSEE)
        now = self._publisher.now()
        async with self._database.read() as connection:
            found = await list_standings(connection, person.tenant, overseen, now, name=name, limit=1)
        if not found:
            raise UnknownPersonError
        lines, proposals = await self._records(person.tenant, overseen, found, now)
        return (
            found[0],
            [line for line in lines if line.name == name],
            [one for one in proposals if one.name == name],
        )

    async def records(self, person: Person, people: Sequence[Standing]) -> tuple[list[Line], list[Proposal]]:
        """What all of these solved and escalated, in the groups that the person looks after."""
        overseen = grants_with(person.grants, Verb.OVERSEE)
        lines, proposals = await self._records(person.tenant, overseen, people, self._publisher.now())
        shown = {one.name for one in people}
        return [line for line in lines if line.name in shown], [one for one in proposals if one.name in shown]

    async def shifts(self, person: Person, *, after: ShiftRank, name: str | None = None, limit: int) -> list[Shift]:
        """Shifts of the groups that the person looks after, in the order in which they end."""
        overseen = grants_with(person.grants, Verb.OVERSEE)
        async with self._database.read() as connection:
            return await list_shifts(connection, person.tenant, overseen, after=after, name=name, limit=limit)

    async def places(self, person: Person) -> list[Place]:
        """The groups that people work here and that the person looks after."""
        policy = await self._policy(person.tenant)
        return [] if policy is None else places_of(person.grants, Verb.OVERSEE, places_worked(policy, self._worked))

    async def add_shift(self, person: Person, name: str, place: Place, starts_at: datetime, ends_at: datetime) -> Shift:
        """Let somebody serve a group from then to then. Raises `ShiftError` and `SameShiftError`."""
        check_place(place, await self.places(person))
        check_span(starts_at, ends_at)
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, person.tenant)
            account = check_person(await find_account(tx.connection, person.tenant, name.strip().lower()), name, place)
            shift = Shift(person.tenant, self._publisher.new_id(), account.id, account.name, *place, starts_at, ends_at)
            if not (await save_shifts(tx.connection, [shift])).added:
                raise SameShiftError  # which takes back the end, if that was another
            await trail.note(
                at=self._publisher.now(),
                actor=f"person:{person.name}",
                action="shift.added",
                subject=account.name,
                detail=_told(shift),
            )
            await _tell(tx, person.tenant, account.name, account.grants, "")
        return shift

    async def remove_shift(self, person: Person, shift_id: UUID) -> None:
        """Take a shift away. Raises `UnknownShiftError`."""
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, person.tenant)
            shift = await lock_shift(tx.connection, person.tenant, shift_id)
            overseen = grants_with(person.grants, Verb.OVERSEE)
            if shift is None or not any(grant.covers(shift.tier, shift.group_id) for grant in overseen):
                raise UnknownShiftError
            await remove_shift(tx.connection, person.tenant, shift_id)
            await trail.note(
                at=self._publisher.now(),
                actor=f"person:{person.name}",
                action="shift.removed",
                subject=shift.name,
                detail=_told(shift),
            )
            await _tell(tx, person.tenant, shift.name, [Grant(Role.AGENT, shift.tier, shift.group_id)], "")

    async def take_rota(
        self,
        tenant: str,
        entries: Sequence[Entry],
        *,
        by: str,
        source: str,
        withdraw: tuple[datetime, datetime] | None = None,
    ) -> tuple[Roll, list[Fault]]:
        """Write the shifts of a rota that can be; answers how many, and the faults of the others with their lines.

        With `withdraw`, shifts that begin within that span, of the people whom the rota names, are removed where it has them no more.
        All of it in one transaction, with one entry in the audit. `by` is the actor that this names.
        """
        policy = await self._policy(tenant)
        places = [] if policy is None else places_worked(policy, self._worked)
        shifts: list[Shift] = []
        faults: list[Fault] = []
        accounts: dict[str, Account] = {}
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, tenant)
            for name in sorted({entry.person for entry in entries}):
                if (account := await find_account(tx.connection, tenant, name)) is not None:
                    accounts[name] = account
            for entry in entries:
                try:
                    check_place(entry.place, places)
                    account = check_person(accounts.get(entry.person), entry.person, entry.place)
                except ShiftError as error:
                    faults.append(Fault(source, entry.line, error.field, error.reason))
                    continue
                new_id = self._publisher.new_id()
                shifts.append(
                    Shift(tenant, new_id, account.id, account.name, *entry.place, entry.starts_at, entry.ends_at)
                )
            withdrawn = 0
            if withdraw is not None:
                people = {account.id for account in accounts.values()}
                withdrawn = await withdraw_shifts(tx.connection, tenant, people, shifts, withdraw)
            saved = await save_shifts(tx.connection, shifts)
            roll = Roll(
                saved.added, saved.moved, len(set(map(_place_in_time, shifts))) - saved.added - saved.moved, withdrawn
            )
            if roll.added or roll.moved or roll.withdrawn:
                await trail.note(
                    at=self._publisher.now(),
                    actor=by,
                    action="rota.imported",
                    subject="rota",
                    detail={
                        "added": roll.added,
                        "moved": roll.moved,
                        "withdrawn": roll.withdrawn,
                        "people": sorted(accounts)[:_NAMED],
                    },
                )
                for account in accounts.values():
                    await _tell(tx, tenant, account.name, account.grants, "")
        return roll, faults

    async def zone(self, tenant: str) -> str | None:
        """The zone of the usual calendar of the policy in force; None where there is no such."""
        policy = await self._policy(tenant)
        if policy is None:
            return None
        return next((one.tz for one in policy.calendars if one.id == policy.default_calendar), None)

    async def _records(
        self, tenant: str, overseen: Iterable[Grant], people: Sequence[Standing], now: datetime
    ) -> tuple[list[Line], list[Proposal]]:
        policy = await self._policy(tenant)
        if policy is None:
            return [], []
        held = list(overseen)
        places = [place for place in places_worked(policy, self._worked) if any(grant.covers(*place) for grant in held)]
        async with self._database.read() as connection:
            counted = await read_tallies(connection, tenant, places, since=first_month(now, MONTHS))
        lines = compare(counted)
        needed = {category.id: category.skills for category in policy.categories}
        return lines, propose(lines, {one.name: one.skills for one in people}, needed)

    async def _policy(self, tenant: str) -> Policy | None:
        async with self._database.read() as connection:
            return (await self._shelf.fetch_in_force(connection)).get(tenant)


async def _tell(tx: Transaction, tenant: str, name: str, grants: Iterable[Grant], state: str) -> None:
    """Tell those who look after somebody, and who hands out work, that something of them has changed."""
    serves = tuple((grant.tier, grant.group) for grant in grants_with(grants, Verb.WORK))[:_NAMED]
    await tell(tx.connection, [PresenceChange(tenant=tenant, person=name, state=state, serves=serves)])


def _told(shift: Shift) -> dict[str, object]:
    return {
        "place": f"{shift.tier}/{shift.group_id}",
        "starts_at": shift.starts_at.isoformat(),
        "ends_at": shift.ends_at.isoformat(),
    }


def _place_in_time(shift: Shift) -> tuple[UUID, str, str, datetime]:
    return shift.account_id, shift.tier, shift.group_id, shift.starts_at
