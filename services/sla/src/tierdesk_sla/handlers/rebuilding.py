"""Builds all clocks anew from what was kept of their tickets, compares them with the live ones, and puts them in place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_policy import BusinessTimeError, Policy
from tierdesk_runtime.clock import Clock as BusinessClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_sla.domain.alarms import next_moment, recall
from tierdesk_sla.domain.replaying import BrokenHistoryError, replay
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.handlers.pages import PAGE, Findings, Told, do_page
from tierdesk_sla.handlers.publishing import publish
from tierdesk_sla.handlers.ticket_changes import TicketChangesHandler, retract_refuted
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.rebuilding import (
    KeptClock,
    KeptTicket,
    count_tickets,
    empty_beside,
    exchange,
    list_tickets,
    load_kept,
    load_moves,
    load_references,
    load_sayings,
    lock_tickets,
    save_beside,
)
from tierdesk_sla.store.timelines import Record, TicketKey, load_changes
from tierdesk_sla.store.watch import save_alerts
from tierdesk_store import Database, Transaction


@dataclass
class Comparison:
    """What a rebuild found. `broken` tickets cannot be rebuilt, and stay as they are."""

    clocks: int = 0
    differing: int = 0
    """How many clocks."""
    tickets: int = 0
    """How many tickets have something that differs."""
    differences: Findings[str] = field(default_factory=Findings)
    broken: Findings[tuple[TicketKey, str]] = field(default_factory=Findings)

    def add(self, page: Comparison) -> None:
        """Count what a page found, too."""
        self.clocks += page.clocks
        self.differing += page.differing
        self.tickets += page.tickets
        self.differences.add_all(page.differences)
        self.broken.add_all(page.broken)


_Write = Callable[[Transaction, dict[TicketKey, KeptTicket], Sequence[TicketKey]], Awaitable[None]]
"""Writes what was built of a page, and knows which of it differs from the live rows. The page's tickets are locked."""


async def rebuild(database: Database, shelf: PolicyShelf, told: Told) -> Comparison:
    """Build the clocks of all tickets into the tables beside the live ones, page by page, and compare each page.

    The live tables are not written.
    """

    async def write(tx: Transaction, built: dict[TicketKey, KeptTicket], _: Sequence[TicketKey]) -> None:
        await save_beside(tx.connection, list(built.values()))

    async with database.transaction() as tx:
        await empty_beside(tx.connection)
    return await _compare_all(database, shelf, told, write)


async def swap(
    database: Database, shelf: PolicyShelf, clock: BusinessClock, identifiers: Identifiers, told: Told
) -> Comparison:
    """Build and compare likewise, and put what differs in the place of the live clocks, page by page.

    Each page is a transaction under the locks of its own tickets, begun anew as `do_page` says; after a failure the
    same call goes on with what differs still. What stood there stands beside the live tables until the next
    `rebuild`. What was said is not said again; a breach that the rebuilt clocks refute is retracted.
    """

    async def write(tx: Transaction, built: dict[TicketKey, KeptTicket], differing: Sequence[TicketKey]) -> None:
        if differing:
            tickets = [await _settle(tx, built[key], clock, identifiers) for key in differing]
            await exchange(tx.connection, differing, tickets)

    return await _compare_all(database, shelf, told, write)


async def _compare_all(database: Database, shelf: PolicyShelf, told: Told, write: _Write) -> Comparison:
    found = Comparison()
    after: TicketKey | None = None
    seen = 0
    async with database.read() as connection:
        total = await count_tickets(connection)
    while True:
        keys, page = await do_page(partial(_compare_page, database, shelf, write, after))
        if not keys:
            return found
        found.add(page)
        after = keys[-1]
        seen += len(keys)
        told(seen, max(seen, total))


async def _compare_page(
    database: Database, shelf: PolicyShelf, write: _Write, after: TicketKey | None
) -> tuple[Sequence[TicketKey], Comparison]:
    """The tickets of the next page, and what was found of them once it is committed."""
    found = Comparison()
    async with database.transaction() as tx:
        keys = await list_tickets(tx.connection, after, PAGE)
        if not keys:
            return keys, found
        await lock_tickets(tx, TicketChangesHandler.name, keys)
        live = await load_kept(tx.connection, keys)
        built, broken = await _build(tx.connection, keys, shelf)
        differing = [key for key in built if _compare(found, live.get(key), built[key])]
        await write(tx, built, differing)
    for one in broken.items():
        found.broken.add(one)
    found.tickets = len(differing)
    return keys, found


