"""Open tickets found by words of their title or by their reference, and articles beside them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.matches import audiences_for, path_of_matches, view_matches
from tierdesk_desk.console.views import view_row
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb

LIMIT: Final = 30
COMMON: Final = 1


def finding_routes(console: Console) -> APIRouter:
    """The page."""
    router = console.router()

    @router.get("/find")
    async def find(request: Request, q: Annotated[str, Query(max_length=300)] = "") -> Response:
        visit, person, policy = await console.enter(request, Verb.READ_BOARD)
        question = q.replace("\x00", " ").strip()
        works = await console.board.find(person, question, common=COMMON, limit=LIMIT) if question else []
        paths = {"articles": path_of_matches(question, audiences_for(person, policy))} if question else {}
        answers = await console.neighbours.ask(visit, paths)
        return console.renderer.page(
            visit,
            "find.html",
            question=question,
            rows=[view_row(work, policy, visit.now) for work in works],
            matches=view_matches(answers.found.get("articles")),
            missed=answers.missed,
        )

    return router
