"""Published revisions for which open tickets are still to be looked at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

FIRST: Final = UUID(int=0)
"""Before every ticket."""

_ADD: Final = text("""
    INSERT INTO kb.publication (tenant, article_id, position, after)
    VALUES (:tenant, :article_id, :position, :after)
    ON CONFLICT (tenant, article_id) DO UPDATE SET position = excluded.position, after = excluded.after
""")
_DROP: Final = text("DELETE FROM kb.publication WHERE tenant = :tenant AND article_id = :article_id")
_CLAIM: Final = text("""
    SELECT tenant, article_id, position, after FROM kb.publication
    ORDER BY position, tenant LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_MOVE: Final = text("UPDATE kb.publication SET after = :after WHERE tenant = :tenant AND article_id = :article_id")
_BEGIN_COUNTERS: Final = text("""
    INSERT INTO kb.counter (tenant, position) SELECT tenant, 0 FROM unnest(CAST(:tenants AS text[])) AS k(tenant)
    ORDER BY tenant ON CONFLICT DO NOTHING
""")
_HOLD_COUNTERS: Final = text("""
    SELECT found.tenant, found.position
    FROM unnest(CAST(:tenants AS text[])) AS k(tenant)
    CROSS JOIN LATERAL (
        SELECT c.tenant, c.position FROM kb.counter AS c WHERE c.tenant = k.tenant FOR SHARE
    ) AS found
""")
_LOOK_AGAIN: Final = text("""
    INSERT INTO kb.publication (tenant, article_id, position, after)
    SELECT tenant, id, position, CAST(:after AS uuid) FROM kb.article
    WHERE tenant = :tenant AND position > :position AND state = 'published'
    ORDER BY id
    ON CONFLICT (tenant, article_id) DO UPDATE SET after = least(publication.after, excluded.after)
""")


@dataclass(frozen=True, slots=True)
class Publication:
    """The revision that readers see of an article since `position`, and the last ticket that was looked at for it."""

    tenant: str
    article_id: UUID
    position: int
    after: UUID


async def add_publication(connection: AsyncConnection, tenant: str, article_id: UUID, position: int) -> None:
    """Have all open tickets looked at for a revision, in place of an earlier one of the article."""
    await connection.execute(_ADD, {"tenant": tenant, "article_id": article_id, "position": position, "after": FIRST})


async def drop_publication(connection: AsyncConnection, tenant: str, article_id: UUID) -> None:
    """Have no further ticket looked at for an article."""
    await connection.execute(_DROP, {"tenant": tenant, "article_id": article_id})


async def claim_publication(connection: AsyncConnection) -> Publication | None:
    """One of those that no other process is at, locked; None without such."""
    row = (await connection.execute(_CLAIM)).one_or_none()
    return None if row is None else Publication(row.tenant, row.article_id, row.position, row.after)


async def move_publication(connection: AsyncConnection, publication: Publication, after: UUID) -> None:
    """Remember that the tickets up to this one were looked at."""
    key = {"tenant": publication.tenant, "article_id": publication.article_id}
    await connection.execute(_MOVE, key | {"after": after})


async def hold_positions(connection: AsyncConnection, tenants: Collection[str]) -> dict[str, int]:
    """The last position of each tenant; until the transaction ends nothing more is published there."""
    found: dict[str, int] = {}
    for begin in (False, True):
        missing = sorted(set(tenants) - found.keys())
        if missing:
            if begin:
                await connection.execute(_BEGIN_COUNTERS, {"tenants": missing})
            rows = await connection.execute(_HOLD_COUNTERS, {"tenants": missing})
            found |= {row.tenant: row.position for row in rows}
    return found


async def look_again(connection: AsyncConnection, tenant: str, position: int, after: UUID) -> None:
    """Have the tickets after this one looked at for all that was published after `position`."""
    await connection.execute(_LOOK_AGAIN, {"tenant": tenant, "position": position, "after": after})
