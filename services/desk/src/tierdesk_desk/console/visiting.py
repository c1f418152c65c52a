"""What every page needs: who looks, what the desk knows, and a page for whatever goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import structlog
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tierdesk_desk.board import Board, NotFoundError
from tierdesk_desk.callbacks import Callbacks
from tierdesk_desk.console.neighbours import Neighbours
from tierdesk_desk.console.rendering import FRAGMENT, HEADERS, Renderer, Visit
from tierdesk_desk.domain.days import zone_of
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.presence import State
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.http.access import Access, page_for, person_of, session_of
from tierdesk_desk.repairs import Repairs
from tierdesk_desk.visits import Visits
from tierdesk_policy import Policy
from tierdesk_runtime.framing import route_of
from tierdesk_runtime.problems import ProblemError, problem_response
from tierdesk_store import DatabaseUnavailableError

CHOICE_PATH: Final = "/password"
CHOICE_NEEDED: Final = "Password change needed"
"""How the problem is called that whoever has to choose a password first gets everywhere else."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Console:
    """What pages are made from."""

    board: Board
    renderer: Renderer
    neighbours: Neighbours
    access: Access
    callbacks: Callbacks
    visits: Visits
    repairs: Repairs
    rate: float = 1.0

    async def enter(self, request: Request, verb: Verb) -> tuple[Visit, Person, Policy]:
        """Who looks, with the policy in force.

        Raises `ProblemError`: 303 to where people sign in, 403 without this verb or for a form that is not from here, 503
        while no policy is known.
        """
        visit, person, policy = await self.admit(request, verb)
        if policy is None:
            raise ProblemError(503, "Starting", "The desk has not heard of a policy yet.", headers={"Retry-After": "2"})
        return visit, person, policy

    async def admit(self, request: Request, verb: Verb) -> tuple[Visit, Person, Policy | None]:
        """As `enter`, for a page that can do without a policy: None while none is known."""
        person = await page_for(verb)(request)
        policy, session = await self.board.policy(person.tenant), session_of(request)
        return self.visit(request, person, session.csrf, zone_of(policy), session.presence), person, policy

    async def greet(self, request: Request) -> Visit:
        """Who looks, if anybody is signed in."""
        session = await self.access.find(request)
        if session is None:
            return self.visit(request)
        person = person_of(session)
        zone = zone_of(await self.board.policy(person.tenant))
        return self.visit(request, person, session.csrf, zone, session.presence)

    def visit(
        self,
        request: Request,
        person: Person | None = None,
        csrf: str = "",
        zone: str = "UTC",
        presence: str | None = None,
    ) -> Visit:
        """A visit of this person, or of nobody that is known."""
        said = presence or State.AWAY.value
        return Visit(request, person, csrf, self.board.now(), zone, self.rate, self.access.is_secure, said)

    def router(self) -> APIRouter:
        """A router for pages: whatever goes wrong in one of them is told on a page."""
        return page_router(self.tell)

    async def tell(self, request: Request, problem: ProblemError) -> Response:
        """The page of an error, or the problem itself for whoever wants no page."""
        if not wants_page(request):
            return problem_response(problem, request_id=request.scope.get("tierdesk.request_id"))
        try:
            visit = await self.greet(request)
        except DatabaseUnavailableError:
            visit = self.visit(request)
        return self.renderer.page(
            visit,
            "error.html",
            status=problem.status,
            headers=problem.headers,
            problem=problem,
            request_id=request.scope.get("tierdesk.request_id"),
        )


def wants_page(request: Request) -> bool:
    """Whether a browser asks for something to show."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


Tell = Callable[[Request, ProblemError], Awaitable[Response]]
"""Makes the page of whatever went wrong."""


def page_router(tell: Tell) -> APIRouter:
    """A router for pages: whatever goes wrong in one of them is told by `tell`."""
    return APIRouter(include_in_schema=False, route_class=_route_class(tell))


def _route_class(tell: Tell) -> type[APIRoute]:
    class PageRoute(APIRoute):
        """Turns what is raised into a page."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def serve(request: Request) -> Response:
                try:
                    return await handle(request)
                except ClientDisconnect:
                    raise
                except Exception as error:  # noqa: BLE001 - the last resort of a page
                    return await _answer(tell, request, error)

            return serve

    return PageRoute


async def _answer(tell: Tell, request: Request, error: Exception) -> Response:
    problem = _problem_of(error)
    if problem is None:
        log.error("request_failed", method=request.method, route=route_of(request.scope), exc_info=error)
        problem = ProblemError(500)
    if problem.status == 303 and FRAGMENT in request.headers:
        problem = ProblemError(401, "Not signed in")  # the script says so, and its reader loads the page
    elif problem.status == 303:
        return Response(status_code=303, headers={**HEADERS, **problem.headers})
    elif problem.title == CHOICE_NEEDED:
        return Response(status_code=303, headers={**HEADERS, "Location": CHOICE_PATH})
    return await tell(request, problem)


def _problem_of(error: Exception) -> ProblemError | None:
    """None for what is nobody's doing but ours."""
    match error:
        case ProblemError():
            return error
        case NotFoundError() | RequestValidationError():
            return ProblemError(404)
        case HTTPException():
            return ProblemError(error.status_code, detail=str(error.detail))
        case DatabaseUnavailableError():
            return ProblemError(503, "Storage unavailable", headers={"Retry-After": "1"})
        case _:
            return None
