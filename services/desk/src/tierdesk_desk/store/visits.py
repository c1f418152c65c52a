"""Field visits and depot repairs in the tables: locked and changed, listed by the group that has them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping, Table, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.repairs import Repair, Stage
from tierdesk_desk.domain.visits import Outcome, Visit
from tierdesk_desk.store.tickets import TicketKey
from tierdesk_desk.store.visit_tables import repair as repair_table
from tierdesk_desk.store.visit_tables import visit as visit_table

MOST_OPEN: Final = 20
"""So many of each kind may be open for one ticket; whoever adds one looks."""
MOST_OF_TICKET: Final = 100
LineKey = tuple[datetime, UUID]
"""Where one stands in a list: the slot of a visit, when a repair was announced; and the identifier."""
One = TypeVar("One", Visit, Repair)


async def lock_ticket(connection: AsyncConnection, tenant: str, ticket: str) -> None:
    """Let nobody else change visits or repairs of this ticket by hand until the transaction ends."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant || '/' || :ticket, 12))")
    await connection.execute(statement, {"tenant": tenant, "ticket": ticket})


@dataclass(frozen=True)
class Rows(Generic[One]):
    """The rows of one kind. `is_open` and `is_over` are as the partial indexes have them: in other words they would not be used."""

    table: Table
    read_row: Callable[[RowMapping], One]
    line: str
    """The column by which lists are ordered."""
    added: str
    is_open: str
    is_over: str

    async def read(self, connection: AsyncConnection, tenant: str, one_id: UUID, *, lock: bool = False) -> One | None:
        """One of them; with `lock` locked until the transaction ends."""
        statement = select(self.table).where(self.table.c.tenant == tenant, self.table.c.id == one_id)
        row = (await connection.execute(statement.with_for_update() if lock else statement)).mappings().first()
        return None if row is None else self.read_row(row)

    async def lock_open(self, connection: AsyncConnection, keys: Iterable[TicketKey]) -> list[One]:
        """Those of these tickets that are open, locked in order until the transaction ends."""
        sought = sorted(set(keys))
        if not sought:
            return []
        statement = (
            select(self.table)
            .where(tuple_(self.table.c.tenant, self.table.c.ticket).in_(sought), text(self.is_open))
            .order_by(self.table.c.tenant, self.table.c.id)
            .limit(MOST_OPEN * len(sought))
            .with_for_update()
        )
        return [self.read_row(row) for row in (await connection.execute(statement)).mappings()]

    async def save(self, connection: AsyncConnection, changed: Collection[One]) -> None:
        """Write them, new and old."""
        if not changed:
            return
        statement = insert(self.table)
        changes = {column.name: statement.excluded[column.name] for column in self.table.c if not column.primary_key}
        key = [self.table.c.tenant, self.table.c.id]
        await connection.execute(
            statement.on_conflict_do_update(index_elements=key, set_=changes), [_row(one) for one in changed]
        )

    async def list_open(
        self,
        connection: AsyncConnection,
        tenant: str,
        places: Sequence[Place],
        *,
        after: LineKey | None,
        limit: int,
        within: tuple[datetime, datetime] | None = None,
    ) -> list[One]:
        """Those of these groups that are open, in order, after this place; with `within` from the first moment until before the second."""
        since = f"AND (r.{self.line}, r.id) > (:at, :id)" if after is not None else ""
        span = f"AND r.{self.line} >= :begins AND r.{self.line} < :ends" if within is not None else ""
        statement = text(f"""
            SELECT first.* FROM unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS g(tier, group_id)
            CROSS JOIN LATERAL (
                SELECT r.* FROM desk.{self.table.name} AS r
                WHERE r.tenant = :tenant AND r.tier = g.tier AND r.group_id = g.group_id AND r.{self.is_open} {span} {since}
                ORDER BY r.{self.line}, r.id LIMIT :limit
            ) AS first
            ORDER BY first.{self.line}, first.id LIMIT :limit
        """)  # noqa: S608 - made of this module's own text
        parameters: dict[str, Any] = {
            "tenant": tenant,
            "tiers": [tier for tier, _ in places],
            "groups": [group for _, group in places],
            "limit": limit,
        }
        if after is not None:
            parameters |= {"at": after[0], "id": after[1]}
        if within is not None:
            parameters |= {"begins": within[0], "ends": within[1]}
        return [self.read_row(row) for row in (await connection.execute(statement, parameters)).mappings()]

    async def list_of_ticket(self, connection: AsyncConnection, tenant: str, ticket: str) -> list[One]:
        """Those of a ticket, the newest first."""
        statement = (
            select(self.table)
            .where(self.table.c.tenant == tenant, self.table.c.ticket == ticket)
            .order_by(self.table.c[self.added].desc(), self.table.c.id.desc())
            .limit(MOST_OF_TICKET)
        )
        return [self.read_row(row) for row in (await connection.execute(statement)).mappings()]

    async def forget(self, connection: AsyncConnection, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` of what was over before; answers how many."""
        statement = text(f"""
            DELETE FROM desk.{self.table.name} AS r USING (
                SELECT tenant, id FROM desk.{self.table.name} WHERE {self.is_over} AND changed_at < :before
                ORDER BY changed_at LIMIT :limit FOR UPDATE SKIP LOCKED
            ) AS gone
            WHERE r.tenant = gone.tenant AND r.id = gone.id
        """)  # noqa: S608 - made of this module's own text
        return (await connection.execute(statement, {"before": before, "limit": limit})).rowcount


async def add_repair(connection: AsyncConnection, repair: Repair) -> bool:
    """Write a new one; False, and nothing is written, when another of the tenant has its return number."""
    statement = insert(repair_table).values(**_row(repair)).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount == 1


async def find_repair(connection: AsyncConnection, tenant: str, number: str) -> Repair | None:
    """The repair with this return number."""
    statement = select(repair_table).where(repair_table.c.tenant == tenant, repair_table.c.number == number)
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else REPAIRS.read_row(row)


async def forget_visits(connection: AsyncConnection, now: datetime, *, after: timedelta, limit: int) -> int:
    """Delete up to `limit` visits and as many repairs that have been over for this long; answers how many of either, the larger number."""
    before = now - after
    return max(
        await VISITS.forget(connection, before, limit=limit), await REPAIRS.forget(connection, before, limit=limit)
    )


def _read_visit(row: RowMapping) -> Visit:
    return Visit(**{**row, "outcome": None if row["outcome"] is None else Outcome(row["outcome"])})


def _read_repair(row: RowMapping) -> Repair:
    return Repair(**{**row, "stage": Stage(row["stage"])})


def _row(one: Visit | Repair) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in fields(one)}


VISITS: Final = Rows(visit_table, _read_visit, "starts_at", "planned_at", "outcome IS NULL", "outcome IS NOT NULL")
REPAIRS: Final = Rows(
    repair_table, _read_repair, "announced_at", "announced_at", "ended_at IS NULL", "ended_at IS NOT NULL"
)
