"""The life of an article: written as a draft, published revision by revision, retired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID


class ArticleState(StrEnum):
    """Where an article stands. Of a published one, a newer revision may be in writing."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Content:
    """What a revision says, and in which language (ISO 639-1). `audience` is `requester` or the tier that it is written for."""

    title: str
    body: str
    audience: str = "requester"
    keywords: tuple[str, ...] = ()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Article:
    """An article: its newest revision, and the one that readers see, if any."""

    tenant: str
    id: UUID
    state: ArticleState
    revision: int
    published_revision: int | None = None


class ArticleConflictError(Exception):
    """The article is not as the author believes. `revision` is its newest."""

    def __init__(self, reason: str, *, revision: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.revision = revision


def revise(article: Article, *, based_on: int) -> Article:
    """Add a revision to what was read as revision `based_on`. What readers see stays.

    Raises `ArticleConflictError` when somebody else wrote one meanwhile, or the article is retired.
    """
    if article.state is ArticleState.RETIRED:
        raise ArticleConflictError("the article is retired", revision=article.revision)
    if based_on != article.revision:
        raise ArticleConflictError(
            f"revision {article.revision} was written meanwhile: read it, then write the next",
            revision=article.revision,
        )
    return replace(article, revision=article.revision + 1)


def publish(article: Article) -> Article:
    """Let readers see the newest revision. The same article when they do. Raises `ArticleConflictError` when retired."""
    if article.state is ArticleState.RETIRED:
        raise ArticleConflictError("the article is retired", revision=article.revision)
    if article.published_revision == article.revision:
        return article
    return replace(article, state=ArticleState.PUBLISHED, published_revision=article.revision)


def retire(article: Article) -> Article:
    """Withdraw an article for good; the same when it is."""
    return article if article.state is ArticleState.RETIRED else replace(article, state=ArticleState.RETIRED)
