"""The community: requesters ask and answer each other, and moderators keep order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled, read_filled
from tierdesk_desk.console.neighbours import Answer, UnavailableError
from tierdesk_desk.console.rendering import Flash, Visit, redirect
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.portal.forms import check_lengths
from tierdesk_desk.portal.others import COMMUNITY
from tierdesk_desk.portal.visiting import HOME, Portal
from tierdesk_runtime.problems import ProblemError

LIST: Final = f"{HOME}/community"
ONE: Final = f"{LIST}/{{question}}"
MODERATION: Final = f"{LIST}/moderation"
PAGE: Final = 30


def community_routes(portal: Portal) -> APIRouter:
    """The pages."""
    router = portal.router()
    pages = _CommunityPages(portal)
    queue = _ModerationPages(portal)
    router.add_api_route(LIST, pages.read_list, methods=["GET"])
    router.add_api_route(f"{LIST}/ask", pages.begin, methods=["GET"])
    router.add_api_route(LIST, pages.ask, methods=["POST"])
    router.add_api_route(MODERATION, queue.read, methods=["GET"])
    router.add_api_route(f"{MODERATION}/{{post}}/approve", queue.approve, methods=["POST"])
    router.add_api_route(f"{MODERATION}/{{post}}/remove", queue.remove, methods=["POST"])
    router.add_api_route(ONE, pages.read, methods=["GET"])
    router.add_api_route(f"{ONE}/answers", pages.answer, methods=["POST"])
    router.add_api_route(f"{ONE}/acceptance", pages.accept, methods=["POST"])
    router.add_api_route(f"{ONE}/vote", pages.vote, methods=["POST"])
    router.add_api_route(f"{ONE}/report", pages.report, methods=["POST"])
    return router


class _CommunityPages:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def read_list(self, request: Request, after: UUID | None = None) -> Response:
        visit, person, _ = await self._portal.enter(request)
        path = f"{COMMUNITY}/questions?limit={PAGE}" + (f"&after={after}" if after else "")
        answers = await self._portal.others.ask(visit, {"questions": path})
        found = answers.found.get("questions") or {}
        posts = found.get("posts", ())
        return self._portal.page(
            visit,
            "community.html",
            questions=posts,
            names=await self._names(person, posts),
            following=found.get("next"),
            is_first=after is None,
            missed=answers.missed,
        )

    async def begin(self, request: Request) -> Response:
        visit, _, _ = await self._portal.enter(request)
        return self._show_form(visit, Filled({"title": request.query_params.get("q", "")[:300]}))

    async def ask(self, request: Request) -> Response:
        visit, person, _ = await self._portal.enter(request)
        filled = read_filled(await request.form())
        faults = check_lengths(filled, ("title", "body"))
        faults |= {name: "required" for name in ("title", "body") if not filled[name]}
        if faults:
            return self._show_form(visit, filled, status=422, faults=faults)
        body = {"by": person.name, "title": filled["title"], "body": filled["body"]}
        answer = await self._send(visit, "POST", f"{COMMUNITY}/questions", body)
        if answer is None:
            return self._show_form(visit, filled, status=503, trouble="unavailable")
        if not answer.is_done:
            return self._show_form(visit, filled, status=409, trouble="not_now")
        if answer.body.get("state") != "shown":
            return redirect(visit, LIST, Flash("post_held"))
        return redirect(visit, f"{LIST}/{answer.body['id']}", Flash("question_asked"))

    async def read(self, request: Request, question: UUID, after: UUID | None = None) -> Response:
        visit, person, _ = await self._portal.enter(request)
        return await self._show(visit, person, question, after=after)

    async def answer(self, request: Request, question: UUID) -> Response:
        visit, person, _ = await self._portal.enter(request)
        filled = read_filled(await request.form())
        faults = check_lengths(filled, ("body",)) | ({} if filled["body"] else {"body": "required"})
        if faults:
            return await self._show(visit, person, question, filled, status=422, faults=faults)
        body = {"by": person.name, "body": filled["body"]}
        answer = await self._send(visit, "POST", f"{COMMUNITY}/questions/{question}/answers", body)
        if answer is None:
            return await self._show(visit, person, question, filled, status=503, trouble="unavailable")
        if not answer.is_done:  # a question that is gone is told as that
            return await self._show(visit, person, question, filled, status=409, trouble="not_now")
        is_shown = answer.body.get("state") == "shown"
        return redirect(visit, f"{LIST}/{question}", Flash("post_answered" if is_shown else "post_held"))

    async def accept(self, request: Request, question: UUID) -> Response:
        visit, person, _ = await self._portal.enter(request)
        filled = read_filled(await request.form())
        body = {"by": person.name, "answer": str(_post_of(filled)) if filled["post"] else None}
        path = f"{COMMUNITY}/questions/{question}/acceptance"
        return await self._change(visit, person, question, "PUT", path, body, "accepted")

    async def vote(self, request: Request, question: UUID) -> Response:
        visit, person, _ = await self._portal.enter(request)
        filled = read_filled(await request.form())
        path = f"{COMMUNITY}/posts/{_post_of(filled)}/vote"
        body = {"by": person.name, "up": filled["up"] != "no"}
        return await self._change(visit, person, question, "PUT", path, body, "voted")

    async def report(self, request: Request, question: UUID) -> Response:
        visit, person, _ = await self._portal.enter(request)
        filled = read_filled(await request.form())
        path = f"{COMMUNITY}/posts/{_post_of(filled)}/reports"
        body = {"by": person.name, "reason": filled["reason"][:2_000] or "-"}
        return await self._change(visit, person, question, "POST", path, body, "reported_post")

    async def _change(
        self, visit: Visit, person: Person, question: UUID, method: str, path: str, body: Mapping[str, Any], done: str
    ) -> Response:
        answer = await self._send(visit, method, path, body)
        if answer is None:
            return await self._show(visit, person, question, status=503, trouble="unavailable")
        if answer.status in {403, 409}:
            return await self._show(visit, person, question, status=409, trouble="not_now")
        _refuse(answer)
        return redirect(visit, f"{LIST}/{question}", Flash(done))

    async def _send(self, visit: Visit, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer | None:
        """None while the knowledge base is away."""
        try:
            return await self._portal.others.call(visit, method, path, body=body)
        except UnavailableError:
            return None

    async def _show(
        self,
        visit: Visit,
        person: Person,
        question: UUID,
        filled: Filled | None = None,
        *,
        after: UUID | None = None,
        status: int = 200,
        faults: Faults | None = None,
        trouble: str | None = None,
    ) -> Response:
        asked = await self._send(visit, "GET", f"{COMMUNITY}/questions/{question}")
        if asked is None:
            raise ProblemError(503, headers={"Retry-After": "2"})
        _refuse(asked)
        path = f"{COMMUNITY}/questions/{question}/answers?limit={PAGE}" + (f"&after={after}" if after else "")
        answers = await self._portal.others.ask(visit, {"answers": path})
        found = answers.found.get("answers") or {}
        posts = found.get("posts", ())
        return self._portal.page(
            visit,
            "question.html",
            status=status,
            question=asked.body,
            answers=posts,
            names=await self._names(person, [asked.body, *posts]),
            own=person.name,
            following=found.get("next"),
            missed=answers.missed,
            filled=filled or Filled(),
            faults=faults or {},
            trouble=trouble,
        )

    def _show_form(
        self,
        visit: Visit,
        filled: Filled,
        *,
        status: int = 200,
        faults: Faults | None = None,
        trouble: str | None = None,
    ) -> Response:
        return self._portal.page(visit, "ask.html", status=status, filled=filled, faults=faults or {}, trouble=trouble)

    async def _names(self, person: Person, posts: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
        return await self._portal.requests.names(person.tenant, {str(post["by"]) for post in posts})


class _ModerationPages:
    """The queue of those who may moderate."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def read(self, request: Request, after: UUID | None = None) -> Response:
        visit, person, _ = await self._portal.enter(request, Verb.MODERATE)
        return await self._show(visit, person, after=after)

    async def approve(self, request: Request, post: UUID) -> Response:
        visit, person, _ = await self._portal.enter(request, Verb.MODERATE)
        return await self._judge(visit, person, f"{COMMUNITY}/posts/{post}/approve", None, "approved")

    async def remove(self, request: Request, post: UUID) -> Response:
        visit, person, _ = await self._portal.enter(request, Verb.MODERATE)
        reason = read_filled(await request.form())["reason"][:2_000]
        if not reason:
            return await self._show(visit, person, status=422, faults={"reason": "required"}, post=str(post))
        return await self._judge(visit, person, f"{COMMUNITY}/posts/{post}/remove", {"reason": reason}, "removed")

    async def _judge(
        self, visit: Visit, person: Person, path: str, body: Mapping[str, Any] | None, done: str
    ) -> Response:
        try:
            answer = await self._portal.others.call(visit, "POST", path, body=body)
        except UnavailableError:
            return await self._show(visit, person, status=503, trouble="unavailable")
        if answer.status == 409:
            return await self._show(visit, person, status=409, trouble="not_now")
        _refuse(answer)
        return redirect(visit, MODERATION, Flash(done))

    async def _show(
        self,
        visit: Visit,
        person: Person,
        *,
        after: UUID | None = None,
        status: int = 200,
        faults: Faults | None = None,
        trouble: str | None = None,
        post: str = "",
    ) -> Response:
        path = f"{COMMUNITY}/moderation?limit={PAGE}" + (f"&after={after}" if after else "")
        answers = await self._portal.others.ask(visit, {"posts": path})
        found = answers.found.get("posts") or {}
        posts = found.get("posts", ())
        return self._portal.page(
            visit,
            "moderation.html",
            status=status,
            posts=posts,
            names=await self._portal.requests.names(person.tenant, {str(one["by"]) for one in posts}),
            following=found.get("next"),
            missed=answers.missed,
            faults=faults or {},
            trouble=trouble,
            at=post,
        )


def _post_of(filled: Filled) -> UUID:
    try:
        return UUID(filled["post"])
    except ValueError:
        raise ProblemError(404) from None


def _refuse(answer: Answer) -> None:
    """What the knowledge base does not have is not here either. Raises `ProblemError`."""
    if not answer.is_done:
        raise ProblemError(404 if answer.status in {404, 422} else 409)
