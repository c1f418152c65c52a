"""What is due to be said, claimed so that no two watchers say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_sla.domain.alarms import Alarm, Moment, next_moment
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.store.recordsets import as_rows, insert_new
from tierdesk_sla.store.rows import read_clock
from tierdesk_sla.store.tables import alert, clock, ticket
from tierdesk_store.negative_controls import UNSAFE

_KEY: Final = (clock.c.tenant, clock.c.ticket_id, clock.c.place)
_TICKET: Final = (
    select(ticket.c.reference)
    .where(ticket.c.tenant == clock.c.tenant, ticket.c.ticket_id == clock.c.ticket_id)
    .limit(1)
    .lateral("of")
)
# Also a clock without a row of its ticket: what `next_due` sees and no claim does is looked at for ever.
_READ: Final = select(clock, _TICKET.c.reference).outerjoin(_TICKET, true()).order_by(clock.c.next_at)
_CLAIM: Final = _READ.with_for_update(of=clock, skip_locked=True)
_NEXT: Final = select(
    func.clock_timestamp(),
    select(clock.c.next_at).where(clock.c.next_at.is_not(None)).order_by(clock.c.next_at).limit(1).scalar_subquery(),
)
_SAVE_ALERTS: Final = insert_new(alert)
_SAVE_MARKS: Final = text("""
    UPDATE sla.clock SET warned = mark.warned, breach_due_at = mark.breach_due_at, next_at = mark.next_at
    FROM (
        SELECT found.ctid AS at, k.*
        FROM json_to_recordset(CAST(:rows AS json)) AS k(tenant text, ticket_id uuid, place smallint,
            warned double precision[], breach_due_at timestamptz, next_at timestamptz)
        CROSS JOIN LATERAL (
            SELECT ctid FROM sla.clock
            WHERE tenant = k.tenant AND ticket_id = k.ticket_id AND place = k.place LIMIT 1
        ) AS found
    ) AS mark
    WHERE clock.ctid = mark.at
""")


Key = tuple[str, UUID, int]
"""Tenant, ticket, and the clock's place among the ticket's clocks."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A clock that is locked for this transaction, as it stands in its row."""

    key: Key
    next_at: datetime
    row: RowMapping

    def read(self) -> Due:
        """Raises `LookupError` when its ticket has no row, and whatever a row that cannot be read lets raise."""
        if self.row["reference"] is None:
            raise LookupError("its ticket has no row")
        return Due(self.key, self.row["reference"], self.next_at, *read_clock(self.row))


@dataclass(frozen=True, slots=True)
class Due:
    """A clock of which something is to be said."""

    key: Key
    reference: str
    next_at: datetime
    clock: Clock
    alarm: Alarm

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.key[0]

    @property
    def ticket_id(self) -> UUID:
        """Of which ticket."""
        return self.key[1]


@dataclass(frozen=True, slots=True)
class Said:
    """A word of the watcher on one clock. `alarm` remembers it."""

    tenant: str
    clock: Clock
    alarm: Alarm
    moment: Moment

    @property
    def key(self) -> tuple[str, UUID, int, str, float]:
        """What may exist once."""
        return self.tenant, self.clock.id, self.alarm.cycle, self.moment.word, self.moment.share


async def claim_due(
    connection: AsyncConnection, until: datetime, *, limit: int, among: Sequence[Key] | None = None
) -> list[Claimed]:
    """At most `limit` clocks that have something to be said of them by `until`, the earliest first; of these alone, if given.

    Their rows are locked until the transaction ends; rows that another watcher or the consumer holds are left to it.
    """
    statement = (_READ if UNSAFE.no_alert_key else _CLAIM).where(clock.c.next_at <= until).limit(limit)
    if among is not None:
        statement = statement.where(tuple_(*_KEY).in_(among))
    rows = await connection.execute(statement)
    return [Claimed((row["tenant"], row["ticket_id"], row["place"]), row["next_at"], row) for row in rows.mappings()]


async def put_off(connection: AsyncConnection, key: Key, now: datetime, until: datetime) -> None:
    """Look at the clock again at `until`, unless something moved it beyond `now` meanwhile."""
    await connection.execute(
        update(clock)
        .where(*(column == value for column, value in zip(_KEY, key, strict=True)), clock.c.next_at <= now)
        .values(next_at=until)
    )


async def next_due(connection: AsyncConnection) -> tuple[datetime, datetime | None]:
    """What time it is by the clock of the database's machine, and when, in business time, the next thing is to be said."""
    real, due_at = (await connection.execute(_NEXT)).one()
    return real, due_at


async def save_alerts(connection: AsyncConnection, said: Sequence[Said], at: datetime) -> set[tuple[Any, ...]]:
    """Write down what is said at `at`. Answers the keys that are new: only those may be published."""
    rows = [
        {
            "tenant": one.tenant,
            "clock_id": one.clock.id,
            "cycle": one.alarm.cycle,
            "word": one.moment.word,
            "share": one.moment.share,
            "due_at": one.moment.due_at,
            "said_at": at,
        }
        for one in said
    ]
    if not rows:
        return set()
    new = {tuple(row) for row in await connection.execute(_SAVE_ALERTS, as_rows(rows))}
    return {one.key for one in said} if UNSAFE.no_alert_key else new


async def save_marks(connection: AsyncConnection, marks: Sequence[tuple[Due, Alarm]]) -> None:
    """Remember what was said of the clocks, and when there is something to be said of them again."""
    rows = []
    for due, alarm in marks:
        moment = next_moment(due.clock, alarm)
        rows.append(
            {
                "tenant": due.tenant,
                "ticket_id": due.ticket_id,
                "place": due.key[2],
                "warned": alarm.warned,
                "breach_due_at": alarm.breach_due_at,
                "next_at": moment and moment.at,
            }
        )
    if rows:
        await connection.execute(_SAVE_MARKS, as_rows(rows))


async def list_alerts(connection: AsyncConnection, tenant: str, clock_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """What was said of these clocks, in order."""
    statement = (
        select(alert)
        .where(alert.c.tenant == tenant, alert.c.clock_id.in_(clock_ids))
        .order_by(alert.c.said_at, alert.c.share)
    )
    return [dict(row) for row in (await connection.execute(statement)).mappings()]
