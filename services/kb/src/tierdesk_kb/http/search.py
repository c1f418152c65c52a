"""`GET /v1/articles/search` and `/v1/suggest`: finding articles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import StringConstraints

from tierdesk_contracts.vocabulary import Identifier
from tierdesk_kb.domain.articles import Kind
from tierdesk_kb.http.views import FoundArticle, FoundArticles, Highlights, Suggestion, Suggestions
from tierdesk_kb.search.highlights import excerpt, mark
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
Audiences = Annotated[
    list[Identifier],
    Query(max_length=10, description="Only articles written for `requester`, or for one of these tiers."),
]
Kinds = Annotated[list[Kind], Query(max_length=10, description="Only articles of one of these kinds.")]
FURTHEST = 1_000
"""The offset of the last page."""


class Noting(Protocol):
    """What is told of a question for which nothing was found."""

    def __call__(self, tenant: str, question: str, *, typing: bool) -> None:
        """Note it, at once; `typing` while it is being typed."""


def search_routes(database: Database, library: Library, note_unanswered: Noting) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone. Until the index is built they answer 503."""
    router = APIRouter(prefix="/v1", tags=["articles"])

    async def check(
        tenant: str, hits: Sequence[Hit], audience: Sequence[str], kind: Sequence[Kind] = ()
    ) -> list[tuple[Hit, Written]]:
        """The hits that readers see now, as they see them: a newer revision may be written for others."""
        async with database.read() as connection:
            published = await read_published(connection, tenant, [UUID(hit.article_id) for hit in hits])
        found = [(hit, published.get(UUID(hit.article_id))) for hit in hits]
        return [
            (hit, written)
            for hit, written in found
            if written is not None
            and (not audience or written.content.audience in audience)
            and (not kind or written.content.kind in kind)
        ]

    @router.get("/articles/search")
    async def search(
        principal: Reader,
        q: Words,
        audience: Audiences = [],  # noqa: B006 - read only
        kind: Kinds = [],  # noqa: B006 - read only
        asked: Before = [],  # noqa: B006 - read only
        told: Before = [],  # noqa: B006 - read only
        limit: Annotated[int, Query(ge=1, le=50)] = 10,
        offset: Annotated[int, Query(ge=0, le=FURTHEST)] = 0,
    ) -> FoundArticles:
        """Published articles that have these words or what means the same, best first; slips of the pen are forgiven.

        In a conversation, `asked` are the earlier questions and `told` the earlier answers.
        """
        try:
            sought = Wording(q, tuple(asked), tuple(told))
            hits = library.search(
                principal.tenant, sought, limit=limit + 1, offset=offset, audience=audience or None, kind=kind or None
            )
        except IndexNotReadyError:
            raise _not_ready() from None
        found = await check(principal.tenant, hits[:limit], audience, kind)
        if not found and not offset:
            note_unanswered(principal.tenant, q, typing=False)
        following = offset + limit if len(hits) > limit and offset + limit <= FURTHEST else None
        return FoundArticles(articles=tuple(_found(hit, written) for hit, written in found), next_offset=following)

    @router.get("/suggest")
    async def suggest(
        principal: Reader,
        q: Words,
        audience: Audiences = ["requester"],  # noqa: B006 - read only
        limit: Annotated[int, Query(ge=1, le=20)] = 5,
    ) -> Suggestions:
        """Articles that may answer what is being typed; the last word may be unfinished."""
        try:
            hits = library.suggest(principal.tenant, q, limit=limit, audience=audience or None)
        except IndexNotReadyError:
            raise _not_ready() from None
        found = await check(principal.tenant, hits, audience)
        if not found:
            note_unanswered(principal.tenant, q, typing=True)
        return Suggestions(
            suggestions=tuple(Suggestion(id=written.article.id, title=written.content.title) for _, written in found)
        )

    return router


def _found(hit: Hit, written: Written) -> FoundArticle:
    content = written.content
    return FoundArticle(
        id=written.article.id,
        title=content.title,
        body=content.body,
        audience=content.audience,
        kind=content.kind,
        language=content.language,
        revision=written.revision,
        weight=round(hit.weight, 4),
        highlights=Highlights(
            title=mark(content.title, hit.stems, hit.language), body=excerpt(content.text, hit.stems, hit.language)
        ),
    )


def _not_ready() -> ProblemError:
    return ProblemError(
        503, "Index not ready", "The search index is being built; try again shortly.", headers={"Retry-After": "1"}
    )
