"""What the endpoints have in common that change articles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends

from tierdesk_kb.domain.articles import Article, ArticleConflictError
from tierdesk_kb.http.views import ArticleView, view_article
from tierdesk_kb.store.articles import lock_article, read_revision
from tierdesk_kb.store.reviews import read_last_review
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Transaction

Reader = Annotated[Principal, Depends(require("articles:read"))]
Writer = Annotated[Principal, Depends(require("articles:write"))]


async def lock_or_refuse(tx: Transaction, principal: Principal, article_id: UUID) -> Article:
    """The article, locked until the transaction ends. Raises `ProblemError` 404."""
    article = await lock_article(tx.connection, principal.tenant, article_id)
    if article is None:
        raise unknown_article()
    return article


def decide(decision: Callable[[Article], Article], article: Article) -> Article:
    """What becomes of the article. Raises `ProblemError` 409 for what does not fit its state."""
    try:
        return decision(article)
    except ArticleConflictError as error:
        raise ProblemError(409, "Article conflict", error.reason) from error


async def view_newest(tx: Transaction, article: Article) -> ArticleView:
    """The article's newest revision, as it stands in this transaction."""
    written = await read_revision(tx.connection, article.tenant, article.id, published=False)
    if written is None:
        raise RuntimeError(f"article {article.id} has no revision {article.revision}")
    return view_article(written, await read_last_review(tx.connection, article.tenant, article.id))


def unknown_article() -> ProblemError:
    """The answer for an article that is not the tenant's, or of nobody."""
    return ProblemError(404, "No such article", "No article of this identifier can be read with this key.")
