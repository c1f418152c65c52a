"""Search first: what is known already, while one types, and an article that may solve it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.neighbours import UnavailableError
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.domain.people import Person
from tierdesk_desk.portal.forms import MOST_LOOKED, is_id
from tierdesk_desk.portal.others import is_for_requesters, path_of_article, path_of_search, path_of_suggestions
from tierdesk_desk.portal.views import view_line
from tierdesk_desk.portal.visiting import HOME, Portal
from tierdesk_runtime.problems import ProblemError

FOUND: Final = 10
SHOWN: Final = 5
"""So many open requests stand on the first page."""
_LONGEST: Final = 300


def search_routes(portal: Portal) -> APIRouter:
    """The pages."""
    router = portal.router()
    pages = _SearchPages(portal)
    router.add_api_route(HOME, pages.home, methods=["GET"])
    router.add_api_route(f"{HOME}/suggest", pages.suggest, methods=["GET"])
    router.add_api_route(f"{HOME}/articles/{{article_id}}", pages.article, methods=["GET"])
    router.add_api_route(f"{HOME}/articles/{{article_id}}/solved", pages.solve, methods=["POST"])
    return router


class _SearchPages:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def home(self, request: Request) -> Response:
        visit, person, _ = await self._portal.enter(request)
        words = words_of(request)
        found: list[dict[str, Any]] | None = None
        missed: tuple[str, ...] = ()
        if words:
            answers = await self._portal.others.ask(visit, {"suggestions": path_of_search(words, limit=FOUND)})
            missed = answers.missed
            if not missed:
                articles = answers.found["suggestions"].get("articles", ())
                found = [one for one in articles if one.get("audience") == "requester"]
        requests, _ = await self._portal.requests.page(person, limit=SHOWN)
        return self._portal.page(
            visit,
            "home.html",
            words=words,
            found=found,
            missed=missed,
            requests=[] if words else [view_line(one) for one in requests],
            trail=trail_of(words, looked_of(request)),
        )

    async def suggest(self, request: Request) -> Response:
        visit, _, _ = await self._portal.enter(request)
        words = words_of(request)
        answers = await self._portal.others.ask(visit, {"suggestions": path_of_suggestions(words)} if words else {})
        found = answers.found.get("suggestions") or {}
        return self._portal.page(
            visit,
            "suggestions.html",
            suggestions=found.get("suggestions", ()),
            trail=trail_of(words, looked_of(request)),
        )

    async def article(self, request: Request, article_id: UUID) -> Response:
        visit, _, _ = await self._portal.enter(request)
        answers = await self._portal.others.ask(visit, {"article": path_of_article(str(article_id))})
        article = answers.found.get("article")
        if article is None or not is_for_requesters(article):
            raise ProblemError(404)
        words, looked = words_of(request), looked_of(request)
        return self._portal.page(
            visit,
            "article.html",
            article=article,
            # It comes cleaned, by a list of tags; and no policy of ours would run what was not.
            html=Markup(article.get("html") or ""),  # noqa: S704 - the knowledge base has cleaned it
            words=words,
            back=trail_of(words, looked),
            trail=trail_of(words, (*looked, str(article_id))),
        )

    async def solve(self, request: Request, article_id: UUID) -> Response:
        visit, person, _ = await self._portal.enter(request)
        words = words_of(request)
        problem = problem_id(person, words or str(article_id), visit.now.date().isoformat())
        body = {"id": str(problem), "article_id": str(article_id)}
        try:
            answer = await self._portal.others.call(visit, "POST", "/v1/suggest/solved", body=body)
        except UnavailableError:
            pass  # nobody who was helped is to be troubled for a count
        else:
            if answer.status == 404:
                raise ProblemError(404)
        return redirect(visit, HOME, Flash("solved_alone"))


def problem_id(person: Person, words: str, day: str) -> UUID:
    """One for each problem: what the same person looks for on the same day is one, however often it is told."""
    return uuid5(NAMESPACE_URL, f"tierdesk:solved:{person.tenant}:{person.party}:{words.casefold()}:{day}")


def words_of(request: Request) -> str:
    """What is looked for."""
    return " ".join(request.query_params.get("q", "").split())[:_LONGEST]


def looked_of(request: Request) -> tuple[str, ...]:
    """The articles that were looked at so far, the first first, each once."""
    given = request.query_params.getlist("looked")[:50]
    return tuple(dict.fromkeys(one for one in given if is_id(one)))[:MOST_LOOKED]


def trail_of(words: str, looked: tuple[str, ...]) -> str:
    """What goes along from page to page until somebody reports: the words, and what was looked at."""
    pairs = [("q", words), *(("looked", one) for one in dict.fromkeys(looked))]
    return urlencode([(name, value) for name, value in pairs if value])
