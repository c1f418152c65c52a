"""What the endpoints take and answer."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict, ValidationInfo, field_validator

from tierdesk_contracts.vocabulary import Identifier, Instant, Line, Name, Text
from tierdesk_kb.domain.articles import ArticleState, Attachment, Content, Kind, ReviewStep
from tierdesk_kb.search.highlights import Piece
from tierdesk_kb.store.articles import Written
from tierdesk_kb.store.reviews import Review

Language = Annotated[str, Field(pattern=r"^[a-z]{2}$", description="A language, by its code of ISO 639-1.")]
_Keyword = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]
_WebAddress = Annotated[
    str,
    Field(
        max_length=2_048,
        pattern=r"^https://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[1-9][0-9]{0,4})?([/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?$",
        description="An https address. It is told to readers, and never asked.",
    ),
]
_Day = Annotated[Instant, Strict()]
"""As text: a number is no date to whom reads the schema."""
_VIDEO_LINKED: Final[dict[str, Any]] = {
    "anyOf": [
        {"properties": {"kind": {"enum": [kind.value for kind in Kind if kind is not Kind.VIDEO]}}},
        {"required": ["video"], "properties": {"video": {"type": "string"}}},
    ]
}
"""That an article of the kind `video` has its link, for those who read the schema."""


class ArticleAttachment(BaseModel):
    """Something that belongs to an article and is kept elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line
    url: _WebAddress
    media_type: Annotated[
        str | None,
        Field(max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,99}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,99}$"),
    ] = None


class ArticleText(BaseModel):
    """An article as its author writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_VIDEO_LINKED)

    title: Line
    body: Annotated[Text, Field(min_length=1, description="Markdown.")]
    audience: Annotated[Identifier, Field(description="`requester`, or the tier that it is written for.")] = "requester"
    keywords: Annotated[
        tuple[_Keyword, ...],
        Field(max_length=50, description="Words that people use for it, beside those of the title."),
    ] = ()
    language: Language = "en"
    kind: Kind = Kind.FAQ
    steps: Annotated[
        tuple[Line, ...],
        Field(max_length=100, description="What to do, in Markdown, a step each; the first is step 1."),
    ] = ()
    attachments: Annotated[tuple[ArticleAttachment, ...], Field(max_length=50)] = ()
    video: Annotated[
        _WebAddress | None,
        Field(validate_default=True, description="Where the video is; an article of the kind `video` needs it."),
    ] = None

    @field_validator("video")
    @classmethod
    def _have_its_link(cls, video: str | None, info: ValidationInfo) -> str | None:
        if video is None and info.data.get("kind") is Kind.VIDEO:
            raise ValueError("a video needs the link to it")
        return video

    def content(self) -> Content:
        """The content that this is."""
        return Content(
            title=self.title,
            body=self.body,
            audience=self.audience,
            keywords=self.keywords,
            kind=self.kind,
            steps=self.steps,
            attachments=tuple(Attachment(one.name, one.url, one.media_type) for one in self.attachments),
            video=self.video,
            language=self.language,
        )


class NewArticle(ArticleText):
    """An article, and who answers for it."""

    owner: Annotated[Name | None, Field(description="Who answers for it.")] = None
    review_at: Annotated[_Day | None, Field(description="Until when somebody is to look at it again.")] = None


class ArticleCare(BaseModel):
    """Who answers for an article, and until when somebody is to look at it again. What is left out stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: Name | None = None
    review_at: _Day | None = None


class ArticleRevision(ArticleText):
    """The next revision of an article."""

    based_on: Annotated[int, Field(ge=1, description="The newest revision, as the author has read it.")]


class SendingBack(BaseModel):
    """What is to be mended before the revision is submitted again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Annotated[Text, Field(min_length=1)]


class ReviewView(BaseModel):
    """What was done about a revision on its way to the readers. `reason` is that of sending it back."""

    revision: int
    step: ReviewStep
    by: str
    reason: str
    at: AwareDatetime


class ArticleView(BaseModel):
    """One revision of an article. `published_revision` is the one that readers see; null when they see none.

    `submitted_revision` waits for a review; `review` is the last that was done about any revision. `owner` and
    `review_at` are those of the article, whichever revision was asked for.
    """

    id: UUID
    state: ArticleState
    revision: int
    newest_revision: int
    published_revision: int | None
    title: str
    body: str
    html: Annotated[str | None, Field(description="The body and its steps as HTML, when it was asked for.")] = None
    audience: str
    keywords: tuple[str, ...]
    language: str = "en"
    kind: Kind = Kind.FAQ
    steps: tuple[str, ...] = ()
    attachments: tuple[ArticleAttachment, ...] = ()
    video: str | None = None
    author: str
    written_at: AwareDatetime
    submitted_revision: int | None = None
    owner: str | None = None
    review_at: AwareDatetime | None = None
    review: ReviewView | None = None


class Highlights(BaseModel):
    """Which words were looked for: the whole title, and of the body and the steps the piece that has most of them.

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
    kind: Kind
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


def view_article(written: Written, review: Review | None = None) -> ArticleView:
    """The view of a revision, with the last that was done about the article's revisions."""
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
        kind=content.kind,
        steps=content.steps,
        attachments=tuple(
            ArticleAttachment(name=one.name, url=one.url, media_type=one.media_type) for one in content.attachments
        ),
        video=content.video,
        author=written.author,
        written_at=written.written_at,
        submitted_revision=article.submitted_revision,
        owner=article.owner,
        review_at=article.review_at,
        review=None if review is None else view_review(review),
    )


def view_review(review: Review) -> ReviewView:
    """The view of a step of a review."""
    return ReviewView(revision=review.revision, step=review.step, by=review.by, reason=review.reason, at=review.at)
