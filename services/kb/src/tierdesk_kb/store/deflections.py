"""Problems that an article solved before they became tickets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.store.tables import article as articles
from tierdesk_kb.store.tables import deflection as deflections
from tierdesk_kb.store.tables import revision as revisions

_BY_DAY = text("""
    SELECT CAST(at AT TIME ZONE 'UTC' AS date) AS day, count(*) AS solved
    FROM kb.deflection WHERE tenant = :tenant AND at >= :since GROUP BY 1 ORDER BY 1
""")
_BY_ARTICLE = text("""
    SELECT article_id, count(*) AS solved FROM kb.deflection WHERE tenant = :tenant AND at >= :since
    GROUP BY article_id ORDER BY count(*) DESC, article_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Deflection:
    """That an article solved a problem; `id` is the caller's."""

    id: UUID
    article_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class SolvedByArticle:
    """How many problems an article solved; its title as it was published last."""

    article_id: UUID
    title: str
    solved: int


async def add_deflection(connection: AsyncConnection, tenant: str, new: Deflection) -> tuple[Deflection, bool] | None:
    """Store it, and answer it with True; with False what stands under its identifier already.

    None when no reader of the tenant has ever seen such an article. One that was retired since counts: it had helped.
    """
    seen = exists().where(
        articles.c.tenant == tenant, articles.c.id == new.article_id, articles.c.published_revision.is_not(None)
    )
    if not (await connection.execute(select(seen))).scalar_one():
        return None
    statement = insert(deflections).values(tenant=tenant, id=new.id, article_id=new.article_id, at=new.at)
    added = (await connection.execute(statement.on_conflict_do_nothing())).rowcount == 1
    if added:
        return new, True
    columns = select(deflections.c.id, deflections.c.article_id, deflections.c.at)
    row = (await connection.execute(columns.where(deflections.c.tenant == tenant, deflections.c.id == new.id))).one()
    return Deflection(*row), False


async def count_by_day(connection: AsyncConnection, tenant: str, since: datetime) -> dict[date, int]:
    """How many problems were solved on each day (UTC) from `since` on; days without any are left out."""
    rows = await connection.execute(_BY_DAY, {"tenant": tenant, "since": since})
    return {row.day: row.solved for row in rows}


async def count_by_article(
    connection: AsyncConnection, tenant: str, since: datetime, *, limit: int
) -> Sequence[SolvedByArticle]:
    """The articles that solved the most from `since` on, the most first."""
    rows = (await connection.execute(_BY_ARTICLE, {"tenant": tenant, "since": since, "limit": limit})).all()
    named = await connection.execute(
        select(articles.c.id, revisions.c.title)
        .join(
            revisions,
            (revisions.c.tenant == articles.c.tenant)
            & (revisions.c.article_id == articles.c.id)
            & (revisions.c.revision == articles.c.published_revision),
        )
        .where(articles.c.tenant == tenant, articles.c.id.in_([row.article_id for row in rows]))
    )
    titles = {row.id: row.title for row in named}
    return [SolvedByArticle(row.article_id, titles[row.article_id], row.solved) for row in rows]
