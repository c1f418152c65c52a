"""Lists of tickets: a group's queue, what somebody handed on, and the way from a ticket to its work."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.rendering import redirect
from tierdesk_desk.console.views import name_of_group, name_of_tier, view_left, view_row
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.work import Stage
from tierdesk_desk.http.board import read_rank, write_rank
from tierdesk_runtime.problems import ProblemError

PAGE: Final = 50


def list_routes(console: Console) -> APIRouter:
    """The pages."""
    router = console.router()
    board, renderer = console.board, console.renderer

    @router.get("/queue/{tier}/{group}")
    async def queue(
        request: Request,
        tier: str,
        group: str,
        *,
        held: bool = False,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        visit, person, policy = await console.enter(request, Verb.READ_BOARD)
        place: Place = (tier, group)
        counts = await board.counts(person)
        if place not in counts:
            raise ProblemError(404)
        works, following = await board.page(person, places=[place], held=held, after=read_rank(after), limit=PAGE)
        return renderer.page(
            visit,
            "queue.html",
            tier=tier,
            group=group,
            name=name_of_group(policy, group),
            tier_name=name_of_tier(policy, tier),
            held=held,
            counts={stage.value: counts[place].get(stage, 0) for stage in Stage},
            rows=[view_row(work, policy, visit.now) for work in works],
            following=None if following is None else quote(write_rank(following), safe=""),
            first_page=after is None,
        )

    @router.get("/escalated")
    async def escalated(request: Request) -> Response:
        visit, person, policy = await console.enter(request, Verb.READ_BOARD)
        left = view_left(await board.left(person), policy, visit.now)
        return renderer.page(visit, "escalated.html", left=left)

    @router.get("/ticket/{ticket}")
    async def ticket(request: Request, ticket: str) -> Response:
        visit, person, _ = await console.enter(request, Verb.READ_BOARD)
        if "\x00" in ticket:
            raise ProblemError(404)
        works = await board.of_ticket(person, ticket)
        return redirect(visit, f"/works/{works[0].assignment_id}")

    return router
