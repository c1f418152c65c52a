"""What was solved before it became a ticket, and what nothing was found for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierdesk_kb.domain.unanswered import KEPT_FOR
from tierdesk_kb.store.deflections import Deflection, add_deflection, count_by_article, count_by_day
from tierdesk_kb.store.unanswered import read_unanswered
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("articles:read"))]
Writer = Annotated[Principal, Depends(require("articles:write"))]
_ARTICLES = 50


class Solved(BaseModel):
    """That an article solved a problem before there was a ticket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[UUID, Field(description="Made by the caller, one for each problem: sent again, it counts once.")]
    article_id: UUID


class SolvedView(BaseModel):
    """What is counted."""

    id: UUID
    article_id: UUID
    at: AwareDatetime


class SolvedOnDay(BaseModel):
    """How many problems were solved on a day (UTC)."""

    day: date
    solved: int


class SolvedByArticleView(BaseModel):
    """How many problems an article solved."""

    article_id: UUID
    title: str
    solved: int


class DeflectionView(BaseModel):
    """Problems solved before they became tickets: all, by day, and by the 50 articles that solved the most."""

    since: AwareDatetime
    solved: int
    by_day: tuple[SolvedOnDay, ...]
    by_article: tuple[SolvedByArticleView, ...]


class UnansweredView(BaseModel):
    """A question for which nothing was found, by its words as they are compared, and how often: searched for, and typed."""

    question: str
    searches: int
    suggestions: int
    first_at: AwareDatetime
    last_at: AwareDatetime


class UnansweredQuestionsView(BaseModel):
    """A page of them, the most frequent first."""

    questions: tuple[UnansweredView, ...]


def deflection_routes(database: Database, publisher: Publisher) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone."""
    router = APIRouter(prefix="/v1", tags=["articles"])

    @router.post(
        "/suggest/solved", status_code=201, responses={200: {"model": SolvedView, "description": "Counted before"}}
    )
    async def solve(
        principal: Reader, solved: Annotated[Solved, Depends(json_body(Solved))], response: Response
    ) -> SolvedView:
        """Count that an article that was suggested or found solved the problem, so that no ticket is needed.

        The same again answers 200 and counts no more; the same `id` with another article answers 409.
        """
        new = Deflection(solved.id, solved.article_id, publisher.now())
        async with database.transaction() as tx:
            stored = await add_deflection(tx.connection, principal.tenant, new)
        if stored is None:
            raise ProblemError(404, "No such article", "No article of this identifier was ever published here.")
        deflection, added = stored
        if deflection.article_id != solved.article_id:
            raise ProblemError(409, "Identifier used", "This id tells of another article already.")
        response.status_code = 201 if added else 200
        return SolvedView(id=deflection.id, article_id=deflection.article_id, at=deflection.at)

    @router.get("/insight/deflection")
    async def deflection(principal: Reader, days: Annotated[int, Query(ge=1, le=366)] = 30) -> DeflectionView:
        """Problems that articles solved before they became tickets, since the beginning of the first of so many days (UTC)."""
        today = publisher.now().replace(hour=0, minute=0, second=0, microsecond=0)
        since = today - timedelta(days=days - 1)
        async with database.read() as connection:
            by_day = await count_by_day(connection, principal.tenant, since)
            by_article = await count_by_article(connection, principal.tenant, since, limit=_ARTICLES)
        return DeflectionView(
            since=since,
            solved=sum(by_day.values()),
            by_day=tuple(SolvedOnDay(day=day, solved=solved) for day, solved in by_day.items()),
            by_article=tuple(
                SolvedByArticleView(article_id=one.article_id, title=one.title, solved=one.solved) for one in by_article
            ),
        )

    @router.get("/articles/unanswered")
    async def unanswered(
        principal: Writer,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0, le=5_000)] = 0,
    ) -> UnansweredQuestionsView:
        """What people looked for in the last 90 days and nothing was found for: what to write next."""
        since = publisher.now() - KEPT_FOR
        async with database.read() as connection:
            found = await read_unanswered(connection, principal.tenant, since, limit=limit, offset=offset)
        return UnansweredQuestionsView(
            questions=tuple(
                UnansweredView(
                    question=one.question,
                    searches=one.searches,
                    suggestions=one.suggestions,
                    first_at=one.first_at,
                    last_at=one.last_at,
                )
                for one in found
            )
        )

    return router
