"""Tickets, their clocks and the events that both were folded from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json
from sqlalchemy import ARRAY, Column, Select, Table, Text, Uuid, bindparam, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.ticket import AnyTicketEvent, TicketChanged, TicketEvent
from tierdesk_sla.domain.alarms import Alarm
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.store.recordsets import as_rows, upsert
from tierdesk_sla.store.rows import clock_row, read_clock, read_ticket, ticket_row
from tierdesk_sla.store.tables import clock as clocks
from tierdesk_sla.store.tables import ticket as tickets
from tierdesk_sla.store.tables import ticket_change as kept_changes
from tierdesk_sla.store.wakeups import announce_due

TicketKey = tuple[str, UUID]
"""A tenant and a ticket."""

_NEW_ALARM: Final = Alarm()
_SAVE_TICKETS: Final = upsert(tickets)
_SAVE_CLOCKS: Final = upsert(clocks)
_SAVE_CHANGES: Final = text("""
    INSERT INTO sla.ticket_change (tenant, ticket_id, first_sequence, sequence, policy_version, events)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:ticket_id AS uuid[]), CAST(:first_sequence AS bigint[]),
        CAST(:sequence AS bigint[]), CAST(:policy_version AS text[]), CAST(:events AS json[]))
""")
_sought = (
    func.unnest(bindparam("tenants", type_=ARRAY(Text)), bindparam("ticket_ids", type_=ARRAY(Uuid)))
    .table_valued(Column("tenant", Text), Column("ticket_id", Uuid), name="sought")
    .render_derived()
)


def _look_up(table: Table, *, lock: bool = False) -> Select[Any]:
    """The rows of each ticket sought, in the order given: one probe of the index for each, whatever the planner knows."""
    probe = (
        select(table)
        .where(table.c.tenant == _sought.c.tenant, table.c.ticket_id == _sought.c.ticket_id)
        .order_by(*table.primary_key.columns)
    )
    found = (probe.with_for_update() if lock else probe).lateral("found")
    return select(*found.columns).select_from(_sought.join(found, true()))


_LOAD_TICKETS: Final = _look_up(tickets)
_LOAD_CLOCKS: Final = _look_up(clocks)
_LOCK_CLOCKS: Final = _look_up(clocks, lock=True)
_LOAD_CHANGES: Final = _look_up(kept_changes)
_EVENTS: Final[TypeAdapter[tuple[AnyTicketEvent, ...]]] = TypeAdapter(tuple[AnyTicketEvent, ...])


@dataclass(slots=True)
class Record:
    """A ticket's timeline and what was said of each of its clocks. `stored` are the clocks as their rows have them."""

    timeline: Timeline
    alarms: dict[UUID, Alarm] = field(default_factory=dict)
    stored: dict[UUID, Clock] = field(default_factory=dict)

    def alarm(self, clock_id: UUID) -> Alarm:
        """What was said of a clock."""
        return self.alarms.get(clock_id, _NEW_ALARM)

    def changed_rows(self) -> list[dict[str, Any]]:
        """The rows of the clocks that are not as stored."""
        return [
            clock_row(self.timeline, place, clock, self.alarm(clock.id))
            for place, clock in enumerate(self.timeline.clocks, start=1)
            if self.stored.get(clock.id) is not clock
        ]


