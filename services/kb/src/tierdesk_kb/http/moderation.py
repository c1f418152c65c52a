"""`/v1/community`, for moderators: what waits, what is shown, and what becomes an article."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from tierdesk_kb.domain.articles import Article, ArticleState
from tierdesk_kb.domain.community import CommunityError, Post, PostState, approve, draft_article, remove
from tierdesk_kb.http.community import FIRST, After, Limit, refused, unknown_post
from tierdesk_kb.http.community_views import (
    CommunitySettings,
    LoggedAct,
    ModerationQueue,
    PostLog,
    PostView,
    Promotion,
    Removal,
    WaitingPost,
    view_post,
)
from tierdesk_kb.store.articles import add_article
from tierdesk_kb.store.community import (
    LogEntry,
    add_entry,
    list_queue,
    lock_post,
    read_hold_first,
    read_log,
    read_post,
    save_hold_first,
    save_post,
    set_known,
)
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, Transaction

Moderator = Annotated[Principal, Depends(require("community:moderate"))]
Promoter = Annotated[Principal, Depends(require("community:moderate", "articles:write"))]
LOGGED: Final = 100


def moderation_routes(database: Database, identifiers: Identifiers, now: Callable[[], datetime]) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone. `now` is business time."""
    router = APIRouter(prefix="/v1/community", tags=["community"])
    _add_reading(router, database)
    judging = _Judging(database, identifiers, now)
    _add_judging(router, judging)
    _add_promoting(router, judging)
    return router


def _add_reading(router: APIRouter, database: Database) -> None:
    @router.get("/moderation")
    async def queue(who: Moderator, limit: Limit = 50, after: After = None) -> ModerationQueue:
        """What waits for a moderator: posts that are held, and posts that were reported."""
        async with database.read() as connection:
            found = await list_queue(connection, who.tenant, after=after or FIRST, limit=limit + 1)
        return ModerationQueue(
            posts=tuple(WaitingPost(**view_post(post).model_dump(), reports=post.reports) for post in found[:limit]),
            next=found[limit - 1].id if len(found) > limit else None,
        )

    @router.get("/posts/{post_id}/log")
    async def log(post_id: UUID, who: Moderator) -> PostLog:
        """What was done about a post, and why."""
        async with database.read() as connection:
            if await read_post(connection, who.tenant, post_id) is None:
                raise unknown_post()
            found = await read_log(connection, who.tenant, post_id, limit=LOGGED)
        return PostLog(log=tuple(LoggedAct(verb=one.verb, by=one.actor, reason=one.reason, at=one.at) for one in found))

    @router.get("/settings")
    async def settings(who: Moderator) -> CommunitySettings:
        """Whose new posts are held."""
        async with database.read() as connection:
            return CommunitySettings(hold_first=await read_hold_first(connection, who.tenant))

    @router.put("/settings")
    async def set_(
        who: Moderator, told: Annotated[CommunitySettings, Depends(json_body(CommunitySettings))]
    ) -> CommunitySettings:
        """Say whose new posts are held from now on."""
        async with database.transaction() as tx:
            await save_hold_first(tx.connection, who.tenant, told.hold_first)
        return told


@dataclass(frozen=True, slots=True)
class _Judging:
    """What it takes to judge a post."""

    database: Database
    identifiers: Identifiers
    now: Callable[[], datetime]

    async def write(self, tx: Transaction, post: Post, who: Principal, verb: str, reason: str = "") -> None:
        """Write a post, and log who did what about it."""
        await save_post(tx.connection, post)
        entry = LogEntry(post.tenant, self.identifiers.new(), post.id, verb, who.label, reason, self.now())
        await add_entry(tx.connection, entry)


def _add_judging(router: APIRouter, judging: _Judging) -> None:
    @router.post("/posts/{post_id}/approve")
    async def approve_(post_id: UUID, who: Moderator) -> PostView:
        """Show a post; what was reported of it is settled. Its author's next posts are shown at once, where only new ones are held."""
        async with judging.database.transaction() as tx:
            _, post = await _locked(tx, who.tenant, post_id)
            try:
                changed = approve(post)
            except CommunityError as error:
                raise refused(error) from None
            if changed != post:
                await judging.write(tx, changed, who, "approved")
                await set_known(tx.connection, who.tenant, post.author, known=True)
        return view_post(changed)

    @router.post("/posts/{post_id}/remove")
    async def remove_(post_id: UUID, who: Moderator, told: Annotated[Removal, Depends(json_body(Removal))]) -> PostView:
        """Remove a post for good, and a question with its answers. Its author's next posts are held, where new ones are."""
        async with judging.database.transaction() as tx:
            question, post = await _locked(tx, who.tenant, post_id)
            changed = remove(post)
            if changed != post:
                await judging.write(tx, changed, who, "removed", told.reason)
                await set_known(tx.connection, who.tenant, post.author, known=False)
                if question.accepted == post.id:
                    await save_post(tx.connection, replace(question, accepted=None))
        return view_post(changed)


def _add_promoting(router: APIRouter, judging: _Judging) -> None:
    @router.post("/questions/{question_id}/promote", responses={201: {"model": Promotion, "description": "It is new."}})
    async def promote(question_id: UUID, who: Promoter, response: Response) -> Promotion:
        """Make an article's draft of a question and the answer that solved it. Once more answers the same article."""
        async with judging.database.transaction() as tx:
            question, _ = await _locked(tx, who.tenant, question_id)
            if question.id != question_id:
                raise unknown_post()
            if question.article_id is not None:
                return Promotion(article=question.article_id)
            answer = (
                None
                if question.accepted is None
                else await read_post(tx.connection, who.tenant, question.accepted, lock=True)
            )
            if answer is None or any(post.state is not PostState.SHOWN for post in (question, answer)):
                raise refused(
                    CommunityError("only a question that is shown, with an accepted answer, becomes an article")
                )
            article = Article(who.tenant, judging.identifiers.new(), ArticleState.DRAFT, revision=1)
            await add_article(tx.connection, article, draft_article(question, answer), who.label, judging.now())
            await judging.write(tx, replace(question, article_id=article.id), who, "promoted", str(article.id))
        response.status_code = 201
        return Promotion(article=article.id)


async def _locked(tx: Transaction, tenant: str, post_id: UUID) -> tuple[Post, Post]:
    found = await lock_post(tx.connection, tenant, post_id)
    if found is None:
        raise unknown_post()
    return found
