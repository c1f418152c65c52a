"""Links: coming by one, asking for another, and making one at the desk."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.board import NotFoundError
from tierdesk_desk.console.forms import Filled, read_filled
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.domain.roles import Verb, allows_in
from tierdesk_desk.http.access import check_csrf
from tierdesk_desk.links import PATH
from tierdesk_desk.portal.visiting import HOME, Portal, path_of
from tierdesk_runtime.problems import ProblemError

ASKED: Final = f"{HOME}/links"
_TOKEN: Final = re.compile(r"[0-9a-f]{64}")


def entering_routes(portal: Portal) -> APIRouter:
    """The pages. Only looking at a link uses nothing up; who presses its button comes in."""
    router = portal.router()
    pages = _EnteringPages(portal)
    router.add_api_route(f"{PATH}/{{token}}", pages.look, methods=["GET"])
    router.add_api_route(f"{PATH}/{{token}}", pages.arrive, methods=["POST"])
    router.add_api_route(f"{HOME}/leave", pages.leave, methods=["POST"])
    router.add_api_route(ASKED, pages.ask, methods=["GET"])
    router.add_api_route(ASKED, pages.send, methods=["POST"])
    router.add_api_route("/works/{assignment_id}/link", pages.make, methods=["POST"])
    return router


class _EnteringPages:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def look(self, request: Request, token: str) -> Response:
        is_good = _TOKEN.fullmatch(token) is not None and await self._portal.links.is_good(token)
        return self._show_link(request, token if is_good else None)

    async def arrive(self, request: Request, token: str) -> Response:
        self._portal.console.access.check_origin(request)
        arrival = await self._portal.links.arrive(token) if _TOKEN.fullmatch(token) else None
        if arrival is None:
            return self._show_link(request, None)
        response = redirect(self._portal.console.visit(request), path_of(arrival.ticket))
        self._portal.give(response, arrival)
        return response

    async def leave(self, request: Request) -> Response:
        guest = await self._portal.guest(request)
        if guest is None:
            raise ProblemError(404)
        self._portal.console.access.check_origin(request)
        await check_csrf(request, guest.csrf)
        await self._portal.links.leave(guest)
        response = redirect(self._portal.console.visit(request), ASKED, Flash("left"))
        self._portal.take(response)
        return response

    async def ask(self, request: Request) -> Response:
        return self._show_form(request, Filled())

    async def send(self, request: Request) -> Response:
        self._portal.console.access.check_origin(request)
        filled = read_filled(await request.form())
        if not self._portal.links.are_sent:
            raise ProblemError(404)
        faults = {name: "required" for name in ("reference", "address") if not filled[name]}
        faults |= {name: "character" for name in ("reference", "address") if not filled[name].isprintable()}
        if not faults and not re.fullmatch(r"[^@\s]+@[^@\s]+", filled["address"]):
            faults["address"] = "email"
        if faults:
            return self._show_form(request, filled, status=422, faults=faults)
        tenant = filled["tenant"][:40] or self._portal.default_tenant
        if tenant.isprintable():
            await self._portal.links.request_link(tenant, filled["reference"], filled["address"])
        return redirect(self._portal.console.visit(request), ASKED, Flash("link_asked"))

    async def make(self, request: Request, assignment_id: UUID) -> Response:
        """For the agents of a ticket: a link to hand over, shown this once."""
        console = self._portal.console
        visit, person, _ = await console.enter(request, Verb.WORK)
        work = await console.board.read(person, assignment_id)
        if not allows_in(person.grants, Verb.WORK, tier=work.tier, group=work.group_id):
            raise NotFoundError  # whoever has the link answers in the requester's name
        path = await self._portal.links.make(person, work.ticket)
        return console.renderer.page(
            visit, "link_made.html", path=path, work=work, address=self._address(request, path)
        )

    def _address(self, request: Request, path: str) -> str:
        base = self._portal.console.access.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return f"{base.rstrip('/')}{path}"

    def _show_link(self, request: Request, token: str | None) -> Response:
        return self._portal.page(
            self._portal.console.visit(request),
            "link.html",
            status=200 if token else 410,
            token=token,
            are_sent=self._portal.links.are_sent,
        )

    def _show_form(
        self, request: Request, filled: Filled, *, status: int = 200, faults: dict[str, str] | None = None
    ) -> Response:
        return self._portal.page(
            self._portal.console.visit(request),
            "links.html",
            status=status,
            filled=filled,
            faults=faults or {},
            are_sent=self._portal.links.are_sent,
        )