async def _build(
    connection: AsyncConnection, keys: Sequence[TicketKey], shelf: PolicyShelf
) -> tuple[dict[TicketKey, KeptTicket], dict[TicketKey, str]]:
    """The tickets as they follow from what was kept, and why some do not."""
    changes = await load_changes(connection, keys)
    moves = await load_moves(connection, keys)
    references = await load_references(connection, keys)
    versions = {(key[0], one.policy_version) for key in keys for one in changes.get(key, ())}
    versions |= {(key[0], one.version) for key in keys for one in moves.get(key, ())}
    await shelf.fetch(connection, versions)
    timelines: dict[TicketKey, Timeline] = {}
    broken: dict[TicketKey, str] = {}
    for key in keys:
        if key not in changes or key not in references:
            broken[key] = f"no {'row' if key in changes else 'event'} of it is there"
            continue
        blank = Timeline(*key, references[key], changes[key][0].policy_version)
        try:
            timelines[key] = replay(blank, changes[key], moves.get(key, ()), _Policies(shelf, key[0]).find)
        except (BrokenHistoryError, BusinessTimeError, ValidationError) as error:
            broken[key] = str(error).partition("\n")[0]
    sayings = await load_sayings(
        connection, [(key[0], clock.id) for key, timeline in timelines.items() for clock in timeline.clocks]
    )
    built = {}
    for key, timeline in timelines.items():
        alarms = [recall(sayings.get((key[0], clock.id), ())) for clock in timeline.clocks]
        built[key] = _keep(
            Record(timeline, {clock.id: alarm for clock, alarm in zip(timeline.clocks, alarms, strict=True)})
        )
    return built, broken


class _Policies:
    """The policies of one tenant, by version."""

    def __init__(self, shelf: PolicyShelf, tenant: str) -> None:
        self._shelf = shelf
        self._tenant = tenant

    def find(self, version: str) -> Policy:
        policy = self._shelf.get((self._tenant, version))
        if policy is None:
            raise BrokenHistoryError(f"policy {version} is not known here, or none to this release")
        return policy


def _keep(record: Record) -> KeptTicket:
    clocks = []
    for clock in record.timeline.clocks:
        moment = next_moment(clock, record.alarm(clock.id))
        clocks.append(KeptClock(clock, record.alarm(clock.id), None if moment is None else moment.at))
    return KeptTicket(record.timeline, tuple(clocks))


async def _settle(tx: Transaction, one: KeptTicket, clock: BusinessClock, identifiers: Identifiers) -> KeptTicket:
    """Take back the breaches that the rebuilt clocks refute."""
    record = Record(one.timeline, {kept.clock.id: kept.alarm for kept in one.clocks})
    retracted = retract_refuted(record)
    if not retracted:
        return one
    now = clock.now()
    new = await save_alerts(tx.connection, [said for said, _, _ in retracted], now)
    for said, data, ticket_id in retracted:
        if said.key in new:
            publish(tx, data, said.tenant, ticket_id, now, identifiers)
    return _keep(record)


def _compare(found: Comparison, live: KeptTicket | None, built: KeptTicket) -> bool:
    """Count what differs; answers whether anything does."""
    found.clocks += len(built.clocks)
    told = list(_differences(live, built))
    if told:
        found.differing += max(1, len({clock for clock, _ in told if clock is not None}))
    for _, difference in told:
        found.differences.add(f"{built.timeline.reference} {difference}")
    return bool(told)


def _differences(live: KeptTicket | None, built: KeptTicket) -> Iterator[tuple[int | None, str]]:
    """What differs, each with the place of its clock."""
    if live is None:
        yield None, "has no rows"
        return
    for name, was, now in zip(Timeline._fields, live.timeline, built.timeline, strict=True):
        if name != "clocks" and was != now:
            yield None, f"{name}: {was} is {now}"
    for place in range(max(len(live.clocks), len(built.clocks))):
        if place >= len(live.clocks):
            yield place, f"lacks its clock {place + 1}, {built.clocks[place].clock.kind}"
        elif place >= len(built.clocks):
            yield place, f"has a clock too many, {live.clocks[place].clock.kind}"
        else:
            yield from _differences_of_clock(place, live.clocks[place], built.clocks[place])


def _differences_of_clock(place: int, live: KeptClock, built: KeptClock) -> Iterator[tuple[int, str]]:
    pairs: list[tuple[str, object, object]] = list(zip(live.clock._fields, live.clock, built.clock, strict=True))
    pairs += [("said", live.alarm, built.alarm), ("next_at", live.next_at, built.next_at)]
    for name, was, now in pairs:
        if was != now:
            yield place, f"{built.clock.kind} {name}: {was} is {now}"
