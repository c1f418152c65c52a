"""All pages of the console, together."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import HTTPExceptionHandler

from tierdesk_desk.console.home import home_routes, keys_routes
from tierdesk_desk.console.lists import list_routes
from tierdesk_desk.console.opening import opening_routes
from tierdesk_desk.console.overview import overview_routes
from tierdesk_desk.console.sign_in import sign_in_routes
from tierdesk_desk.console.statics import static_routes
from tierdesk_desk.console.visiting import Console, wants_page
from tierdesk_desk.console.work import work_routes
from tierdesk_desk.signing_in import SignIn
from tierdesk_runtime.problems import ProblemError


def console_routes(console: Console, sign_in: SignIn, *, default_tenant: str) -> APIRouter:
    """The pages. `default_tenant` is that of whoever names none."""
    router = APIRouter(include_in_schema=False)
    router.include_router(static_routes(console.renderer.statics))
    router.include_router(sign_in_routes(console, sign_in, default_tenant=default_tenant))
    router.include_router(home_routes(console))
    router.include_router(list_routes(console))
    router.include_router(keys_routes(console))
    router.include_router(work_routes(console))
    router.include_router(opening_routes(console))
    router.include_router(overview_routes(console))
    return router


def show_errors(app: FastAPI, console: Console) -> None:
    """Show a page also for an address that nothing answers, to whoever wants one. All others get the problem, as before."""
    tell_problem = cast("HTTPExceptionHandler", app.exception_handlers[HTTPException])

    async def tell(request: Request, error: Exception) -> Response:
        if wants_page(request) and isinstance(error, HTTPException):
            return await console.tell(request, ProblemError(error.status_code))
        answer = tell_problem(request, error)
        return answer if isinstance(answer, Response) else await answer

    app.add_exception_handler(HTTPException, tell)
