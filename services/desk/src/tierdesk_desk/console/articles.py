"""Articles: what there is to do, writing, reviewing, comparing, publishing. The knowledge base keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.article_views import (
    LANGUAGES,
    audiences_of,
    faults_of_article,
    fill,
    read_care,
    read_text,
    steps_for,
    view_article,
    view_difference,
)
from tierdesk_desk.console.forms import Faults, Filled, FormError, read_filled
from tierdesk_desk.console.neighbours import Answer, UnavailableError
from tierdesk_desk.console.rendering import Flash, Visit, redirect
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb
from tierdesk_runtime.problems import ProblemError

PAGE: Final = 50
SHELVES: Final = ("mine", "proposed", "in_review", "draft", "published", "stale")
STEPS: Final[Mapping[str, Verb]] = {
    "submit": Verb.WRITE_ARTICLES,
    "withdraw": Verb.WRITE_ARTICLES,
    "send-back": Verb.PUBLISH_ARTICLES,
    "publish": Verb.PUBLISH_ARTICLES,
    "retire": Verb.PUBLISH_ARTICLES,
}
"""What is done about an article, and what must be granted for it."""
_ROOT: Final = "/v1/articles"
_ONE: Final = "/articles/{article_id:uuid}"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A form that was sent and not taken. `trouble` is a word, with what its text names; `between` two revisions to compare."""

    status: int = 200
    filled: Filled = field(default_factory=Filled)
    faults: Faults = field(default_factory=dict)
    trouble: tuple[str, dict[str, str]] | None = None
    between: tuple[int, int] | None = None


def article_page_routes(console: Console) -> APIRouter:
    """The pages."""
    router = console.router()
    pages = _ArticlePages(console)
    router.add_api_route("/articles", pages.read_all, methods=["GET"])
    router.add_api_route("/articles/new", pages.begin, methods=["GET"])
    router.add_api_route("/articles/new", pages.write, methods=["POST"])
    router.add_api_route(_ONE, pages.read, methods=["GET"])
    router.add_api_route(f"{_ONE}/edit", pages.edit, methods=["GET"])
    router.add_api_route(f"{_ONE}/edit", pages.revise, methods=["POST"])
    router.add_api_route(f"{_ONE}/compare", pages.compare, methods=["GET"])
    router.add_api_route(f"{_ONE}/care", pages.care, methods=["POST"])
    router.add_api_route(f"{_ONE}/{{step}}", pages.act, methods=["POST"])
    return router


