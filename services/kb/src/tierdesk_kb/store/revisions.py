"""The revisions of one article, as they were written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.store.reviews import Review, read_review
from tierdesk_kb.store.tables import review as reviews
from tierdesk_kb.store.tables import revision as revisions


@dataclass(frozen=True, slots=True)
class RevisionHead:
    """A revision without its text, and what was done about it, in order."""

    revision: int
    title: str
    author: str
    written_at: datetime
    reviews: tuple[Review, ...]


async def list_revisions(
    connection: AsyncConnection, tenant: str, article_id: UUID, *, limit: int, before: int | None = None
) -> list[RevisionHead]:
    """The article's revisions, the newest first, of those before this one; none for an article that does not exist."""
    statement = (
        select(revisions.c.revision, revisions.c.title, revisions.c.author, revisions.c.written_at)
        .where(revisions.c.tenant == tenant, revisions.c.article_id == article_id)
        .order_by(revisions.c.revision.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(revisions.c.revision < before)
    rows = (await connection.execute(statement)).all()
    if not rows:
        return []
    done = select(reviews).where(
        reviews.c.tenant == tenant,
        reviews.c.article_id == article_id,
        reviews.c.revision.between(rows[-1].revision, rows[0].revision),
    )
    found: dict[int, list[Review]] = defaultdict(list)
    for row in (await connection.execute(done.order_by(reviews.c.position))).mappings():
        found[row["revision"]].append(read_review(row))
    return [
        RevisionHead(row.revision, row.title, row.author, row.written_at, tuple(found[row.revision])) for row in rows
    ]
