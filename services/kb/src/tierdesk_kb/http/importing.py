"""`POST /v1/articles/import`: many articles at once, each under a key that its source gave it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, Strict, TypeAdapter

from tierdesk_contracts.notice import ArticlePublished
from tierdesk_kb.domain.articles import Article, ArticleState
from tierdesk_kb.domain.importing import Entry, ImportOutcome, ImportStep, decide_import
from tierdesk_kb.http.article_access import Writer
from tierdesk_kb.http.views import NewArticle
from tierdesk_kb.store.importing import lock_imported, save_imported
from tierdesk_runtime.http import json_body
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, Transaction

_MOST_ENTRIES: Final = 500
_Key = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
IMPORT_KEY: Final[TypeAdapter[str]] = TypeAdapter(_Key)
"""What a key may be."""


class ImportedArticles(BaseModel):
    """Articles, each by its key: the same key is the same article, whenever it comes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    articles: Annotated[dict[_Key, NewArticle], Field(min_length=1, max_length=_MOST_ENTRIES)]
    publish: Annotated[bool, Strict(), Field(description="Let readers see them at once.")] = False


class ImportedArticle(BaseModel):
    """What became of an article, and its newest revision."""

    id: UUID
    outcome: ImportOutcome
    revision: int


class ImportResult(BaseModel):
    """What became of each article, by its key."""

    articles: dict[str, ImportedArticle]


def add_import_route(
    router: APIRouter, database: Database, publisher: Publisher, identifiers: Identifiers, poke: Callable[[], None]
) -> None:
    """Add the endpoint."""

    @router.post("/import")
    async def import_(
        principal: Writer, told: Annotated[ImportedArticles, Depends(json_body(ImportedArticles))]
    ) -> ImportResult:
        """Write articles that come from elsewhere, all of them or none; those that changed since get a revision.

        The same again changes nothing, so an import that was cut off is sent again as a whole. What was retired stays so.
        """
        entries = [read_entry(key, article) for key, article in told.articles.items()]
        now = publisher.now()
        async with database.transaction() as tx:
            known = await lock_imported(tx.connection, principal.tenant, told.articles)
            steps = [
                decide_import(
                    entry,
                    known.get(entry.key),
                    Article(principal.tenant, identifiers.new(), ArticleState.DRAFT, revision=1),
                    show=told.publish,
                )
                for entry in entries
            ]
            await save_imported(tx.connection, principal.tenant, steps, by=principal.label, at=now)
            _tell(tx, publisher, steps)
        poke()
        return ImportResult(
            articles={
                step.entry.key: ImportedArticle(
                    id=step.article.id, outcome=step.outcome, revision=step.article.revision
                )
                for step in steps
            }
        )


def read_entry(key: str, article: NewArticle) -> Entry:
    """The entry. Its fingerprint stays when a release adds a field that it does not have."""
    told = json.dumps(article.model_dump(mode="json", exclude_defaults=True), sort_keys=True).encode()
    fingerprint = hashlib.sha256(told).digest()
    return Entry(key, article.content(), fingerprint, article.owner, article.review_at)


def _tell(tx: Transaction, publisher: Publisher, steps: list[ImportStep]) -> None:
    for step in steps:
        if step.shown:
            content, article = step.entry.content, step.article
            published = ArticlePublished(
                article_id=str(article.id), revision=article.revision, title=content.title, audience=content.audience
            )
            publisher.send(tx, published, tenant=article.tenant, subject=str(article.id))