@dataclass(frozen=True, slots=True)
class Change:
    """A message of a ticket, to be kept."""

    key: TicketKey
    data: TicketChanged


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A message of a ticket as it was kept."""

    first_sequence: int
    sequence: int
    policy_version: str
    stored: Any

    @property
    def events(self) -> tuple[TicketEvent, ...]:
        """Raises `pydantic.ValidationError` for what is none."""
        # As a reader parses: what a later release added to an event is of no account.
        return _EVENTS.validate_python(self.stored, extra="ignore")


async def load_records(
    connection: AsyncConnection, keys: Iterable[TicketKey], *, lock: bool = False
) -> dict[TicketKey, Record]:
    """The records of those tickets that exist. With `lock`, their clocks are locked, in order, until the transaction ends.

    Tickets are not locked: the library holds the applied sequence of each ticket that a batch changes.
    """
    sought = sorted(set(keys))
    if not sought:
        return {}
    given = {"tenants": [tenant for tenant, _ in sought], "ticket_ids": [ticket_id for _, ticket_id in sought]}
    found: dict[TicketKey, list[tuple[Clock, Alarm]]] = {}
    for row in (await connection.execute(_LOCK_CLOCKS if lock else _LOAD_CLOCKS, given)).mappings():
        found.setdefault((row["tenant"], row["ticket_id"]), []).append(read_clock(row))
    rows = (await connection.execute(_LOAD_TICKETS, given)).mappings()
    return {
        (row["tenant"], row["ticket_id"]): _record(row, found.get((row["tenant"], row["ticket_id"]), []))
        for row in rows
    }


async def find_ticket(connection: AsyncConnection, tenant: str, name: str) -> TicketKey | None:
    """The ticket of this identifier or reference, within the tenant."""
    try:
        condition = tickets.c.ticket_id == UUID(name)
    except ValueError:
        condition = tickets.c.reference == name
    found = await connection.execute(select(tickets.c.ticket_id).where(tickets.c.tenant == tenant, condition))
    ticket_id = found.scalar()
    return None if ticket_id is None else (tenant, ticket_id)


async def save_records(
    connection: AsyncConnection,
    records: Collection[Record],
    changes: Sequence[Change],
    *,
    horizon: datetime | None = None,
) -> None:
    """Write tickets and the clocks that changed, append the events, and wake the watchers as `announce_due` says."""
    if not records:
        return
    await connection.execute(_SAVE_TICKETS, as_rows([ticket_row(record.timeline) for record in records]))
    rows = [row for record in records for row in record.changed_rows()]
    if rows:
        await connection.execute(_SAVE_CLOCKS, as_rows(rows))
        await announce_due(connection, (row["next_at"] for row in rows), horizon=horizon)
    await connection.execute(
        _SAVE_CHANGES,
        {
            "tenant": [change.key[0] for change in changes],
            "ticket_id": [change.key[1] for change in changes],
            "first_sequence": [change.data.first_sequence for change in changes],
            "sequence": [change.data.sequence for change in changes],
            "policy_version": [change.data.policy_version for change in changes],
            "events": [to_json(change.data.events, exclude_none=True).decode() for change in changes],
        },
    )


async def load_changes(connection: AsyncConnection, keys: Iterable[TicketKey]) -> dict[TicketKey, list[KeptChange]]:
    """What the messages on these tickets said, in order."""
    sought = sorted(set(keys))
    given = {"tenants": [tenant for tenant, _ in sought], "ticket_ids": [ticket_id for _, ticket_id in sought]}
    found: dict[TicketKey, list[KeptChange]] = {}
    for row in (await connection.execute(_LOAD_CHANGES, given)).mappings():
        change = KeptChange(row["first_sequence"], row["sequence"], row["policy_version"], row["events"])
        found.setdefault((row["tenant"], row["ticket_id"]), []).append(change)
    return found


async def count_clocks(connection: AsyncConnection, tenant: str) -> list[tuple[str, str, int]]:
    """How many promises of the tenant there are, by kind and state. Reads all of its clocks: for reports."""
    statement = (
        select(clocks.c.kind, clocks.c.state, func.count())
        .where(clocks.c.tenant == tenant, clocks.c.within_seconds.is_not(None))
        .group_by(clocks.c.kind, clocks.c.state)
        .order_by(clocks.c.kind, clocks.c.state)
    )
    return [(kind, state, count) for kind, state, count in await connection.execute(statement)]


def _record(row: Any, found: Sequence[tuple[Clock, Alarm]]) -> Record:
    return Record(
        read_ticket(row, tuple(clock for clock, _ in found)),
        {clock.id: alarm for clock, alarm in found},
        {clock.id: clock for clock, _ in found},
    )
