"""What the endpoints of the community take and answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Line, Name, Text
from tierdesk_kb.domain.community import HoldFirst, Post, PostState

_Author = Annotated[Name, Field(description="Who posts or votes, as the client's own directory names them.")]
_Body = Annotated[Text, Field(min_length=1, max_length=10_000, description="Markdown.")]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewQuestion(_Told):
    """A question as it is asked."""

    by: _Author
    title: Line
    body: _Body


class NewAnswer(_Told):
    """An answer as it is given."""

    by: _Author
    body: _Body


class Acceptance(_Told):
    """Which answer solved it; null for none."""

    by: _Author
    answer: UUID | None


class Vote(_Told):
    """A vote for a post, or its withdrawal."""

    by: _Author
    up: bool


class Report(_Told):
    """Why a moderator should look at a post."""

    by: _Author
    reason: Annotated[Text, Field(min_length=1, max_length=2_000)]


class Removal(_Told):
    """Why a post is removed: kept in its log, and shown to moderators alone."""

    reason: Annotated[Text, Field(min_length=1, max_length=2_000)]


class CommunitySettings(_Told):
    """Whose new posts are held: `all`, `new` authors' or `none`."""

    hold_first: HoldFirst


class PostView(BaseModel):
    """A question, or an answer to the question that it names. `body` is Markdown as it was written: clean it before it is shown."""

    id: UUID
    question: UUID | None
    by: str
    title: str | None
    body: str
    state: PostState
    written_at: AwareDatetime
    votes: int
    accepted: UUID | None
    article: Annotated[UUID | None, Field(description="What the question was promoted to.")]


class PostPage(BaseModel):
    """Posts. `next` is the `after` of the next page, absent on the last."""

    posts: tuple[PostView, ...]
    next: UUID | None = None


class WaitingPost(PostView):
    """A post that waits for a moderator. `reports` counts those that nobody has settled."""

    reports: int


class ModerationQueue(BaseModel):
    """What waits for a moderator, the oldest first. `next` is the `after` of the next page, absent on the last."""

    posts: tuple[WaitingPost, ...]
    next: UUID | None = None


class LoggedAct(BaseModel):
    """What somebody did about a post."""

    verb: str
    by: str
    reason: str
    at: AwareDatetime


class PostLog(BaseModel):
    """What was done about a post, the last first; at most 100."""

    log: tuple[LoggedAct, ...]


class Promotion(BaseModel):
    """The article that a question was promoted to, a draft at first."""

    article: UUID


class VoteCount(BaseModel):
    """How many votes a post has."""

    votes: int


def view_post(post: Post) -> PostView:
    """The view of a post."""
    return PostView(
        id=post.id,
        question=post.question,
        by=post.author,
        title=post.title,
        body=post.body,
        state=post.state,
        written_at=post.written_at,
        votes=post.votes,
        accepted=post.accepted,
        article=post.article_id,
    )


def view_page(found: list[Post], limit: int) -> PostPage:
    """A page of what was read, which is one more where another page follows."""
    more = len(found) > limit
    return PostPage(posts=tuple(view_post(post) for post in found[:limit]), next=found[limit - 1].id if more else None)
