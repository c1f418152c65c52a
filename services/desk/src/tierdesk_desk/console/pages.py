"""All pages of the console, together."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import HTTPExceptionHandler

from tierdesk_desk.accounts import Accounts
from tierdesk_desk.console.accounts import account_page_routes
from tierdesk_desk.console.articles import article_page_routes
from tierdesk_desk.console.audit import audit_page_routes
from tierdesk_desk.console.callbacks import callback_routes
from tierdesk_desk.console.files import file_routes
from tierdesk_desk.console.finding import finding_routes
from tierdesk_desk.console.home import home_routes, keys_routes
from tierdesk_desk.console.lists import list_routes
from tierdesk_desk.console.opening import opening_routes
from tierdesk_desk.console.overview import overview_routes
from tierdesk_desk.console.parked import parked_page_routes
from tierdesk_desk.console.provider_sign_in import provider_routes
from tierdesk_desk.console.reading import reading_routes
from tierdesk_desk.console.sign_in import sign_in_routes
from tierdesk_desk.console.sign_in_page import SignInPage
from tierdesk_desk.console.statics import static_routes
from tierdesk_desk.console.vendors import vendor_routes
from tierdesk_desk.console.visiting import Console, wants_page
from tierdesk_desk.console.visits import visit_page_routes
from tierdesk_desk.console.work import work_routes
from tierdesk_desk.provider_sign_in import ProviderSignIn
from tierdesk_desk.signing_in import SignIn
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database


def console_routes(
    console: Console,
    sign_in: SignIn,
    accounts: Accounts,
    database: Database,
    *,
    default_tenant: str,
    providers: ProviderSignIn | None = None,
) -> APIRouter:
    """The pages. `default_tenant` is that of whoever names none."""
    router = APIRouter(include_in_schema=False)
    router.include_router(static_routes(console.renderer.statics))
    page = SignInPage(console, sign_in, default_tenant, providers)
    router.include_router(sign_in_routes(page))
    if providers is not None:
        router.include_router(provider_routes(page, providers))
    router.include_router(home_routes(console))
    router.include_router(list_routes(console))
    router.include_router(keys_routes(console))
    router.include_router(file_routes(console))
    router.include_router(reading_routes(console))
    router.include_router(work_routes(console))
    router.include_router(finding_routes(console))
    router.include_router(article_page_routes(console))
    router.include_router(vendor_routes(console))
    router.include_router(parked_page_routes(console))
    router.include_router(account_page_routes(console, accounts))
    router.include_router(audit_page_routes(console, database))
    router.include_router(opening_routes(console))
    router.include_router(overview_routes(console))
    router.include_router(callback_routes(console))
    router.include_router(visit_page_routes(console))
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
