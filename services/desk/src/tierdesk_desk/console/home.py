"""Where people begin: what they have, what waits in their groups, what others have."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.board import FullError
from tierdesk_desk.console.forms import read_key
from tierdesk_desk.console.rendering import SHORTCUTS_COOKIE, Flash, redirect
from tierdesk_desk.console.views import view_queues, view_row
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb, allows
from tierdesk_desk.domain.work import Stage
from tierdesk_desk.http.access import page_for

PORTAL: Final = "/portal"
"""Where people ask for help."""
OTHERS: Final = 20
"""So much of what others have is shown on the first page."""
_YEAR_SECONDS: Final = 365 * 86_400


def home_routes(console: Console) -> APIRouter:
    """The pages."""
    router = console.router()
    board, renderer = console.board, console.renderer

    async def show(request: Request, *, status: int = 200, trouble: str | None = None) -> Response:
        visit, person, policy = await console.enter(request, Verb.READ_BOARD)
        counts = await board.counts(person)
        firsts = await board.firsts(person, [place for place, stages in counts.items() if stages.get(Stage.OFFERED)])
        mine = await board.mine(person)
        held, _ = await board.page(person, places=list(counts), held=True, after=None, limit=OTHERS + len(mine))
        return renderer.page(
            visit,
            "home.html",
            status=status,
            trouble=trouble,
            mine=[view_row(work, policy, visit.now) for work in mine],
            away=await console.callbacks.away(person) if policy.telephone.guard is not None else None,
            released=await board.released(person),
            queues=view_queues(
                list(counts),
                policy,
                counts,
                {place: view_row(work, policy, visit.now) for place, work in firsts.items()},
            ),
            others=[view_row(work, policy, visit.now) for work in held if work.worker != person.name][:OTHERS],
        )

    @router.get("/")
    async def home(request: Request) -> Response:
        person = await page_for()(request)
        if allows(person.grants, Verb.READ_BOARD):
            return await show(request)
        if allows(person.grants, Verb.ASK):
            return redirect(await console.greet(request), PORTAL)
        return renderer.page(await console.greet(request), "apart.html")

    @router.post("/next")
    async def take_next(request: Request) -> Response:
        visit, person, _ = await console.enter(request, Verb.WORK)
        try:
            work = await board.take_next(person, key=read_key(await request.form()))
        except FullError:
            return await show(request, status=409, trouble="full")
        if work is None:
            return redirect(visit, "/", Flash("nothing_waits"))
        return redirect(visit, f"/works/{work.assignment_id}", Flash("claimed"))

    return router


def keys_routes(console: Console) -> APIRouter:
    """What keys do, and the switch for those who want none."""
    router = console.router()
    renderer = console.renderer

    @router.get("/keys")
    async def keys(request: Request) -> Response:
        visit, _, _ = await console.enter(request, Verb.READ_BOARD)
        return renderer.page(visit, "keys.html")

    @router.post("/keys")
    async def switch_keys(request: Request) -> Response:
        visit, _, _ = await console.enter(request, Verb.READ_BOARD)
        form = await request.form()
        switched = "off" if form.get("shortcuts") == "off" else "on"
        response = redirect(visit, "/keys", Flash(f"shortcuts_{switched}"))
        response.set_cookie(
            SHORTCUTS_COOKIE, switched, max_age=_YEAR_SECONDS, httponly=True, samesite="lax", secure=visit.is_secure
        )
        return response

    return router
