"""Moves the clocks of open tickets to another version of the policy, page by page, or says what that would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from tierdesk_policy import BusinessTimeError, Policy
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.explanation import title_of
from tierdesk_sla.domain.replaying import Move, move
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.handlers.pages import PAGE, Findings, Told, do_page
from tierdesk_sla.handlers.ticket_changes import TicketChangesHandler
from tierdesk_sla.store.rebuilding import count_tickets, list_to_move, lock_tickets, save_moves
from tierdesk_sla.store.timelines import Record, TicketKey, load_records, save_records
from tierdesk_store import Database, Transaction

LOOK: Final = 2_000
"""How many tickets are looked at by one statement that locks nothing: most may be closed, or moved already."""
_NEXT: Final = timedelta.resolution


@dataclass(frozen=True, slots=True)
class ClockChange:
    """What a move means for one clock. `late` says that its new due instant has passed already."""

    reference: str
    title: str
    before: Clock
    after: Clock
    late: bool


@dataclass
class Moves:
    """What a move meant. `broken` tickets stay as they are: no calendar of the version reaches an instant of theirs."""

    tickets: int = 0
    changes: Findings[ClockChange] = field(default_factory=Findings)
    late: int = 0
    """How many of the changed clocks are overdue by it."""
    broken: Findings[tuple[TicketKey, str]] = field(default_factory=Findings)

    def add(self, page: Moves) -> None:
        """Count what a page meant, too."""
        self.tickets += page.tickets
        self.changes.add_all(page.changes)
        self.late += page.late
        self.broken.add_all(page.broken)


async def move_clocks(
    database: Database, tenant: str, policy: Policy, version: str, at: datetime, *, dry_run: bool, told: Told
) -> Moves:
    """Hold the open clocks of all tickets of a tenant to this version of its policy, which `policy` is.

    Holds stay, and what has ended, is overdue, or was said stays too. Each page is a transaction under the locks of its
    own tickets, begun anew as `do_page` says; after a failure the same call goes on with what is left. Tickets that were
    moved or closed since they were listed are left alone. With `dry_run` nothing is written.
    """
    found = Moves()
    after, seen = UUID(int=0), 0
    async with database.read() as connection:
        total = await count_tickets(connection, tenant)
    while True:
        async with database.read() as connection:
            looked, after, keys = await list_to_move(connection, tenant, version, after, LOOK)
        if not looked:
            return found
        for start in range(0, len(keys), PAGE):
            page = keys[start : start + PAGE]
            found.add(await do_page(partial(_move_page, database, page, policy, version, at, dry_run=dry_run)))
            told(seen + start + len(page), total)
        seen += looked
        told(seen, total)


async def _move_page(
    database: Database, page: Sequence[TicketKey], policy: Policy, version: str, at: datetime, *, dry_run: bool
) -> Moves:
    """One page, and what it meant once it is committed."""
    found = Moves()
    async with database.transaction() as tx:
        if not dry_run:
            await lock_tickets(tx, TicketChangesHandler.name, page)
        moved = _move(found, await load_records(tx.connection, page), policy, version, at)
        if not dry_run:
            await _save(tx, moved)
    found.tickets = len(moved)
    return found


def _move(
    found: Moves, records: dict[TicketKey, Record], policy: Policy, version: str, at: datetime
) -> list[tuple[Record, Move]]:
    moved = []
    for key, record in records.items():
        if record.timeline.policy_version == version or all(clock.ended_at for clock in record.timeline.clocks):
            continue  # since it was listed
        moved_at = _after_breaches(record, at)
        try:
            timeline = move(record.timeline, version, moved_at, policy)
        except BusinessTimeError as error:
            found.broken.add((key, str(error)))
            continue
        for change in _changes(record.timeline, timeline, moved_at):
            found.changes.add(change)
            found.late += change.late
        record.timeline = timeline
        moved.append((record, Move(timeline.sequence, version, moved_at)))
    return moved


async def _save(tx: Transaction, moved: Sequence[tuple[Record, Move]]) -> None:
    """Write what a page has moved."""
    await save_records(tx.connection, [record for record, _ in moved], [])
    await save_moves(tx.connection, [((one.timeline.tenant, one.timeline.ticket_id), by) for one, by in moved])


def _after_breaches(record: Record, at: datetime) -> datetime:
    """The instant of a ticket's move: `at`, or later if a breach was said of a clock that was due after that.

    The watcher goes on while tickets are moved; what it says, a move does not unsay.
    """
    breached = [due_at for alarm in record.alarms.values() if (due_at := alarm.breach_due_at) is not None]
    return max([at, *(due_at + _NEXT for due_at in breached)])


def _changes(before: Timeline, after: Timeline, at: datetime) -> Iterator[ClockChange]:
    """The clocks that are promised otherwise than before, but for the name of the version."""
    for old, new in zip(before.clocks, after.clocks, strict=True):
        if _terms(old) != _terms(new) or old.due_at != new.due_at:
            late = new.is_overdue(at) and not old.is_overdue(at)
            yield ClockChange(after.reference, title_of(new), old, new, late)


def _terms(clock: Clock) -> tuple[object, ...] | None:
    promise = clock.promise
    return None if promise is None else (promise.within_seconds, promise.calendar, promise.warn_at)
