"""Work on the board: read, claimed and changed, with what is counted of it and what is told to those who look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, Select, TextClause, delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.changes import WorkChange
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.work import HELD, Stage, Work
from tierdesk_desk.store.feed import tell
from tierdesk_desk.store.records import count_endings
from tierdesk_desk.store.tables import NEVER, work_count
from tierdesk_desk.store.tables import work as works

WorkKey = tuple[str, UUID]
"""A tenant and an assignment."""
_COUNTED: Final = frozenset({Stage.OFFERED, *HELD})
_COLUMNS: Final = [column for column in works.c if column.name != "rank_at"]
_LINE: Final = [column for column in _COLUMNS if column.name != "view"]
"""What a list shows. All that was said of one ticket may be long: a list of many leaves it where it is."""
LINE_SQL: Final = ", ".join(f"w.{column.name}" for column in works.c if column.name != "view")
_STAGES: Final = {"offered": "w.stage = 'offered'", "held": "w.stage IN ('claiming', 'owned', 'paused')"}
"""As the partial indexes have them: in other words they would not be used."""


async def lock_works(connection: AsyncConnection, keys: Iterable[WorkKey]) -> dict[WorkKey, Work]:
    """The work of these assignments that exists, locked in order until the transaction ends."""
    sought = sorted(set(keys))
    if not sought:
        return {}
    statement = (
        select(*_COLUMNS)
        .where(tuple_(works.c.tenant, works.c.assignment_id).in_(sought))
        .order_by(works.c.tenant, works.c.assignment_id)
        .with_for_update()
    )
    found = await _fetch(connection, statement)
    return {(work.tenant, work.assignment_id): work for work in found}


async def save_works(connection: AsyncConnection, before: Mapping[WorkKey, Work], changed: Collection[Work]) -> None:
    """Write work, new and old, count it, and tell those who look. `before` is what stood in the table.

    The counts are locked last and in order, until the transaction ends.
    """
    if not changed:
        return
    statement = insert(works)
    key = [works.c.tenant, works.c.assignment_id]
    changes = {column.name: statement.excluded[column.name] for column in works.c if not column.primary_key}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changes), [_row(work) for work in changed]
    )
    await tell(connection, [_change(work) for work in changed])
    await count_endings(connection, before, changed)
    moved: Counter[tuple[str, str, str, str]] = Counter()
    for work in changed:
        old = before.get((work.tenant, work.assignment_id))
        for counted, step in ((old, -1), (work, 1)):
            if counted is not None and counted.stage in _COUNTED:
                moved[counted.tenant, counted.tier, counted.group_id, counted.stage.value] += step
    await _count(connection, {place: step for place, step in moved.items() if step})


async def read_work(connection: AsyncConnection, tenant: str, assignment_id: UUID) -> Work | None:
    """One assignment's."""
    found = await _fetch(
        connection, select(*_COLUMNS).where(works.c.tenant == tenant, works.c.assignment_id == assignment_id)
    )
    return found[0] if found else None


async def find_work_of_ticket(connection: AsyncConnection, tenant: str, ticket: str) -> list[Work]:
    """All work that there was on a ticket, the newest first."""
    statement = (
        select(*_COLUMNS)
        .where(works.c.tenant == tenant, works.c.ticket == ticket)
        .order_by(works.c.token.desc(), works.c.assignment_id.desc())
        .limit(100)
    )
    return await _fetch(connection, statement)


async def list_held(connection: AsyncConnection, tenant: str, worker: str, *, limit: int) -> list[Work]:
    """What this worker has, the most urgent first; without its `view`."""
    statement = (
        select(*_LINE)
        .where(works.c.tenant == tenant, works.c.worker == worker, text("stage IN ('claiming', 'owned', 'paused')"))
        .order_by(works.c.priority, works.c.rank_at, works.c.assignment_id)
        .limit(limit)
    )
    return await _fetch(connection, statement)


