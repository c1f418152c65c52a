"""`/v1/community`: questions and answers by requesters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.community import (
    CommunityError,
    NotTheAskerError,
    Post,
    PostState,
    accept_answer,
    check_voter,
    judge_new,
)
from tierdesk_kb.http.community_views import (
    Acceptance,
    NewAnswer,
    NewQuestion,
    PostPage,
    PostView,
    Report,
    Vote,
    VoteCount,
    view_page,
    view_post,
)
from tierdesk_kb.store.community import (
    LogEntry,
    add_entry,
    add_post,
    add_report,
    is_known,
    list_answers,
    list_questions,
    lock_post,
    read_hold_first,
    read_post,
    save_post,
    set_vote,
)
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database, Transaction

Reader = Annotated[Principal, Depends(require("community:read"))]
Author = Annotated[Principal, Depends(require("community:write"))]
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[UUID | None, Query(description="`next` of the page before.")]
FIRST: Final = UUID(int=0)


def community_routes(database: Database, identifiers: Identifiers, now: Callable[[], datetime]) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone; who posts is what the client says. `now` is business time.

    Posts that are held or removed are answered as those that do not exist.
    """
    router = APIRouter(prefix="/v1/community", tags=["community"])
    _add_reading(router, database)
    _add_posting(router, database, identifiers, now)
    _add_judging(router, database, identifiers, now)
    return router


def _add_reading(router: APIRouter, database: Database) -> None:
    @router.get("/questions")
    async def list_(who: Reader, limit: Limit = 50, after: After = None) -> PostPage:
        """Questions, the newest first."""
        async with database.read() as connection:
            found = await list_questions(connection, who.tenant, before=after, limit=limit + 1)
        return view_page(list(found), limit)

    @router.get("/questions/{question_id}")
    async def show(question_id: UUID, who: Reader) -> PostView:
        """A question."""
        async with database.read() as connection:
            return view_post(await _shown_question(connection, who.tenant, question_id))

    @router.get("/questions/{question_id}/answers")
    async def list_answers_(question_id: UUID, who: Reader, limit: Limit = 50, after: After = None) -> PostPage:
        """The answers to a question, the oldest first."""
        async with database.read() as connection:
            await _shown_question(connection, who.tenant, question_id)
            found = await list_answers(connection, who.tenant, question_id, after=after or FIRST, limit=limit + 1)
        return view_page(list(found), limit)


def _add_posting(router: APIRouter, database: Database, identifiers: Identifiers, now: Callable[[], datetime]) -> None:
    async def post(tx: Transaction, tenant: str, author: str, body: str, **fields: str | UUID) -> Post:
        known = await is_known(tx.connection, tenant, author)
        state = judge_new(await read_hold_first(tx.connection, tenant), is_known=known)
        made = Post(tenant, identifiers.new(), author, body, state, now(), **fields)  # type: ignore[arg-type]
        await add_post(tx.connection, made)
        return made

    @router.post("/questions", status_code=201)
    async def ask(
        who: Author, told: Annotated[NewQuestion, Depends(json_body(NewQuestion))], response: Response
    ) -> PostView:
        """Ask. `state` says whether the question is shown, or held until a moderator has approved it."""
        async with database.transaction() as tx:
            made = await post(tx, who.tenant, told.by, told.body, title=told.title)
        response.headers["Location"] = f"/v1/community/questions/{made.id}"
        return view_post(made)

    @router.post("/questions/{question_id}/answers", status_code=201)
    async def answer(
        question_id: UUID, who: Author, told: Annotated[NewAnswer, Depends(json_body(NewAnswer))]
    ) -> PostView:
        """Answer a question. `state` says whether the answer is shown, or held until a moderator has approved it."""
        async with database.transaction() as tx:
            await _shown_question(tx.connection, who.tenant, question_id)
            return view_post(await post(tx, who.tenant, told.by, told.body, question=question_id))


def _add_judging(router: APIRouter, database: Database, identifiers: Identifiers, now: Callable[[], datetime]) -> None:
    @router.put("/questions/{question_id}/acceptance")
    async def accept(
        question_id: UUID, who: Author, told: Annotated[Acceptance, Depends(json_body(Acceptance))]
    ) -> PostView:
        """Say which answer solved it. Only who asked may, and may change their mind."""
        async with database.transaction() as tx:
            question, _ = await _locked(tx, who.tenant, question_id)
            if question.id != question_id:
                raise unknown_post()
            chosen = None
            if told.answer is not None:
                chosen = await read_post(tx.connection, who.tenant, told.answer, lock=True)
                if chosen is None or chosen.question != question_id or chosen.state is not PostState.SHOWN:
                    raise unknown_post()
            try:
                changed = accept_answer(question, chosen, by=told.by)
            except NotTheAskerError as error:
                raise ProblemError(403, "Not the asker", error.reason) from None
            await save_post(tx.connection, changed)
        return view_post(changed)

    @router.put("/posts/{post_id}/vote")
    async def vote(post_id: UUID, who: Author, told: Annotated[Vote, Depends(json_body(Vote))]) -> VoteCount:
        """Vote for a post, or take the vote back. Each has one."""
        async with database.transaction() as tx:
            _, post = await _locked(tx, who.tenant, post_id)
            try:
                check_voter(post, told.by)
            except CommunityError as error:
                raise refused(error) from None
            return VoteCount(votes=await set_vote(tx.connection, post, told.by, up=told.up))

    @router.post("/posts/{post_id}/reports", status_code=204)
    async def report(post_id: UUID, who: Author, told: Annotated[Report, Depends(json_body(Report))]) -> None:
        """Have a moderator look at a post, which stays shown meanwhile. Each is heard once on one post."""
        async with database.transaction() as tx:
            _, post = await _locked(tx, who.tenant, post_id)
            if await add_report(tx.connection, post, told.by):
                entry = LogEntry(who.tenant, identifiers.new(), post.id, "reported", told.by, told.reason, now())
                await add_entry(tx.connection, entry)


def unknown_post() -> ProblemError:
    """Answered alike for a post of another tenant, for one that is not shown, and for one that does not exist."""
    return ProblemError(404, "No such post", "No post of this identifier can be read with this key.")


def refused(error: CommunityError) -> ProblemError:
    """What is answered to something that cannot be done."""
    return ProblemError(409, "Community conflict", error.reason)


async def _shown_question(connection: AsyncConnection, tenant: str, question_id: UUID) -> Post:
    found = await read_post(connection, tenant, question_id)
    if found is None or found.question is not None or found.state is not PostState.SHOWN:
        raise unknown_post()
    return found


async def _locked(tx: Transaction, tenant: str, post_id: UUID) -> tuple[Post, Post]:
    """A post that is shown, with its question, which is shown, too."""
    found = await lock_post(tx.connection, tenant, post_id)
    if found is None or any(post.state is not PostState.SHOWN for post in found):
        raise unknown_post()
    return found
