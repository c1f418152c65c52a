"""All tickets page by page: to move their clocks, to build them anew beside the live ones, and to put those in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, delete, func, insert, select, text, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_sla.domain.alarms import Alarm, Saying
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.replaying import Move
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.store.recordsets import as_rows, upsert
from tierdesk_sla.store.rows import clock_row, read_clock, read_ticket, ticket_row
from tierdesk_sla.store.tables import alert, clock, clock_rebuilt, policy_move, ticket, ticket_change, ticket_rebuilt
from tierdesk_sla.store.timelines import TicketKey
from tierdesk_sla.store.wakeups import announce_due
from tierdesk_store import Transaction
from tierdesk_store.arrival import Subject
from tierdesk_store.sequences import lock_streams

_BESIDE: Final = ((clock, clock_rebuilt), (ticket, ticket_rebuilt))
_FIRST: Final[TicketKey] = ("", UUID(int=0))
_EMPTY: Final = text("TRUNCATE sla.clock_rebuilt, sla.ticket_rebuilt")
_TO_MOVE: Final = text("""
    SELECT page.ticket_id, found.is_open IS NOT NULL AS moves
    FROM (
        SELECT tenant, ticket_id, policy_version FROM sla.ticket
        WHERE tenant = :tenant AND ticket_id > :after ORDER BY ticket_id LIMIT :rows
    ) AS page
    LEFT JOIN LATERAL (
        SELECT true AS is_open FROM sla.clock
        WHERE tenant = page.tenant AND ticket_id = page.ticket_id AND ended_at IS NULL
            AND page.policy_version <> :version
        LIMIT 1
    ) AS found ON true
    ORDER BY page.ticket_id
