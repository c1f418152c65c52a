"""`GET /v1/articles?q=` and `/v1/suggest`: finding articles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import StringConstraints

from tierdesk_contracts.vocabulary import Identifier
from tierdesk_kb.http.views import FoundArticle, FoundArticles, Suggestion, Suggestions
from tierdesk_kb.search.index import Hit
from tierdesk_kb.search.library import IndexNotReadyError, Library
from tierdesk_kb.search.wording import Wording
from tierdesk_kb.store.articles import Written, read_published
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("articles:read"))]
# Written as a URL, twelve bytes a letter at the most, all of them together fit into the 64 KiB that the server reads.
Words = Annotated[str, Query(max_length=3_000, description="Any words; nothing in them is an operator.")]
Before = Annotated[
    list[Annotated[str, StringConstraints(max_length=250)]],
    Query(max_length=4, description="What was said before, the oldest first; it counts less than the question."),
]
Audience = Annotated[Identifier | None, Query(description="Only articles written for `requester`, or for this tier.")]


def search_routes(database: Database, library: Library) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone. Until the index is built they answer 503."""
    router = APIRouter(prefix="/v1", tags=["articles"])

    async def check(tenant: str, hits: Sequence[Hit]) -> list[tuple[Hit, Written]]:
        async with database.read() as connection:
            published = await read_published(connection, tenant, [UUID(hit.article_id) for hit in hits])
        found = [(hit, published.get(UUID(hit.article_id))) for hit in hits]
        return [(hit, written) for hit, written in found if written is not None]

    @router.get("/articles")
    async def search(
        principal: Reader,
        q: Words,
        audience: Audience = None,
        asked: Before = [],  # noqa: B006 - read only
        told: Before = [],  # noqa: B006 - read only
        limit: Annotated[int, Query(ge=1, le=50)] = 10,
        offset: Annotated[int, Query(ge=0, le=1_000)] = 0,
    ) -> FoundArticles:
        """Published articles that have these words, best first; slips of the pen are forgiven.

        In a conversation, `asked` are the earlier questions and `told` the earlier answers.
        """
        try:
            sought = Wording(q, tuple(asked), tuple(told))
            hits = library.search(principal.tenant, sought, limit=limit, offset=offset, audience=audience)
        except IndexNotReadyError:
            raise _not_ready() from None
        found = await check(principal.tenant, hits)
        return FoundArticles(articles=tuple(_found(hit, written) for hit, written in found))

    @router.get("/suggest")
    async def suggest(
        principal: Reader, q: Words, audience: Audience = "requester", limit: Annotated[int, Query(ge=1, le=20)] = 5
    ) -> Suggestions:
        """Articles that may answer what is being typed; the last word may be unfinished."""
        try:
            hits = library.suggest(principal.tenant, q, limit=limit, audience=audience)
        except IndexNotReadyError:
            raise _not_ready() from None
        found = await check(principal.tenant, hits)
        return Suggestions(
            suggestions=tuple(Suggestion(id=written.article.id, title=written.content.title) for _, written in found)
        )

    return router


def _found(hit: Hit, written: Written) -> FoundArticle:
    return FoundArticle(
        id=written.article.id,
        title=written.content.title,
        body=written.content.body,
        audience=written.content.audience,
        revision=written.revision,
        weight=round(hit.weight, 4),
    )


def _not_ready() -> ProblemError:
    return ProblemError(
        503, "Index not ready", "The search index is being built; try again shortly.", headers={"Retry-After": "1"}
    )
