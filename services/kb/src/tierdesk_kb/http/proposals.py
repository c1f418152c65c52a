"""`/v1/articles/proposed`: the drafts that resolutions have left, for those who review them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from tierdesk_kb.domain.articles import ArticleState
from tierdesk_kb.store.open_tickets import LAST
from tierdesk_kb.store.proposals import Proposed, read_proposed
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database

Author = Annotated[Principal, Depends(require("articles:write"))]


class Origin(BaseModel):
    """The ticket that an article comes from, and where it was solved."""

    ticket: UUID
    reference: str
    tier: str
    category: str


class ProposedArticle(BaseModel):
    """A draft that a resolution has left, and that nobody has published or withdrawn yet."""

    id: UUID
    state: ArticleState
    revision: int
    title: str
    audience: str
    author: Annotated[str, Field(description="Who wrote its newest revision: at first, who solved the ticket.")]
    proposed_at: AwareDatetime
    origin: Origin


class ProposedArticles(BaseModel):
    """A page, those of the newest tickets first. It may be shorter than asked for; `next` is null on the last alone."""

    articles: tuple[ProposedArticle, ...]
    next: UUID | None


def proposal_routes(database: Database) -> APIRouter:
    """The endpoint. It sees the tenant of the key alone."""
    router = APIRouter(prefix="/v1/articles", tags=["articles"])

    @router.get("/proposed")
    async def list_(
        principal: Author,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    ) -> ProposedArticles:
        """Drafts from resolutions, with the tickets that they come from. Text and publication are as of any article."""
        async with database.read() as connection:
            found, last = await read_proposed(
                connection, principal.tenant, before=LAST if after is None else after, limit=limit
            )
        return ProposedArticles(articles=tuple(_view(one) for one in found), next=last)

    @router.api_route("/proposed", methods=["OPTIONS", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def refuse() -> None:
        """Else it would be taken for an article of this name."""
        raise ProblemError(405, headers={"Allow": "GET"})

    return router


def _view(one: Proposed) -> ProposedArticle:
    return ProposedArticle(
        id=one.article_id,
        state=one.state,
        revision=one.revision,
        title=one.title,
        audience=one.audience,
        author=one.author,
        proposed_at=one.proposed_at,
        origin=Origin(ticket=one.ticket, reference=one.reference, tier=one.tier, category=one.category),
    )
