"""`/v1/articles`: writing, publishing and reading articles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from tierdesk_contracts.notice import ArticlePublished, ArticleRetired
from tierdesk_kb.domain import articles
from tierdesk_kb.domain.articles import Article, ArticleConflictError, ArticleState
from tierdesk_kb.http.views import ArticleRevision, ArticleText, ArticleView, view_article
from tierdesk_kb.publishing import Publisher
from tierdesk_kb.store.articles import add_article, add_revision, lock_article, read_revision, save_article
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database, Transaction

Reader = Annotated[Principal, Depends(require("articles:read"))]
Writer = Annotated[Principal, Depends(require("articles:write"))]


def article_routes(
    database: Database, publisher: Publisher, identifiers: Identifiers, poke: Callable[[], None]
) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone."""
    router = APIRouter(prefix="/v1/articles", tags=["articles"])

    @router.post("", status_code=201)
    async def write(
        principal: Writer, text: Annotated[ArticleText, Depends(json_body(ArticleText))], response: Response
    ) -> ArticleView:
        """Write a new article, as a draft that readers do not see."""
        article = Article(principal.tenant, identifiers.new(), ArticleState.DRAFT, revision=1)
        async with database.transaction() as tx:
            await add_article(tx.connection, article, text.content(), principal.label, publisher.now())
            view = await _view(tx, article)
        response.headers["Location"] = f"/v1/articles/{article.id}"
        return view

    @router.get("/{article_id:uuid}")
    async def read(article_id: UUID, principal: Reader, *, published: bool = False) -> ArticleView:
        """The newest revision of an article, or with `published` the one that readers see."""
        async with database.read() as connection:
            written = await read_revision(connection, principal.tenant, article_id, published=published)
        if written is None or (published and written.article.state is not ArticleState.PUBLISHED):
            raise _unknown()
        return view_article(written)

    @router.put("/{article_id:uuid}")
    async def revise(
        article_id: UUID, principal: Writer, text: Annotated[ArticleRevision, Depends(json_body(ArticleRevision))]
    ) -> ArticleView:
        """Write the next revision. Readers go on to see what is published, until this is."""
        async with database.transaction() as tx:
            article = await _change(tx, principal, article_id, lambda one: articles.revise(one, based_on=text.based_on))
            await add_revision(tx.connection, article, text.content(), principal.label, publisher.now())
            await save_article(tx.connection, article, publisher.now(), visible=False)
            return await _view(tx, article)

    @router.post("/{article_id:uuid}/publish")
    async def publish(article_id: UUID, principal: Writer) -> ArticleView:
        """Let readers see the newest revision. Once more changes nothing."""
        async with database.transaction() as tx:
            before = await _locked(tx, principal, article_id)
            article = _decide(articles.publish, before)
            view = await _view(tx, article)
            if article != before:
                await save_article(tx.connection, article, publisher.now(), visible=True)
                published = ArticlePublished(
                    article_id=str(article.id), revision=article.revision, title=view.title, audience=view.audience
                )
                publisher.send(tx, published, tenant=article.tenant, subject=str(article.id))
        poke()
        return view.model_copy(update={"state": article.state, "published_revision": article.published_revision})

    @router.post("/{article_id:uuid}/retire", status_code=204)
    async def retire(article_id: UUID, principal: Writer) -> None:
        """Withdraw an article for good: it is found no more. Once more changes nothing."""
        async with database.transaction() as tx:
            before = await _locked(tx, principal, article_id)
            article = articles.retire(before)
            if article != before:
                seen = before.state is ArticleState.PUBLISHED
                await save_article(tx.connection, article, publisher.now(), visible=seen)
                if seen:
                    retired = ArticleRetired(article_id=str(article.id))
                    publisher.send(tx, retired, tenant=article.tenant, subject=str(article.id))
        poke()

    return router


async def _locked(tx: Transaction, principal: Principal, article_id: UUID) -> Article:
    article = await lock_article(tx.connection, principal.tenant, article_id)
    if article is None:
        raise _unknown()
    return article


async def _change(
    tx: Transaction, principal: Principal, article_id: UUID, decide: Callable[[Article], Article]
) -> Article:
    return _decide(decide, await _locked(tx, principal, article_id))


def _decide(decide: Callable[[Article], Article], article: Article) -> Article:
    try:
        return decide(article)
    except ArticleConflictError as error:
        raise ProblemError(409, "Article conflict", error.reason) from error


async def _view(tx: Transaction, article: Article) -> ArticleView:
    written = await read_revision(tx.connection, article.tenant, article.id, published=False)
    if written is None:
        raise RuntimeError(f"article {article.id} has no revision {article.revision}")
    return view_article(written)


def _unknown() -> ProblemError:
    return ProblemError(404, "No such article", "No article of this identifier can be read with this key.")
