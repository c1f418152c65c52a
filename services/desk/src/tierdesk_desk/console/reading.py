"""An article beside a ticket: read, its steps ticked as tried, and named as what solves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_contracts.outcome import WorkProgressed
from tierdesk_desk.console.forms import read_seen
from tierdesk_desk.console.matches import audiences_for
from tierdesk_desk.console.neighbours import UnavailableError
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.work import HELD, ForbiddenStepError, MovedOnError, OverError, TakenError
from tierdesk_runtime.problems import ProblemError

_LONGEST_RESULT: Final = 4_000


def reading_routes(console: Console) -> APIRouter:
    """The page and its form."""
    router = console.router()
    page = _ReadingPage(console)
    path = "/works/{assignment_id:uuid}/articles/{article_id:uuid}"
    router.add_api_route(path, page.read, methods=["GET"])
    router.add_api_route(path, page.tick, methods=["POST"])
    return router


class _ReadingPage:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def read(self, request: Request, assignment_id: UUID, article_id: UUID) -> Response:
        return await self._show(request, assignment_id, article_id)

    async def tick(self, request: Request, assignment_id: UUID, article_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        form = await request.form()
        await self._console.board.read(person, assignment_id)
        article = await self._find(request, article_id)
        steps = read_ticked(form, article)
        if not steps:
            return await self._show(request, assignment_id, article_id, form, status=422, trouble="nothing_ticked")
        try:
            await self._console.board.say(
                person, assignment_id, WorkProgressed, {"steps_tried": steps}, based_on=read_seen(form)
            )
        except (TakenError, OverError, ForbiddenStepError):
            return await self._show(request, assignment_id, article_id, form, status=409, trouble="forbidden")
        except MovedOnError:
            return await self._show(request, assignment_id, article_id, form, status=409, trouble="moved")
        return redirect(visit, f"/works/{assignment_id}", Flash("tried"))

    async def _find(self, request: Request, article_id: UUID) -> Mapping[str, Any]:
        """The article as readers see it. Raises `ProblemError` 404, also for one that is written for others; 503."""
        visit, person, policy = await self._console.enter(request, Verb.READ_BOARD)
        path = f"/v1/articles/{article_id}?published=true&html=true"
        try:
            answer = await self._console.neighbours.call(visit, "GET", path)
        except UnavailableError:
            raise ProblemError(503, headers={"Retry-After": "2"}) from None
        if not answer.is_done or answer.body["audience"] not in audiences_for(person, policy):
            raise ProblemError(404)
        found: Mapping[str, Any] = answer.body
        return found

    async def _show(
        self,
        request: Request,
        assignment_id: UUID,
        article_id: UUID,
        form: FormData | None = None,
        *,
        status: int = 200,
        trouble: str | None = None,
    ) -> Response:
        """The page, with a form that was not taken as it was."""
        visit, person, _ = await self._console.enter(request, Verb.READ_BOARD)
        work = await self._console.board.read(person, assignment_id)
        article = await self._find(request, article_id)
        tried = {
            step.get("article_step")
            for step in work.view.get("steps_tried") or ()
            if step.get("article_id") == str(article_id)
        }
        return self._console.renderer.page(
            visit,
            "reading.html",
            status=status,
            work=work,
            article=article,
            html=Markup(article["html"] or ""),  # noqa: S704 - cleaned by the knowledge base, by a list of tags (nh3)
            tried=tried,
            ticked=() if form is None else form.getlist("ticked"),
            result="" if form is None else _result_in(form),
            mine=work.stage in HELD and work.worker == person.name,
            trouble=trouble,
        )


def read_ticked(form: FormData, article: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of an article that were ticked, as steps tried: what it showed is said of the last of them."""
    ticked = [
        (number, text) for number, text in enumerate(article["steps"], 1) if str(number) in form.getlist("ticked")
    ]
    result = _result_in(form)
    return [
        {
            "step": text,
            "article_id": str(article["id"]),
            "article_step": number,
            "result": result if number == ticked[-1][0] else "",
        }
        for number, text in ticked
    ]


def _result_in(form: FormData) -> str:
    return str(form.get("result") or "").replace("\r\n", "\n").replace("\x00", "").strip()[:_LONGEST_RESULT]
