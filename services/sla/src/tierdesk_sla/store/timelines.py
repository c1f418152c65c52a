"""Tickets, their clocks and the events that both were folded from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Table, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.ticket import TicketChanged
from tierdesk_sla.domain.alarms import Alarm
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.store.recordsets import as_rows, upsert
from tierdesk_sla.store.rows import clock_row, read_clock, read_ticket, ticket_row
from tierdesk_sla.store.tables import clock as clocks
from tierdesk_sla.store.tables import ticket as tickets

TicketKey = tuple[str, UUID]
"""A tenant and a ticket."""

_NEW_ALARM: Final = Alarm()
_SAVE_TICKETS: Final = upsert(tickets)
_SAVE_CLOCKS: Final = upsert(clocks)
_SAVE_EVENTS: Final = text("""
    INSERT INTO sla.ticket_event (tenant, ticket_id, sequence, policy_version, kind, at, event)
    SELECT tenant, ticket_id, CAST(event ->> 'sequence' AS bigint), policy_version, event ->> 'kind',
        CAST(event ->> 'at' AS timestamptz), event
    FROM json_to_recordset(CAST(:rows AS json)) AS change(tenant text, ticket_id uuid, policy_version text, events jsonb),
        jsonb_array_elements(events) AS event
""")


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


async def load_records(
    connection: AsyncConnection, keys: Iterable[TicketKey], *, lock: bool = False
) -> dict[TicketKey, Record]:
    """The records of those tickets that exist. With `lock`, their clocks are locked, in order, until the transaction ends.

    Tickets are not locked: the library holds the applied sequence of each ticket that a batch changes.
    """
    sought = sorted(set(keys))
    if not sought:
        return {}
    statement = (
        select(clocks).where(_among(clocks, sought)).order_by(clocks.c.tenant, clocks.c.ticket_id, clocks.c.place)
    )
    found: dict[TicketKey, list[tuple[Clock, Alarm]]] = {}
    for row in (await connection.execute(statement.with_for_update() if lock else statement)).mappings():
        found.setdefault((row["tenant"], row["ticket_id"]), []).append(read_clock(row))
    rows = (await connection.execute(select(tickets).where(_among(tickets, sought)))).mappings()
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


async def save_records(connection: AsyncConnection, records: Collection[Record], changes: Sequence[Change]) -> None:
    """Write tickets and the clocks that changed, and append the events."""
    if not records:
        return
    await connection.execute(_SAVE_TICKETS, as_rows([ticket_row(record.timeline) for record in records]))
    rows = [row for record in records for row in record.changed_rows()]
    if rows:
        await connection.execute(_SAVE_CLOCKS, as_rows(rows))
    events = [
        {
            "tenant": change.key[0],
            "ticket_id": change.key[1],
            "policy_version": change.data.policy_version,
            "events": orjson.Fragment(_events_json(change.data)),
        }
        for change in changes
    ]
    await connection.execute(_SAVE_EVENTS, as_rows(events))


async def count_clocks(connection: AsyncConnection, tenant: str) -> list[tuple[str, str, int]]:
    """How many promises of the tenant there are, by kind and state. Reads all of its clocks: for reports."""
    statement = (
        select(clocks.c.kind, clocks.c.state, func.count())
        .where(clocks.c.tenant == tenant, clocks.c.within_seconds.is_not(None))
        .group_by(clocks.c.kind, clocks.c.state)
        .order_by(clocks.c.kind, clocks.c.state)
    )
    return [(kind, state, count) for kind, state, count in await connection.execute(statement)]


def _among(table: Table, keys: Sequence[TicketKey]) -> ColumnElement[bool]:
    return tuple_(table.c.tenant, table.c.ticket_id).in_(keys)


def _record(row: Any, found: Sequence[tuple[Clock, Alarm]]) -> Record:
    return Record(
        read_ticket(row, tuple(clock for clock, _ in found)),
        {clock.id: alarm for clock, alarm in found},
        {clock.id: clock for clock, _ in found},
    )


def _events_json(data: TicketChanged) -> bytes:
    whole = data.model_dump_json(include={"events"}, exclude_none=True)
    return whole.removeprefix('{"events":').removesuffix("}").encode()
