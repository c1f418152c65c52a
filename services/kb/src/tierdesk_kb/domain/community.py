"""Questions and answers by requesters: who sees a post, who may do what, and what becomes an article."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tierdesk_kb.domain.articles import Content


class PostState(StrEnum):
    """Whether a post can be read."""

    HELD = "held"
    """Until a moderator has approved it."""
    SHOWN = "shown"
    REMOVED = "removed"
    """For good."""


class HoldFirst(StrEnum):
    """Whose new posts are held until a moderator has approved them."""

    ALL = "all"
    NEW = "new"
    """Those of authors of whom no post was approved yet."""
    NONE = "none"


class CommunityError(Exception):
    """Something that cannot be done with a post, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotTheAskerError(CommunityError):
    """Only who asked may say which answer solved it."""


@dataclass(frozen=True, slots=True)
class Post:
    """A question, or an answer to the question that it names. Bodies are Markdown, as they were written.

    Of a question, `accepted` is the answer that solved it, and `article_id` what it was promoted to.
    """

    tenant: str
    id: UUID
    author: str
    body: str
    state: PostState
    written_at: datetime
    question: UUID | None = None
    title: str | None = None
    votes: int = 0
    reports: int = 0
    accepted: UUID | None = None
    article_id: UUID | None = None


def judge_new(hold_first: HoldFirst, *, is_known: bool) -> PostState:
    """Whether a new post of this author is shown at once."""
    held = hold_first is HoldFirst.ALL or (hold_first is HoldFirst.NEW and not is_known)
    return PostState.HELD if held else PostState.SHOWN


def check_voter(post: Post, voter: str) -> None:
    """Raise `CommunityError` for the post's own author."""
    if post.author == voter:
        raise CommunityError("nobody votes for what they wrote themselves")


def accept_answer(question: Post, answer: Post | None, *, by: str) -> Post:
    """The question with the answer that solved it, or with none. Raises `NotTheAskerError`."""
    if question.author != by:
        raise NotTheAskerError("only who asked says which answer solved it")
    return replace(question, accepted=None if answer is None else answer.id)


def approve(post: Post) -> Post:
    """Show a post; what was reported of it is settled. Raises `CommunityError` for one that was removed."""
    if post.state is PostState.REMOVED:
        raise CommunityError("it was removed, which is for good")
    return replace(post, state=PostState.SHOWN, reports=0)


def remove(post: Post) -> Post:
    """Show a post no more."""
    return replace(post, state=PostState.REMOVED, reports=0)


def draft_article(question: Post, answer: Post) -> Content:
    """The article that a question makes with the answer that solved it."""
    parts = (question.body, "## Answer", answer.body, f"*From the community: question {question.id}.*")
    return Content(question.title or "", "\n\n".join(part.strip() for part in parts))
