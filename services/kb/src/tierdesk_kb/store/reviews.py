"""What was done about revisions on their way to the readers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.articles import Article, ReviewStep
from tierdesk_kb.store.tables import review as reviews


@dataclass(frozen=True, slots=True)
class Review:
    """A step on a revision's way to the readers. `reason` is that of sending it back."""

    revision: int
    step: ReviewStep
    by: str
    reason: str
    at: datetime


async def add_review(
    connection: AsyncConnection, article: Article, step: ReviewStep, *, by: str, at: datetime, reason: str = ""
) -> None:
    """Note what was done about the article's newest revision."""
    await connection.execute(
        insert(reviews).values(
            tenant=article.tenant,
            article_id=article.id,
            revision=article.revision,
            step=step.value,
            by=by,
            reason=reason,
            at=at,
        )
    )


async def read_last_review(connection: AsyncConnection, tenant: str, article_id: UUID) -> Review | None:
    """The last that was done about the article's revisions; None when nothing was."""
    statement = (
        select(reviews)
        .where(reviews.c.tenant == tenant, reviews.c.article_id == article_id)
        .order_by(reviews.c.position.desc())
        .limit(1)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else read_review(row)


def read_review(row: RowMapping) -> Review:
    """The step of this row."""
    return Review(row["revision"], ReviewStep(row["step"]), row["by"], row["reason"], row["at"])
