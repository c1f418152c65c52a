"""Moves the clocks of open tickets to another version of the policy, page by page, or says what that would change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tierdesk_policy import BusinessTimeError, Policy
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.explanation import title_of
from tierdesk_sla.domain.replaying import Move, move
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.store.rebuilding import list_open_tickets, lock_tickets, save_moves
from tierdesk_sla.store.timelines import Record, TicketKey, load_records, save_records
from tierdesk_store import Database

PAGE: Final = 200
"""How many tickets are locked at once; their messages wait for so long."""
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
    changes: list[ClockChange] = field(default_factory=list)
    broken: dict[TicketKey, str] = field(default_factory=dict)


async def move_clocks(
    database: Database,
    tenant: str,
    policy: Policy,
    version: str,
    at: datetime,
    *,
    dry_run: bool,
    told: Callable[[int], None],
) -> Moves:
    """Hold the open clocks of all tickets of a tenant to this version of its policy, which `policy` is.

    Holds stay, and what has ended, is overdue, or was said stays too. Each page is a transaction; after a failure the
    same call goes on with what is left. With `dry_run` nothing is written. `told` hears how many tickets a page had.
    """
    found = Moves()
    after: UUID | None = None
    while True:
        async with database.transaction() as tx:
            keys = await list_open_tickets(tx.connection, tenant, version, after, PAGE)
            if not keys:
                return found
            if not dry_run:
                await lock_tickets(tx.connection, keys)
            records = await load_records(tx.connection, keys)
            moved: list[tuple[TicketKey, Move]] = []
            for key, record in records.items():
                moved_at = _after_breaches(record, at)
                try:
                    timeline = move(record.timeline, version, moved_at, policy)
                except BusinessTimeError as error:
                    found.broken[key] = str(error)
                    continue
                found.changes += _changes(record.timeline, timeline, moved_at)
                record.timeline = timeline
                moved.append((key, Move(timeline.sequence, version, moved_at)))
            if not dry_run:
                await save_records(tx.connection, [records[key] for key, _ in moved], [])
                await save_moves(tx.connection, moved)
        found.tickets += len(moved)
        after = keys[-1][1]
        told(len(keys))


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
