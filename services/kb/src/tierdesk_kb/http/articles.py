"""`/v1/articles`: writing, publishing and reading articles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from tierdesk_contracts.notice import ArticlePublished, ArticleRetired
from tierdesk_kb.domain import articles
from tierdesk_kb.domain.articles import Article, ArticleState, ReviewStep
from tierdesk_kb.http.article_access import Reader, Writer, decide, lock_or_refuse, unknown_article, view_newest
from tierdesk_kb.http.importing import add_import_route
from tierdesk_kb.http.reviews import add_review_routes
from tierdesk_kb.http.revisions import add_revision_routes, add_worklist_route
from tierdesk_kb.http.views import ArticleCare, ArticleRevision, ArticleView, NewArticle, view_article
from tierdesk_kb.rendering import render_article
from tierdesk_kb.store.articles import add_article, add_revision, read_revision, save_article
from tierdesk_kb.store.reviews import add_review, read_last_review
from tierdesk_runtime.http import json_body
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

_ONE: Final = "/{article_id:uuid}"
"""No word is taken for an identifier: beside articles there are `/worklist` and others, with methods of their own."""


def article_routes(
    database: Database, publisher: Publisher, identifiers: Identifiers, poke: Callable[[], None]
) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone."""
    router = APIRouter(prefix="/v1/articles", tags=["articles"])
    add_worklist_route(router, database, publisher)
    add_review_routes(router, database, publisher)
    add_revision_routes(router, database)
    add_import_route(router, database, publisher, identifiers, poke)
    _add_reading(router, database)
    _add_writing(router, database, publisher, identifiers)
    _add_showing(router, database, publisher, poke)
    return router


def _add_reading(router: APIRouter, database: Database) -> None:
    @router.get(_ONE)
    async def read(
        article_id: UUID,
        principal: Reader,
        *,
        published: bool = False,
        html: Annotated[bool, Query(description="Also as HTML, which nothing in it can make act.")] = False,
    ) -> ArticleView:
        """The newest revision of an article, or with `published` the one that readers see."""
        async with database.read() as connection:
            written = await read_revision(connection, principal.tenant, article_id, published=published)
            if written is None or (published and written.article.state is not ArticleState.PUBLISHED):
                raise unknown_article()
            review = await read_last_review(connection, principal.tenant, article_id)
        view = view_article(written, review)
        if html:
            view = view.model_copy(update={"html": await asyncio.to_thread(render_article, written.content)})
        return view


def _add_writing(router: APIRouter, database: Database, publisher: Publisher, identifiers: Identifiers) -> None:
    @router.post("", status_code=201)
    async def write(
        principal: Writer, text: Annotated[NewArticle, Depends(json_body(NewArticle))], response: Response
    ) -> ArticleView:
        """Write a new article, as a draft that readers do not see."""
        article = Article(
            principal.tenant,
            identifiers.new(),
            ArticleState.DRAFT,
            revision=1,
            owner=text.owner,
            review_at=text.review_at,
        )
        async with database.transaction() as tx:
            await add_article(tx.connection, article, text.content(), principal.label, publisher.now())
            view = await view_newest(tx, article)
        response.headers["Location"] = f"/v1/articles/{article.id}"
        return view

    @router.put(_ONE)
    async def revise(
        article_id: UUID, principal: Writer, text: Annotated[ArticleRevision, Depends(json_body(ArticleRevision))]
    ) -> ArticleView:
        """Write the next revision. Readers go on to see what is published, until this is; a review ends."""
        async with database.transaction() as tx:
            before = await lock_or_refuse(tx, principal, article_id)
            article = decide(lambda one: articles.revise(one, based_on=text.based_on), before)
            await add_revision(tx.connection, article, text.content(), principal.label, publisher.now())
            await save_article(tx.connection, article, publisher.now(), visible=False)
            return await view_newest(tx, article)

    @router.patch(_ONE)
    async def care(
        article_id: UUID, principal: Writer, told: Annotated[ArticleCare, Depends(json_body(ArticleCare))]
    ) -> ArticleView:
        """Say who answers for an article, and until when somebody is to look at it again; no revision is written."""
        async with database.transaction() as tx:
            before = await lock_or_refuse(tx, principal, article_id)
            article = replace(before, **told.model_dump(exclude_unset=True))
            await save_article(tx.connection, article, publisher.now(), visible=False)
            return await view_newest(tx, article)


def _add_showing(router: APIRouter, database: Database, publisher: Publisher, poke: Callable[[], None]) -> None:
    @router.post("/{article_id}/publish")
    async def publish(
        article_id: UUID,
        principal: Writer,
        revision: Annotated[
            int | None,
            Query(ge=1, le=2_147_483_647, description="The newest, as it was read: if somebody wrote another, 409."),
        ] = None,
    ) -> ArticleView:
        """Let readers see the newest revision, reviewed or not. Once more changes nothing."""
        async with database.transaction() as tx:
            before = await lock_or_refuse(tx, principal, article_id)
            if revision not in {None, before.revision}:
                raise ProblemError(
                    409, "Article conflict", f"Revision {before.revision} was written since; look at that one."
                )
            article = decide(articles.publish, before)
            if article != before:
                now = publisher.now()
                await save_article(tx.connection, article, now, visible=True)
                await add_review(tx.connection, article, ReviewStep.PUBLISHED, by=principal.label, at=now)
            view = await view_newest(tx, article)
            if article != before:
                published = ArticlePublished(
                    article_id=str(article.id), revision=article.revision, title=view.title, audience=view.audience
                )
                publisher.send(tx, published, tenant=article.tenant, subject=str(article.id))
        poke()
        return view

    @router.post("/{article_id}/retire", status_code=204)
    async def retire(article_id: UUID, principal: Writer) -> None:
        """Withdraw an article for good: it is found no more. Once more changes nothing."""
        async with database.transaction() as tx:
            before = await lock_or_refuse(tx, principal, article_id)
            article = articles.retire(before)
            if article != before:
                seen = before.state is ArticleState.PUBLISHED
                await save_article(tx.connection, article, publisher.now(), visible=seen)
                if seen:
                    retired = ArticleRetired(article_id=str(article.id))
                    publisher.send(tx, retired, tenant=article.tenant, subject=str(article.id))
        poke()
