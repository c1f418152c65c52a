"""What the endpoints take and answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Identifier, Line, Text
from tierdesk_kb.domain.articles import ArticleState, Content
from tierdesk_kb.search.highlights import Piece
from tierdesk_kb.store.articles import Written

Language = Annotated[str, Field(pattern=r"^[a-z]{2}$", description="A language, by its code of ISO 639-1.")]
_Keyword = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]


class ArticleText(BaseModel):
    """An article as its author writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Line
    body: Annotated[Text, Field(min_length=1, description="Markdown.")]
    audience: Annotated[Identifier, Field(description="`requester`, or the tier that it is written for.")] = "requester"
    keywords: Annotated[
        tuple[_Keyword, ...],
        Field(max_length=50, description="Words that people use for it, beside those of the title."),
    ] = ()
    language: Language = "en"

    def content(self) -> Content:
        """The content that this is."""
        return Content(self.title, self.body, self.audience, self.keywords, language=self.language)


class ArticleRevision(ArticleText):
    """The next revision of an article."""

    based_on: Annotated[int, Field(ge=1, description="The newest revision, as the author has read it.")]


class ArticleView(BaseModel):
    """One revision of an article. `published_revision` is the one that readers see; null when they see none."""

    id: UUID
    state: ArticleState
    revision: int
    newest_revision: int
    published_revision: int | None
    title: str
    body: str
    audience: str
    keywords: tuple[str, ...]
    language: str
    author: str
    written_at: AwareDatetime


class Highlights(BaseModel):
    """Which words were looked for: the whole title, and of the body the piece that has most of them.

    Plain text in pieces, to be put together one after the other: what is to be shown in HTML is to be escaped first.
    """

    title: tuple[Piece, ...]
    body: tuple[Piece, ...]


class FoundArticle(BaseModel):
    """An article that was found. `weight` orders the hits of one search and means nothing beyond it."""

    id: UUID
    title: str
    body: str
    audience: str
    language: str
    revision: int
    weight: float
    highlights: Highlights


class FoundArticles(BaseModel):
    """A page of hits, best first. A page may be shorter than asked for where hits were retired a moment ago.

    `next_offset` is that of the next page; null after the last.
    """

    articles: tuple[FoundArticle, ...]
    next_offset: int | None


class Suggestion(BaseModel):
    """An article that may answer what is being typed."""

    id: UUID
    title: str


class Suggestions(BaseModel):
    """Suggestions, best first."""

    suggestions: tuple[Suggestion, ...]


def view_article(written: Written) -> ArticleView:
    """The view of a revision."""
    article, content = written.article, written.content
    seen = article.published_revision if article.state is ArticleState.PUBLISHED else None
    return ArticleView(
        id=article.id,
        state=article.state,
        revision=written.revision,
        newest_revision=article.revision,
        published_revision=seen,
        title=content.title,
        body=content.body,
        audience=content.audience,
        keywords=content.keywords,
        language=content.language,
        author=written.author,
        written_at=written.written_at,
    )
