"""What becomes of an article that comes from elsewhere, under a key of its own, perhaps not for the first time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from tierdesk_kb.domain.articles import Article, ArticleState, Content, publish, revise


class ImportOutcome(StrEnum):
    """What became of it."""

    ADDED = "added"
    REVISED = "revised"
    """It has changed since it was imported last: a revision was written."""
    PUBLISHED = "published"
    """It is what was imported last, which readers see from now on."""
    UNCHANGED = "unchanged"
    RETIRED = "retired"
    """The article was retired, and stays so."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An article as it comes: `fingerprint` is the same for the same content, owner and review date."""

    key: str
    content: Content
    fingerprint: bytes
    owner: str | None = None
    review_at: datetime | None = None

    @property
    def care(self) -> dict[str, Any]:
        """What it tells of who looks after the article."""
        told = {"owner": self.owner, "review_at": self.review_at}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Imported:
    """What was imported under a key before: the article as it is now, and the revision that the import wrote."""

    article: Article
    revision: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class ImportStep:
    """What is to be done: the article as it is afterwards, with a revision to be `written`, to be `shown` to readers."""

    entry: Entry
    article: Article
    outcome: ImportOutcome
    written: bool = False
    shown: bool = False


def decide_import(entry: Entry, known: Imported | None, new: Article, *, show: bool) -> ImportStep:
    """What becomes of an entry; `new` is the article that it is when nothing was imported under its key before.

    The same again changes nothing, also where somebody wrote a revision by hand since. With `show` readers see the newest
    revision, if it is the import's own. What was retired stays retired.
    """
    if known is None:
        article = replace(new, **entry.care)
        return _written(entry, article, ImportOutcome.ADDED, show=show)
    article = known.article
    if article.state is ArticleState.RETIRED:
        return ImportStep(entry, article, ImportOutcome.RETIRED)
    if entry.fingerprint != known.fingerprint:
        revised = replace(revise(article, based_on=article.revision), **entry.care)
        return _written(entry, revised, ImportOutcome.REVISED, show=show)
    if show and article.revision == known.revision and article.published_revision != article.revision:
        return ImportStep(entry, publish(article), ImportOutcome.PUBLISHED, shown=True)
    return ImportStep(entry, article, ImportOutcome.UNCHANGED)


def _written(entry: Entry, article: Article, outcome: ImportOutcome, *, show: bool) -> ImportStep:
    return ImportStep(entry, publish(article) if show else article, outcome, written=True, shown=show)