class _ArticlePages:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def read_all(
        self,
        request: Request,
        shelf: str = "mine",
        audience: Annotated[str, Query(max_length=40, pattern=r"^([a-z][a-z0-9-]*)?$")] = "",
        after: UUID | None = None,
    ) -> Response:
        visit, person, policy = await self._console.admit(request, Verb.WRITE_ARTICLES)
        if shelf not in SHELVES:
            raise ProblemError(404)
        query: dict[str, Any] = {"limit": PAGE}
        path = {"proposed": "proposed", "stale": "attention"}.get(shelf, "worklist")
        if path == "worklist":
            query |= {"owner": person.name} if shelf == "mine" else {"state": shelf}
            query |= {"audience": audience} if audience else {}
        if after is not None:
            query["after"] = after
        answers = await self._console.neighbours.ask(visit, {"articles": f"{_ROOT}/{path}?{urlencode(query)}"})
        found: Mapping[str, Any] = answers.found.get("articles") or {}
        return self._console.renderer.page(
            visit,
            "articles.html",
            shelf=shelf,
            shelves=SHELVES,
            audience=audience,
            by_audience=path == "worklist",
            audiences=audiences_of(policy),
            articles=[view_article(one) for one in found.get("articles") or ()],
            following=found.get("next"),
            first_page=after is None,
            missed=answers.missed,
        )

    async def begin(self, request: Request) -> Response:
        return await self._show_form(request, None, _Attempt(filled=Filled({"audience": "requester", "kind": "faq"})))

    async def write(self, request: Request) -> Response:
        visit, person, _ = await self._console.admit(request, Verb.WRITE_ARTICLES)
        filled = read_filled(await request.form())
        try:
            text = {**read_text(filled), "owner": person.name}
            answer = await self._console.neighbours.call(visit, "POST", _ROOT, body=text)
        except FormError as error:
            return await self._show_form(request, None, _Attempt(422, filled, error.faults))
        except UnavailableError:
            return await self._show_form(request, None, _Attempt(503, filled, trouble=("unavailable", {})))
        if not answer.is_done:
            return await self._show_form(request, None, _refused(answer, filled))
        return redirect(visit, f"/articles/{answer.body['id']}", Flash("article_written"))

    async def read(self, request: Request, article_id: UUID) -> Response:
        return await self._show(request, article_id, _Attempt())

    async def edit(self, request: Request, article_id: UUID) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.WRITE_ARTICLES)
        article = await self._find(visit, f"/{article_id}")
        return await self._show_form(request, article_id, _Attempt(filled=fill(article)))

    async def revise(self, request: Request, article_id: UUID) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.WRITE_ARTICLES)
        filled = read_filled(await request.form())
        try:
            before = await self._find(visit, f"/{article_id}")
            text = {**read_text(filled, before), "based_on": _based_on(filled)}
            answer = await self._console.neighbours.call(visit, "PUT", f"{_ROOT}/{article_id}", body=text)
        except FormError as error:
            return await self._show_form(request, article_id, _Attempt(422, filled, error.faults))
        except UnavailableError:
            return await self._show_form(request, article_id, _Attempt(503, filled, trouble=("unavailable", {})))
        if answer.status == 409:
            return await self._show_form(request, article_id, await self._conflict(visit, article_id, filled, answer))
        if not answer.is_done:
            return await self._show_form(request, article_id, _refused(answer, filled))
        return redirect(visit, f"/articles/{article_id}", Flash("article_written"))

    async def compare(
        self,
        request: Request,
        article_id: UUID,
        from_: Annotated[int, Query(alias="from", ge=1, le=10**9)] = 1,
        to: Annotated[int, Query(ge=1, le=10**9)] = 1,
    ) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.WRITE_ARTICLES)
        older, newer = sorted((from_, to))
        article = await self._find(visit, f"/{article_id}")
        told = await self._find(visit, f"/{article_id}/diff?from={older}&to={newer}")
        return self._console.renderer.page(
            visit,
            "article_compare.html",
            article=view_article(article),
            older=older,
            newer=newer,
            changed=told["changed"],
            lines=view_difference(told["diff"]),
        )

    async def care(self, request: Request, article_id: UUID) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.WRITE_ARTICLES)
        filled = read_filled(await request.form())
        try:
            told = read_care(filled)
            answer = await self._console.neighbours.call(visit, "PATCH", f"{_ROOT}/{article_id}", body=told)
        except FormError as error:
            return await self._show(request, article_id, _Attempt(422, filled, error.faults))
        except UnavailableError:
            return await self._show(request, article_id, _Attempt(503, filled, trouble=("unavailable", {})))
        if not answer.is_done:
            return await self._show(request, article_id, _refused(answer, filled))
        return redirect(visit, f"/articles/{article_id}", Flash("article_cared"))

    async def act(self, request: Request, article_id: UUID, step: str) -> Response:
        if step not in STEPS:
            await self._console.admit(request, Verb.WRITE_ARTICLES)
            raise ProblemError(404)
        visit, _, _ = await self._console.admit(request, STEPS[step])
        filled = read_filled(await request.form())
        if step == "send-back" and (not filled["reason"] or "\x00" in filled["reason"]):
            fault = "character" if filled["reason"] else "required"
            return await self._show(request, article_id, _Attempt(422, filled, {"reason": fault}))
        body = {"reason": filled["reason"]} if step == "send-back" else None
        seen = f"?revision={filled['revision']}" if step == "publish" and filled["revision"].isdecimal() else ""
        try:
            answer = await self._console.neighbours.call(visit, "POST", f"{_ROOT}/{article_id}/{step}{seen}", body=body)
        except UnavailableError:
            return await self._show(request, article_id, _Attempt(503, filled, trouble=("unavailable", {})))
        if not answer.is_done:
            return await self._show(request, article_id, _refused(answer, filled))
        return redirect(visit, f"/articles/{article_id}", Flash(f"article_{step.replace('-', '_')}"))

    async def _conflict(self, visit: Visit, article_id: UUID, filled: Filled, answer: Answer) -> _Attempt:
        """Somebody else wrote meanwhile: told by whom, with what was typed, to be sent on top of theirs."""
        newest = await self._find(visit, f"/{article_id}")
        number, seen = int(newest["newest_revision"]), _based_on(filled)
        if seen == number:  # it was retired, or cannot be revised for another reason
            return _refused(answer, filled)
        kept = Filled({**filled.values, "based_on": str(number)})
        trouble = ("changed_meanwhile", {"who": str(newest["author"])})
        return _Attempt(409, kept, trouble=trouble, between=(seen, number))

    async def _show(self, request: Request, article_id: UUID, attempt: _Attempt) -> Response:
        visit, person, policy = await self._console.admit(request, Verb.WRITE_ARTICLES)
        article = view_article(await self._find(visit, f"/{article_id}?html=true"))
        answers = await self._console.neighbours.ask(visit, {"articles": f"{_ROOT}/{article_id}/revisions?limit=50"})
        revisions: Mapping[str, Any] = answers.found.get("articles") or {}
        tiers = {choice.value: choice.name for choice in audiences_of(policy)}
        return self._console.renderer.page(
            visit,
            "article.html",
            status=attempt.status,
            article=article,
            html=Markup(article["html"] or ""),  # noqa: S704 - cleaned by the knowledge base, by a list of tags (nh3)
            audience=tiers.get(article["audience"], article["audience"]),
            steps=steps_for(article, person),
            revisions=[view_article(one) for one in revisions.get("revisions") or ()],
            filled=Filled({**fill(article).values, **attempt.filled.values}),
            faults=attempt.faults,
            trouble=attempt.trouble,
            missed=answers.missed,
        )

    async def _show_form(self, request: Request, article_id: UUID | None, attempt: _Attempt) -> Response:
        visit, _, policy = await self._console.admit(request, Verb.WRITE_ARTICLES)
        return self._console.renderer.page(
            visit,
            "article_form.html",
            status=attempt.status,
            article_id=article_id,
            filled=attempt.filled,
            faults=attempt.faults,
            trouble=attempt.trouble,
            between=attempt.between,
            audiences=audiences_of(policy, attempt.filled["audience"]),
            languages=tuple(dict.fromkeys((*LANGUAGES, attempt.filled["language"] or LANGUAGES[0]))),
        )

    async def _find(self, visit: Visit, tail: str) -> Mapping[str, Any]:
        """Raises `ProblemError` 404, and 503 while the knowledge base is away."""
        try:
            answer = await self._console.neighbours.call(visit, "GET", f"{_ROOT}{tail}")
        except UnavailableError:
            raise ProblemError(503, headers={"Retry-After": "2"}) from None
        if not answer.is_done:
            raise ProblemError(404)
        found: Mapping[str, Any] = answer.body
        return found


def _based_on(filled: Filled) -> int:
    """The revision that the form showed; the first, where it does not say."""
    text = filled["based_on"]
    return max(int(text), 1) if text.isdecimal() and len(text) < 9 else 1


def _refused(answer: Answer, filled: Filled) -> _Attempt:
    """What the knowledge base does not take."""
    if answer.status == 404:
        raise ProblemError(404)
    if answer.faults:
        return _Attempt(422, filled, faults_of_article(answer.faults))
    return _Attempt(409, filled, trouble=("not_now", {"reason": answer.reason}))