async def count_held(connection: AsyncConnection, tenant: str, worker: str, *, limit: int) -> int:
    """How much this worker has, counted up to `limit`. Until the transaction ends, nobody else counts it."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant || '/' || :worker, 7))"),
        {"tenant": tenant, "worker": worker},
    )
    statement = text("""
        SELECT count(*) FROM (
            SELECT FROM desk.work AS w
            WHERE w.tenant = :tenant AND w.worker = :worker AND w.stage IN ('claiming', 'owned', 'paused') LIMIT :limit
        ) AS held
    """)
    parameters = {"tenant": tenant, "worker": worker, "limit": limit}
    return int((await connection.execute(statement, parameters)).scalar_one())


async def list_left(connection: AsyncConnection, tenant: str, worker: str, *, limit: int) -> list[Work]:
    """What this worker has resolved or handed on, the last first; without its `view`."""
    statement = (
        select(*_LINE)
        .where(works.c.tenant == tenant, works.c.worker == worker, text("stage = 'left'"))
        .order_by(works.c.changed_at.desc())
        .limit(limit)
    )
    return await _fetch(connection, statement)


Rank = tuple[int, datetime, UUID]
"""Where work stands on the board: its priority, its deadline or `NEVER`, the assignment."""


def rank_of(work: Work) -> Rank:
    """Where it stands on the board."""
    return work.priority, work.due_at or NEVER, work.assignment_id


async def list_board(
    connection: AsyncConnection, tenant: str, places: Sequence[Place], *, held: bool, after: Rank | None, limit: int
) -> list[Work]:
    """What is offered to these groups, or what their people have, the most urgent first, after this rank; without its `view`."""
    statement, parameters = _ranked(tenant, places, _STAGES["held" if held else "offered"], after, limit)
    rows = (
        await connection.execute(
            text(f"{statement} ORDER BY priority, rank_at, assignment_id LIMIT :limit"), parameters
        )
    ).mappings()
    return [read_row(row) for row in rows]


async def list_firsts(connection: AsyncConnection, tenant: str, places: Sequence[Place]) -> list[Work]:
    """The most urgent of what is offered to each of these groups; without its `view`."""
    statement, parameters = _ranked(tenant, places, _STAGES["offered"], None, 1)
    return [read_row(row) for row in (await connection.execute(text(statement), parameters)).mappings()]


async def lock_next(
    connection: AsyncConnection, tenant: str, places: Sequence[Place], skills: Sequence[str], *, looked_at: int
) -> Work | None:
    """The best work for somebody with these skills that nobody is just about to claim, locked until the transaction ends.

    By priority, then what the skills suffice for, then by deadline. Looks at the first `looked_at` of each group, so that
    None may mean that others are at all of these.
    """
    ranked, parameters = _ranked(tenant, places, _STAGES["offered"], None, looked_at)
    # One probe for each candidate, in order, until one can be locked: as a plain join PostgreSQL would read and sort all.
    statement = text(f"""
        SELECT w.* FROM (
            SELECT ranked.tenant, ranked.assignment_id FROM ({ranked}) AS ranked
            ORDER BY priority, (skills <@ CAST(:skills AS text[])) DESC, rank_at, assignment_id LIMIT :limit
        ) AS c
        CROSS JOIN LATERAL (
            SELECT w.* FROM desk.work AS w
            WHERE w.tenant = c.tenant AND w.assignment_id = c.assignment_id AND w.stage = 'offered'
            FOR UPDATE SKIP LOCKED
        ) AS w
        LIMIT 1
    """)  # noqa: S608 - made of this module's own text
    row = (await connection.execute(statement, {**parameters, "skills": list(skills)})).mappings().first()
    return None if row is None else read_row(row)


async def read_counts(connection: AsyncConnection, tenant: str) -> dict[Place, dict[Stage, int]]:
    """How much of each group's work stands where."""
    rows = await connection.execute(
        select(work_count.c.tier, work_count.c.group_id, work_count.c.stage, work_count.c.number).where(
            work_count.c.tenant == tenant
        )
    )
    counts: dict[Place, dict[Stage, int]] = {}
    for tier, group_id, stage, number in rows:
        counts.setdefault((tier, group_id), {})[Stage(stage)] = number
    return counts


