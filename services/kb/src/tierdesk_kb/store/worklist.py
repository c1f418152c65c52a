"""Articles by what is to be done about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.articles import Article, ArticleState, Kind
from tierdesk_kb.store.articles import read_article
from tierdesk_kb.store.tables import article as articles
from tierdesk_kb.store.tables import revision as revisions

_SUBMITTED: Final = and_(
    articles.c.submitted_revision == articles.c.revision,
    articles.c.submitted_revision.is_distinct_from(articles.c.published_revision),
    articles.c.state != ArticleState.RETIRED.value,
)
"""As `read_article` sees it."""
_IN_STATE: Final[dict[ArticleState, ColumnElement[bool]]] = {
    ArticleState.DRAFT: and_(articles.c.state == ArticleState.DRAFT.value, _SUBMITTED.is_not(True)),
    ArticleState.IN_REVIEW: _SUBMITTED,
    ArticleState.PUBLISHED: articles.c.state == ArticleState.PUBLISHED.value,
    ArticleState.RETIRED: articles.c.state == ArticleState.RETIRED.value,
}


@dataclass(frozen=True, slots=True)
class Task:
    """An article with what its newest revision is, and who wrote that."""

    article: Article
    title: str
    kind: Kind
    audience: str
    author: str
    changed_at: datetime


async def list_tasks(
    connection: AsyncConnection,
    tenant: str,
    *,
    limit: int,
    state: ArticleState | None = None,
    owner: str | None = None,
    audience: str | None = None,
    overdue_at: datetime | None = None,
    after: UUID | None = None,
) -> list[Task]:
    """The tenant's articles, the newest first, beginning after the one named `after`.

    `IN_REVIEW` are all of which a revision waits for a review, also where readers see an older one. `overdue_at` asks for
    those that somebody was to look at by then; retired ones need nobody.
    """
    wanted: list[ColumnElement[bool]] = [articles.c.tenant == tenant]
    if state is not None:
        wanted.append(_IN_STATE[state])
    if owner is not None:
        wanted.append(articles.c.owner == owner)
    if audience is not None:
        wanted.append(revisions.c.audience == audience)
    if overdue_at is not None:
        wanted += [articles.c.review_at <= overdue_at, articles.c.state != ArticleState.RETIRED.value]
    if after is not None:
        wanted.append(articles.c.id < after)
    statement = (
        select(articles, revisions.c.title, revisions.c.kind, revisions.c.audience, revisions.c.author)
        .join(
            revisions,
            (revisions.c.tenant == articles.c.tenant)
            & (revisions.c.article_id == articles.c.id)
            & (revisions.c.revision == articles.c.revision),
        )
        .where(*wanted)
        .order_by(articles.c.id.desc())
        .limit(limit)
    )
    rows = (await connection.execute(statement)).mappings()
    return [_task(row) for row in rows]


def _task(row: Any) -> Task:
    return Task(
        article=read_article(row),
        title=row["title"],
        kind=Kind(row["kind"]),
        audience=row["audience"],
        author=row["author"],
        changed_at=row["changed_at"],
    )
