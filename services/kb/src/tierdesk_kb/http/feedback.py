"""`/v1/articles/…/feedback`, `…/record` and `/v1/articles/attention`: what became of articles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Line, Name, Text
from tierdesk_kb.domain.articles import ArticleState
from tierdesk_kb.domain.attention import Reason, Standing, Why, find_reasons
from tierdesk_kb.domain.shares import wilson_interval
from tierdesk_kb.store.articles import read_revision
from tierdesk_kb.store.feedback import FIRST, Voice, give_voice, read_record, read_standings, read_voices
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database

Speaker = Annotated[Principal, Depends(require("community:write"))]
Editor = Annotated[Principal, Depends(require("articles:write"))]
VOICES_TOLD: Final = 20
SCANNED: Final = 2_000
"""So many articles are looked at for one page."""


class Feedback(BaseModel):
    """What a reader says of an article."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    helpful: bool
    comment: Annotated[Text, Field(max_length=4_000)] = ""
    by: Annotated[Name, Field(description="The reader, as the client's own directory names them: each has one voice.")]


class GivenFeedback(Feedback):
    """What was kept. `revision` is the one that readers saw."""

    revision: int
    given_at: AwareDatetime


class Share(BaseModel):
    """A share of cases, and between what it lies in 95 of 100 (Wilson's interval). Without cases there is no share."""

    good: int
    of: int
    share: float | None
    share_from: float
    share_to: float


class ArticleRecord(BaseModel):
    """What became of an article. Tickets count once each."""

    worked: Annotated[int, Field(description="Tickets that were resolved with it and not reopened.")]
    failed: Annotated[int, Field(description="Tickets on which it was tried and did not help.")]
    answered: Annotated[int, Field(description="Tickets that level 0 answered with it.")]
    confirmed: Annotated[int, Field(description="Those of them whose requester said that it solved the problem.")]
    helped: Annotated[Share, Field(description="Tickets on which it worked, among those on which it was tried.")]
    helpful: Annotated[Share, Field(description="Readers who say that it helps.")]
    feedback: Annotated[tuple[GivenFeedback, ...], Field(description="The last 20 voices, the newest first.")]


class AttentionReason(BaseModel):
    """Why an article needs attention, in words and figures. `like` is the other article of a duplicate."""

    why: Why
    because: str
    figures: dict[str, float]
    like: UUID | None = None


class ArticleInNeed(BaseModel):
    """An article that needs attention."""

    id: UUID
    title: Line
    reasons: tuple[AttentionReason, ...]


class AttentionPage(BaseModel):
    """Articles that need attention, by identifier. `next` is the `after` of the next page, absent on the last.

    Up to 2,000 articles are looked at for a page, so that it may hold few or none and yet not be the last.
    """

    articles: tuple[ArticleInNeed, ...]
    next: UUID | None = None


def feedback_routes(database: Database, now: Callable[[], datetime], *, stale_after: timedelta) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone. `now` is business time."""
    router = APIRouter(prefix="/v1/articles", tags=["articles"])

    @router.get("/attention")
    async def attention(
        who: Editor,
        why: Why | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    ) -> AttentionPage:
        """Published articles that somebody should look at, and why."""
        async with database.read() as connection:
            standings = await read_standings(connection, who.tenant, after=after or FIRST, limit=SCANNED)
        found: list[ArticleInNeed] = []
        for standing in standings:
            reasons = tuple(
                _reason(reason)
                for reason in find_reasons(standing, now=now(), stale_after=stale_after)
                if why is None or reason.why is why
            )
            if reasons:
                found.append(ArticleInNeed(id=standing.article_id, title=standing.title, reasons=reasons))
            if len(found) == limit:
                break
        return AttentionPage(articles=tuple(found), next=_end(standings, found[-1].id if len(found) == limit else None))

    @router.post("/{article_id}/feedback")
    async def give(
        article_id: UUID, who: Speaker, told: Annotated[Feedback, Depends(json_body(Feedback))]
    ) -> GivenFeedback:
        """Say whether a published article helps. Said again by the same reader, it takes the place of what was said before."""
        async with database.transaction() as tx:
            written = await read_revision(tx.connection, who.tenant, article_id, published=True)
            if written is None or written.article.state is not ArticleState.PUBLISHED:
                raise _unknown()
            voice = Voice(who.tenant, article_id, told.by, told.helpful, told.comment, written.revision, now())
            await give_voice(tx.connection, voice)
        return _view(voice)

    @router.get("/{article_id}/record")
    async def record(article_id: UUID, who: Editor) -> ArticleRecord:
        """What became of an article: on tickets, at level 0, and by the word of its readers."""
        async with database.read() as connection:
            if await read_revision(connection, who.tenant, article_id, published=False) is None:
                raise _unknown()
            found = await read_record(connection, who.tenant, article_id)
            voices = await read_voices(connection, who.tenant, article_id, limit=VOICES_TOLD)
        uses = found.uses
        return ArticleRecord(
            worked=uses.worked,
            failed=uses.failed,
            answered=uses.answered,
            confirmed=uses.confirmed,
            helped=_share(uses.worked, uses.failed),
            helpful=_share(found.helpful, found.unhelpful),
            feedback=tuple(_view(voice) for voice in voices),
        )

    return router


def _end(standings: list[Standing], last: UUID | None) -> UUID | None:
    """Where a page ended, whose last entry fills it if there is one; None when no article comes after it."""
    if not standings:
        return None
    end = last or standings[-1].article_id
    return end if len(standings) == SCANNED or end != standings[-1].article_id else None


def _reason(reason: Reason) -> AttentionReason:
    return AttentionReason(why=reason.why, because=reason.because, figures=reason.figures, like=reason.like)


def _share(good: int, bad: int) -> Share:
    of = good + bad
    low, high = wilson_interval(good, of)
    return Share(
        good=good,
        of=of,
        share=round(good / of, 4) if of else None,
        share_from=round(low, 4),
        share_to=round(high, 4),
    )


def _view(voice: Voice) -> GivenFeedback:
    return GivenFeedback(
        helpful=voice.helpful,
        comment=voice.comment,
        by=voice.given_by,
        revision=voice.revision,
        given_at=voice.given_at,
    )


def _unknown() -> ProblemError:
    return ProblemError(404, "No such article", "No article of this identifier can be read with this key.")
