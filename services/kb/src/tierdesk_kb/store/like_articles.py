"""Which published articles are alike, and up to where they were compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_BEHIND: Final = text("""
    SELECT c.tenant, c.position FROM kb.counter AS c LEFT JOIN kb.like_progress AS p ON p.tenant = c.tenant
    WHERE c.position > coalesce(p.position, 0) ORDER BY c.tenant
""")
_BEGIN: Final = text("INSERT INTO kb.like_progress (tenant, position) VALUES (:tenant, 0) ON CONFLICT DO NOTHING")
_HOLD: Final = text("SELECT position FROM kb.like_progress WHERE tenant = :tenant FOR UPDATE SKIP LOCKED")
_MOVE: Final = text("UPDATE kb.like_progress SET position = :position WHERE tenant = :tenant")
_CHANGED: Final = text("""
    SELECT id, position, state = 'published' AS seen FROM kb.article
    WHERE tenant = :tenant AND position > :position ORDER BY position LIMIT :limit
""")
_LOOKERS: Final = text("""
    SELECT article_id FROM kb.like_article WHERE tenant = :tenant AND like_id = ANY(CAST(:ids AS uuid[])) LIMIT :limit
""")
_DROP: Final = text("DELETE FROM kb.like_article WHERE tenant = :tenant AND article_id = ANY(CAST(:ids AS uuid[]))")
_SAVE: Final = text("""
    INSERT INTO kb.like_article AS l (tenant, article_id, like_id, likeness)
    VALUES (:tenant, :article_id, :like_id, :likeness)
    ON CONFLICT (tenant, article_id) DO UPDATE SET like_id = excluded.like_id, likeness = excluded.likeness
    WHERE l.likeness < excluded.likeness
""")


@dataclass(frozen=True, slots=True)
class Changed:
    """An article that readers see otherwise since this position, or no more."""

    article_id: UUID
    position: int
    seen: bool


@dataclass(frozen=True, slots=True)
class Likeness:
    """An article, and one that is like it."""

    article_id: UUID
    like_id: UUID
    likeness: float


async def find_behind(connection: AsyncConnection) -> dict[str, int]:
    """The tenants in which something has changed that was not looked at, and up to which position it has by now."""
    return {row.tenant: row.position for row in await connection.execute(_BEHIND)}


async def hold_progress(connection: AsyncConnection, tenant: str) -> int | None:
    """Up to which position the tenant's articles were compared, locked; None when another process is at it."""
    await connection.execute(_BEGIN, {"tenant": tenant})
    position: int | None = (await connection.execute(_HOLD, {"tenant": tenant})).scalar_one_or_none()
    return position


async def move_progress(connection: AsyncConnection, tenant: str, position: int) -> None:
    """Remember that the articles up to this position were compared."""
    await connection.execute(_MOVE, {"tenant": tenant, "position": position})


async def find_changed(connection: AsyncConnection, tenant: str, position: int, *, limit: int) -> list[Changed]:
    """The next articles that readers see otherwise, in order."""
    rows = await connection.execute(_CHANGED, {"tenant": tenant, "position": position, "limit": limit})
    return [Changed(row.id, row.position, row.seen) for row in rows]


async def find_lookers(connection: AsyncConnection, tenant: str, ids: Collection[UUID], *, limit: int) -> list[UUID]:
    """Up to `limit` articles whose best like one is among these."""
    parameters = {"tenant": tenant, "ids": list(ids), "limit": limit}
    return list((await connection.execute(_LOOKERS, parameters)).scalars())


async def replace_likenesses(
    connection: AsyncConnection, tenant: str, ids: Collection[UUID], found: Collection[Likeness]
) -> None:
    """Forget what these articles were like, and keep what was found; of two like ones, the one that is more so."""
    await connection.execute(_DROP, {"tenant": tenant, "ids": list(ids)})
    rows = [
        {"tenant": tenant, "article_id": one.article_id, "like_id": one.like_id, "likeness": one.likeness}
        for one in found
    ]
    if rows:
        await connection.execute(_SAVE, rows)