async def list_known_places(connection: AsyncConnection) -> dict[str, list[Place]]:
    """The groups of each tenant that ever had work here."""
    rows = await connection.execute(select(work_count.c.tenant, work_count.c.tier, work_count.c.group_id).distinct())
    places: dict[str, list[Place]] = {}
    for tenant, tier, group_id in rows:
        places.setdefault(tenant, []).append((tier, group_id))
    return places


async def forget_works(connection: AsyncConnection, now: datetime, *, after: timedelta, limit: int) -> int:
    """Delete up to `limit` of what has been over for this long; answers how many."""
    gone = (
        select(works.c.tenant, works.c.assignment_id)
        .where(text("stage IN ('left', 'gone')"), works.c.changed_at < now - after)
        .order_by(works.c.changed_at)
        .limit(limit)
    )
    result = await connection.execute(delete(works).where(tuple_(works.c.tenant, works.c.assignment_id).in_(gone)))
    return result.rowcount


def _ranked(
    tenant: str, places: Sequence[Place], condition: str, after: Rank | None, limit: int
) -> tuple[str, dict[str, Any]]:
    """The first of each group: one index probe a group, whatever stands behind."""
    since = "AND (w.priority, w.rank_at, w.assignment_id) > (:priority, :rank_at, :assignment_id)" if after else ""
    statement = f"""
        SELECT ranked.* FROM unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS g(tier, group_id)
        CROSS JOIN LATERAL (
            SELECT {LINE_SQL} FROM desk.work AS w
            WHERE w.tenant = :tenant AND w.tier = g.tier AND w.group_id = g.group_id AND {condition} {since}
            ORDER BY w.priority, w.rank_at, w.assignment_id LIMIT :limit
        ) AS ranked
    """  # noqa: S608 - made of this module's own text
    parameters: dict[str, Any] = {
        "tenant": tenant,
        "tiers": [tier for tier, _ in places],
        "groups": [group for _, group in places],
        "limit": limit,
    }
    if after is not None:
        parameters |= dict(zip(("priority", "rank_at", "assignment_id"), after, strict=True))
    return statement, parameters


_COUNT: Final[TextClause] = text("""
    INSERT INTO desk.work_count (tenant, tier, group_id, stage, number)
    SELECT * FROM unnest(
        CAST(:tenants AS text[]), CAST(:tiers AS text[]), CAST(:groups AS text[]), CAST(:stages AS text[]),
        CAST(:steps AS bigint[])
    ) AS moved(tenant, tier, group_id, stage, step)
    ORDER BY tenant, tier, group_id, stage
    ON CONFLICT (tenant, tier, group_id, stage) DO UPDATE SET number = work_count.number + excluded.number
""")


async def _count(connection: AsyncConnection, moved: Mapping[tuple[str, str, str, str], int]) -> None:
    if not moved:
        return
    tenants, tiers, groups, stages = (list(column) for column in zip(*moved, strict=True))
    parameters = {"tenants": tenants, "tiers": tiers, "groups": groups, "stages": stages}
    await connection.execute(_COUNT, {**parameters, "steps": list(moved.values())})


async def _fetch(connection: AsyncConnection, statement: Select[Any]) -> list[Work]:
    return [read_row(row) for row in (await connection.execute(statement)).mappings()]


def read_row(row: RowMapping) -> Work:
    """The work of a row, with its `view` or without."""
    columns = {name: value for name, value in row.items() if name != "rank_at"}
    return Work(
        **{
            **columns,
            "stage": Stage(row["stage"]),
            "before": Stage(row["before"]),
            "skills": tuple(row["skills"]),
        }
    )


def _row(work: Work) -> dict[str, Any]:
    return {
        **{field.name: getattr(work, field.name) for field in fields(work)},
        "stage": work.stage.value,
        "before": work.before.value,
        "skills": list(work.skills),
        "rank_at": work.due_at or NEVER,
    }


def _change(work: Work) -> WorkChange:
    return WorkChange(
        tenant=work.tenant,
        ticket=work.ticket,
        tier=work.tier,
        group=work.group_id,
        assignment_id=work.assignment_id,
        stage=work.stage,
        worker=work.worker,
        reference=work.reference,
        title=work.title,
        priority=work.priority,
        due_at=work.due_at,
        pushed=work.is_pushed,
    )
