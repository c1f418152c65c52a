"""`/v1/articles/{article_id}/submit`, `/send-back`, `/withdraw`: what is done about revisions before readers see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from tierdesk_kb.domain.articles import Article, ReviewStep, end_review, submit
from tierdesk_kb.http.article_access import Writer, decide, lock_or_refuse, view_newest
from tierdesk_kb.http.views import ArticleView, SendingBack
from tierdesk_kb.store.articles import save_article
from tierdesk_kb.store.reviews import add_review
from tierdesk_runtime.http import Principal, json_body
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database


def add_review_routes(router: APIRouter, database: Database, publisher: Publisher) -> None:
    """Add the endpoints."""

    async def take(
        principal: Principal,
        article_id: UUID,
        decision: Callable[[Article], Article],
        step: ReviewStep,
        reason: str = "",
    ) -> ArticleView:
        async with database.transaction() as tx:
            before = await lock_or_refuse(tx, principal, article_id)
            article = decide(decision, before)
            if article != before:
                now = publisher.now()
                await save_article(tx.connection, article, now, visible=False)
                await add_review(tx.connection, article, step, by=principal.label, at=now, reason=reason)
            return await view_newest(tx, article)

    @router.post("/{article_id}/submit")
    async def ask(article_id: UUID, principal: Writer) -> ArticleView:
        """Ask for a review of the newest revision. Once more changes nothing."""
        return await take(principal, article_id, submit, ReviewStep.SUBMITTED)

    @router.post("/{article_id}/send-back")
    async def send_back(
        article_id: UUID, principal: Writer, told: Annotated[SendingBack, Depends(json_body(SendingBack))]
    ) -> ArticleView:
        """Send the revision that is in review back to its author, and say why."""
        return await take(principal, article_id, end_review, ReviewStep.SENT_BACK, told.reason)

    @router.post("/{article_id}/withdraw")
    async def withdraw(article_id: UUID, principal: Writer) -> ArticleView:
        """Ask no more for a review of the newest revision."""
        return await take(principal, article_id, end_review, ReviewStep.WITHDRAWN)