""")
"""A page of rows, whatever becomes of them: one without an end would read all closed tickets to find an open one."""


class KeptClock(NamedTuple):
    """A clock as its row says: what was said of it, and when there is something to be said again."""

    clock: Clock
    alarm: Alarm
    next_at: datetime | None


class KeptTicket(NamedTuple):
    """A ticket as its rows say."""

    timeline: Timeline
    clocks: tuple[KeptClock, ...]


async def empty_beside(connection: AsyncConnection) -> None:
    """Forget what was built before."""
    await connection.execute(_EMPTY)


async def count_tickets(connection: AsyncConnection, tenant: str | None = None) -> int:
    """How many tickets there are, of all tenants or of one."""
    statement = select(func.count()).select_from(ticket)
    found: int = (
        await connection.execute(statement if tenant is None else statement.where(ticket.c.tenant == tenant))
    ).scalar_one()
    return found


async def list_tickets(connection: AsyncConnection, after: TicketKey | None, limit: int) -> list[TicketKey]:
    """The next tickets that have clocks or of which events were kept, in order."""
    pages = [
        select(table.c.tenant, table.c.ticket_id)
        .where(tuple_(table.c.tenant, table.c.ticket_id) > tuple_(*(after or _FIRST)))
        .distinct()
        .order_by(table.c.tenant, table.c.ticket_id)
        .limit(limit)
        .subquery()
        for table in (ticket, ticket_change)
    ]
    # The database sorts alone: its order of names may be another than ours, and pages by two orders skip and repeat.
    found = union(*(select(page) for page in pages)).subquery()
    rows = await connection.execute(select(found).order_by(found.c.tenant, found.c.ticket_id).limit(limit))
    return [(row.tenant, row.ticket_id) for row in rows]


async def lock_tickets(tx: Transaction, consumer: str, keys: Sequence[TicketKey]) -> None:
    """Let nobody else write the clocks of these tickets until the transaction ends. Read them after this.

    As `consumer` does, in its order: first how far the ticket's messages are applied, then its clocks. The first keeps
    the consumer away, who would not see clocks that are written here while it waits for others of the same ticket; the
    second the watcher, who leaves what is locked to its next look.
    """
    subjects = {Subject(tenant, str(ticket_id)) for tenant, ticket_id in keys}
    await lock_streams(tx, consumer, wanted={}, subjects=subjects)
    mine = tuple_(clock.c.tenant, clock.c.ticket_id).in_(keys)
    order = (clock.c.tenant.collate("C"), clock.c.ticket_id, clock.c.place)
    await tx.execute(select(clock.c.place).where(mine).order_by(*order).with_for_update())


async def load_kept(connection: AsyncConnection, keys: Sequence[TicketKey]) -> dict[TicketKey, KeptTicket]:
    """The live rows of these tickets. One whose clocks alone are left has no reference and no events."""
    found: dict[TicketKey, list[KeptClock]] = {}
    mine = select(clock).where(tuple_(clock.c.tenant, clock.c.ticket_id).in_(keys))
    for row in (await connection.execute(mine.order_by(*clock.primary_key.columns))).mappings():
        kept = KeptClock(*read_clock(row), row["next_at"])
        found.setdefault((row["tenant"], row["ticket_id"]), []).append(kept)
    kept_tickets = {
        key: KeptTicket(Timeline(*key, "", "", clocks=tuple(one.clock for one in clocks)), tuple(clocks))
        for key, clocks in found.items()
    }
    rows = await connection.execute(select(ticket).where(tuple_(ticket.c.tenant, ticket.c.ticket_id).in_(keys)))
    for row in rows.mappings():
        key = (row["tenant"], row["ticket_id"])
        clocks = found.get(key, [])
        kept_tickets[key] = KeptTicket(read_ticket(row, tuple(one.clock for one in clocks)), tuple(clocks))
    return kept_tickets


async def load_sayings(
    connection: AsyncConnection, clocks: Iterable[tuple[str, UUID]]
) -> dict[tuple[str, UUID], list[Saying]]:
    """All that was said of these clocks, each named by its tenant and identifier."""
    found: dict[tuple[str, UUID], list[Saying]] = {}
    rows = await connection.execute(select(alert).where(tuple_(alert.c.tenant, alert.c.clock_id).in_(list(clocks))))
    for row in rows.mappings():
        saying = Saying(*(row[name] for name in Saying._fields))
        found.setdefault((row["tenant"], row["clock_id"]), []).append(saying)
    return found


async def load_references(connection: AsyncConnection, keys: Sequence[TicketKey]) -> dict[TicketKey, str]:
    """What people call these tickets."""
    mine = tuple_(ticket.c.tenant, ticket.c.ticket_id).in_(keys)
    rows = await connection.execute(select(ticket.c.tenant, ticket.c.ticket_id, ticket.c.reference).where(mine))
    return {(row.tenant, row.ticket_id): row.reference for row in rows}


async def load_moves(connection: AsyncConnection, keys: Sequence[TicketKey]) -> dict[TicketKey, list[Move]]:
    """The moves of these tickets to other versions of the policy, in order."""
    mine = tuple_(policy_move.c.tenant, policy_move.c.ticket_id).in_(keys)
    rows = await connection.execute(select(policy_move).where(mine).order_by(policy_move.c.nth))
    found: dict[TicketKey, list[Move]] = {}
    for row in rows:
        found.setdefault((row.tenant, row.ticket_id), []).append(Move(row.sequence, row.version, row.moved_at))
    return found


async def save_moves(connection: AsyncConnection, moves: Sequence[tuple[TicketKey, Move]]) -> None:
    """Keep that these tickets were moved."""
    before = await load_moves(connection, [key for key, _ in moves])
    rows = [
        {"tenant": key[0], "ticket_id": key[1], "nth": len(before.get(key, ())) + 1} | one._asdict()
        for key, one in moves
    ]
    if rows:
        await connection.execute(insert(policy_move), rows)


async def save_beside(connection: AsyncConnection, tickets: Sequence[KeptTicket]) -> None:
    """Write these tickets beside the live ones."""
    await _save(connection, tickets, upsert(ticket_rebuilt), upsert(clock_rebuilt))


async def exchange(connection: AsyncConnection, keys: Sequence[TicketKey], tickets: Sequence[KeptTicket]) -> None:
    """Put these tickets in the place of what stands in the live tables under `keys`, and that beside them.

    Watchers that sleep beyond what is due of them then are woken.
    """
    for live, beside in _BESIDE:
        mine = tuple_(live.c.tenant, live.c.ticket_id).in_(keys)
        await connection.execute(delete(beside).where(tuple_(beside.c.tenant, beside.c.ticket_id).in_(keys)))
        names = [column.name for column in live.columns]
        await connection.execute(insert(beside).from_select(names, select(live).where(mine)))
        await connection.execute(delete(live).where(mine))
    await _save(connection, tickets, upsert(ticket), upsert(clock))
    await announce_due(connection, (kept.next_at for one in tickets for kept in one.clocks))


async def list_to_move(
    connection: AsyncConnection, tenant: str, version: str, after: UUID, rows: int
) -> tuple[int, UUID, list[TicketKey]]:
    """Look at the next `rows` tickets of a tenant, in order: how many there were, the last of them, and those to move.

    To move are those with a clock that has not ended and whose clocks follow another version.
    """
    given = {"tenant": tenant, "version": version, "after": after, "rows": rows}
    found = list(await connection.execute(_TO_MOVE, given))
    last = found[-1].ticket_id if found else after
    return len(found), last, [(tenant, row.ticket_id) for row in found if row.moves]


async def _save(
    connection: AsyncConnection, tickets: Sequence[KeptTicket], save_tickets: TextClause, save_clocks: TextClause
) -> None:
    rows: list[dict[str, Any]] = []
    for one in tickets:
        for place, kept in enumerate(one.clocks, start=1):
            rows.append(clock_row(one.timeline, place, kept.clock, kept.alarm))
    if tickets:
        await connection.execute(save_tickets, as_rows([ticket_row(one.timeline) for one in tickets]))
    if rows:
        await connection.execute(save_clocks, as_rows(rows))
