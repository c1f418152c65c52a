"""Shifts: who serves which group when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.roles import Grant
from tierdesk_desk.domain.shifts import Shift

ShiftRank = tuple[datetime, UUID]
"""Where a list of shifts goes on: when the last one ends, and which it is."""
_COLUMNS: Final = "s.tenant, s.id, s.account_id, a.name, s.tier, s.group_id, s.starts_at, s.ends_at"
_LIST: Final = text(f"""
    SELECT {_COLUMNS}
    FROM desk.shift AS s
    JOIN desk.account AS a ON a.tenant = s.tenant AND a.id = s.account_id
    WHERE s.tenant = :tenant AND (s.ends_at, s.id) > (:ends_at, :id)
        AND (CAST(:name AS text) IS NULL OR a.name = :name)
        AND EXISTS (
            SELECT FROM unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS l(tier, group_id)
            WHERE l.tier IN ('', s.tier) AND l.group_id IN ('', s.group_id)
        )
    ORDER BY s.ends_at, s.id LIMIT :limit
""")  # noqa: S608 - made of this module's own text
_READ: Final = text(f"""
    SELECT {_COLUMNS}
    FROM desk.shift AS s
    JOIN desk.account AS a ON a.tenant = s.tenant AND a.id = s.account_id
    WHERE s.tenant = :tenant AND s.id = :id
    FOR UPDATE OF s
""")  # noqa: S608 - made of this module's own text
_SAVE: Final = text("""
    INSERT INTO desk.shift AS s (tenant, id, account_id, tier, group_id, starts_at, ends_at)
    SELECT * FROM unnest(
        CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:accounts AS uuid[]), CAST(:tiers AS text[]),
        CAST(:groups AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
    )
    ON CONFLICT (tenant, account_id, starts_at, tier, group_id) DO UPDATE SET ends_at = excluded.ends_at
    WHERE s.ends_at <> excluded.ends_at
    RETURNING s.id
""")
_WITHDRAW: Final = text("""
    DELETE FROM desk.shift AS s
    WHERE s.tenant = :tenant AND s.account_id = ANY(CAST(:people AS uuid[]))
        AND s.starts_at >= :starts_from AND s.starts_at < :starts_until
        AND NOT EXISTS (
            SELECT FROM unnest(
                CAST(:accounts AS uuid[]), CAST(:tiers AS text[]), CAST(:groups AS text[]), CAST(:starts AS timestamptz[])
            ) AS k(account_id, tier, group_id, starts_at)
            WHERE (k.account_id, k.tier, k.group_id, k.starts_at) = (s.account_id, s.tier, s.group_id, s.starts_at)
        )
""")

_FORGET: Final = text("""
    DELETE FROM desk.shift AS s USING (
        SELECT s.tenant, s.id FROM (SELECT DISTINCT tenant FROM desk.policy_in_force) AS t
        CROSS JOIN LATERAL (
            SELECT s.tenant, s.id FROM desk.shift AS s
            WHERE s.tenant = t.tenant AND s.ends_at < :before ORDER BY s.ends_at LIMIT :limit
        ) AS s
        LIMIT :limit
    ) AS old
    WHERE s.tenant = old.tenant AND s.id = old.id
""")


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of shifts that were written: how many are new, how many have another end; the others stood already."""

    added: int
    moved: int


async def list_shifts(
    connection: AsyncConnection,
    tenant: str,
    overseen: Iterable[Grant],
    *,
    after: ShiftRank,
    name: str | None = None,
    limit: int,
) -> list[Shift]:
    """Shifts of the groups that these grants hold for, in the order in which they end, those after this one."""
    held = tuple(overseen)
    parameters = {
        "tenant": tenant,
        "ends_at": after[0],
        "id": after[1],
        "name": name,
        "tiers": [grant.tier or "" for grant in held],
        "groups": [grant.group or "" for grant in held],
        "limit": limit,
    }
    return [_shift(row) for row in (await connection.execute(_LIST, parameters)).mappings()]


async def lock_shift(connection: AsyncConnection, tenant: str, shift_id: UUID) -> Shift | None:
    """This shift, locked until the transaction ends."""
    row = (await connection.execute(_READ, {"tenant": tenant, "id": shift_id})).mappings().one_or_none()
    return None if row is None else _shift(row)


async def save_shifts(connection: AsyncConnection, shifts: Sequence[Shift]) -> Saved:
    """Write shifts. One of the same person, group and beginning gets the end that is given."""
    ordered = {_key(one): one for one in shifts}
    rows = sorted(ordered.values(), key=lambda one: (one.account_id, one.starts_at, one.tier, one.group_id))
    parameters: dict[str, Any] = {
        "tenants": [one.tenant for one in rows],
        "ids": [one.id for one in rows],
        "ends": [one.ends_at for one in rows],
        **_keys(rows),
    }
    told = {row.id for row in await connection.execute(_SAVE, parameters)}
    added = sum(one.id in told for one in rows)
    return Saved(added, len(told) - added)


async def remove_shift(connection: AsyncConnection, tenant: str, shift_id: UUID) -> None:
    """Remove this shift."""
    await connection.execute(
        text("DELETE FROM desk.shift WHERE tenant = :tenant AND id = :id"), {"tenant": tenant, "id": shift_id}
    )


async def withdraw_shifts(
    connection: AsyncConnection,
    tenant: str,
    people: Collection[UUID],
    kept: Sequence[Shift],
    span: tuple[datetime, datetime],
) -> int:
    """Remove the shifts of these people that begin within the span and are not among those `kept`; answers how many."""
    parameters = {
        "tenant": tenant,
        "people": sorted(people),
        "starts_from": span[0],
        "starts_until": span[1],
        **_keys(kept),
    }
    return (await connection.execute(_WITHDRAW, parameters)).rowcount


async def forget_shifts(connection: AsyncConnection, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` of the shifts that ended before this; answers how many."""
    return (await connection.execute(_FORGET, {"before": before, "limit": limit})).rowcount


def _key(shift: Shift) -> tuple[UUID, str, str, datetime]:
    return shift.account_id, shift.tier, shift.group_id, shift.starts_at


def _keys(shifts: Sequence[Shift]) -> dict[str, Any]:
    return {
        "accounts": [one.account_id for one in shifts],
        "tiers": [one.tier for one in shifts],
        "groups": [one.group_id for one in shifts],
        "starts": [one.starts_at for one in shifts],
    }


def _shift(row: RowMapping) -> Shift:
    return Shift(**row)
