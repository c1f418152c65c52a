"""The life of an article: written as a draft, reviewed, published revision by revision, retired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

ArticleKey = tuple[str, UUID]
"""A tenant, and an article."""


class ArticleState(StrEnum):
    """Where an article stands. Of a published one, a newer revision may be in writing, or in review."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    """A draft that somebody is asked to look at. It becomes a draft again when the next revision is written."""
    PUBLISHED = "published"
    RETIRED = "retired"


class Kind(StrEnum):
    """What an article is."""

    FAQ = "faq"
    HOW_TO = "how-to"
    """Steps, each of which a reader may tick as tried."""
    KNOWN_ERROR = "known-error"
    """A fault that is known, and how to live with it."""
    MANUAL = "manual"
    VIDEO = "video"


class ReviewStep(StrEnum):
    """What was done about a revision on its way to the readers."""

    SUBMITTED = "submitted"
    SENT_BACK = "sent_back"
    WITHDRAWN = "withdrawn"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something that belongs to an article and is kept elsewhere. Nobody looks at what is there."""

    name: str
    url: str
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a revision says. `audience` is `requester` or the tier that it is written for.

    It is in `language`, by the code of ISO 639-1.
    `steps` count from 1: a step that was tried on a ticket names its article and this number.
    """

    title: str
    body: str
    audience: str = "requester"
    keywords: tuple[str, ...] = ()
    kind: Kind = Kind.FAQ
    steps: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    video: str | None = None
    language: str = "en"

    @property
    def text(self) -> str:
        """All that it says below its title, as it is searched."""
        return "\n".join((self.body, *self.steps))

    @property
    def answer(self) -> str:
        """What it answers in plain text: its body, and its steps by their numbers."""
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(self.steps, start=1))
        return "\n\n".join(part for part in (self.body, steps, self.video) if part)


@dataclass(frozen=True, slots=True)
class Article:
    """An article: its newest revision, the one that readers see and the one that waits for a review, if any.

    `owner` answers for it, and looks at it again until `review_at`.
    """

    tenant: str
    id: UUID
    state: ArticleState
    revision: int
    published_revision: int | None = None
    submitted_revision: int | None = None
    owner: str | None = None
    review_at: datetime | None = None

    @property
    def in_review(self) -> bool:
        """Whether the newest revision waits for a review; readers may see an older one meanwhile."""
        return self.submitted_revision is not None


class ArticleConflictError(Exception):
    """The article is not as the author believes. `revision` is its newest."""

    def __init__(self, reason: str, *, revision: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.revision = revision


def revise(article: Article, *, based_on: int) -> Article:
    """Add a revision to what was read as revision `based_on`. What readers see stays; a review of the former one ends.

    Raises `ArticleConflictError` when somebody else wrote one meanwhile, or the article is retired.
    """
    _refuse_retired(article)
    if based_on != article.revision:
        raise ArticleConflictError(
            f"revision {article.revision} was written meanwhile: read it, then write the next",
            revision=article.revision,
        )
    return replace(_out_of_review(article), revision=article.revision + 1)


def submit(article: Article) -> Article:
    """Ask for a review of the newest revision; the same article when that was asked.

    Raises `ArticleConflictError` when readers see it already, or the article is retired.
    """
    _refuse_retired(article)
    if article.published_revision == article.revision:
        raise ArticleConflictError(
            f"revision {article.revision} is published: there is nothing to review", revision=article.revision
        )
    state = ArticleState.IN_REVIEW if article.state is ArticleState.DRAFT else article.state
    return replace(article, state=state, submitted_revision=article.revision)


def end_review(article: Article) -> Article:
    """Send the newest revision back to its author, or withdraw it. Raises `ArticleConflictError` outside of a review."""
    if not article.in_review:
        raise ArticleConflictError(f"revision {article.revision} is not in review", revision=article.revision)
    return _out_of_review(article)


def publish(article: Article) -> Article:
    """Let readers see the newest revision, reviewed or not. The same article when they do.

    Raises `ArticleConflictError` when retired.
    """
    _refuse_retired(article)
    if article.published_revision == article.revision:
        return article
    return replace(article, state=ArticleState.PUBLISHED, published_revision=article.revision, submitted_revision=None)


def retire(article: Article) -> Article:
    """Withdraw an article for good; the same when it is."""
    if article.state is ArticleState.RETIRED:
        return article
    return replace(article, state=ArticleState.RETIRED, submitted_revision=None)


def _refuse_retired(article: Article) -> None:
    if article.state is ArticleState.RETIRED:
        raise ArticleConflictError("the article is retired", revision=article.revision)


def _out_of_review(article: Article) -> Article:
    state = ArticleState.DRAFT if article.state is ArticleState.IN_REVIEW else article.state
    return replace(article, state=state, submitted_revision=None)
