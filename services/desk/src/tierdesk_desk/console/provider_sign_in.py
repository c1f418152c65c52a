"""To a provider and back: three addresses for each, of which the last is for the provider itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tierdesk_desk.console.forms import Filled
from tierdesk_desk.console.rendering import redirect
from tierdesk_desk.console.sign_in_page import Attempt, SignInPage
from tierdesk_desk.domain.id_tokens import TokenError
from tierdesk_desk.http.access import SIGN_IN_PATH, way_back
from tierdesk_desk.oidc.asking import AwayError, RefusedError
from tierdesk_desk.oidc.journeys import AWAY, StaleError
from tierdesk_desk.oidc.signatures import LONGEST_TOKEN
from tierdesk_desk.provider_sign_in import NotLetInError, ProviderSignIn, UnknownProviderError
from tierdesk_runtime.problems import ProblemError

_COOKIE: Final = "tierdesk-journey"
_NO_STORE: Final = {"Cache-Control": "no-store"}
_LONGEST_ANSWER: Final = 8_192
_ATTEMPTS: Final[dict[type[Exception], tuple[int, str]]] = {
    StaleError: (400, "provider_stale"),
    RefusedError: (401, "provider_refused"),
    TokenError: (401, "provider_unfit"),
    NotLetInError: (403, "provider_unknown"),
    AwayError: (503, "provider_away"),
}

log = structlog.get_logger(__name__)


def provider_routes(page: SignInPage, providers: ProviderSignIn) -> APIRouter:
    """The routes."""
    router = page.console.router()
    pages = _ProviderPages(page, providers)
    path = f"{SIGN_IN_PATH}/{{provider_id}}"
    router.add_api_route(path, pages.begin, methods=["GET"])
    router.add_api_route(f"{path}/return", pages.finish, methods=["GET"])
    router.add_api_route(f"{path}/ended", pages.end, methods=["POST"])
    return router


class _ProviderPages:
    def __init__(self, page: SignInPage, providers: ProviderSignIn) -> None:
        self._page = page
        self._console = page.console
        self._access = page.console.access
        self._providers = providers
        self._cookie = f"__Host-{_COOKIE}" if self._access.is_secure else _COOKIE

    async def begin(self, request: Request, provider_id: str) -> Response:
        """On to the provider. A link, no form: the policy of our pages lets forms go nowhere else."""
        way = way_back(request.query_params.get("next"))
        with self._noting(provider_id) as attempts:
            departure = await self._providers.begin(provider_id, way)
        if attempts:
            return self._show(request, provider_id, attempts[0], way)
        response = redirect(self._console.visit(request), departure.url)
        self._set_cookie(response, departure.cookie, int(AWAY.total_seconds()))
        return response

    async def finish(self, request: Request, provider_id: str) -> Response:
        """Back from the provider; in any case the cookie is gone then."""
        answer = dict(request.query_params) if len(request.url.query) <= _LONGEST_ANSWER else {}
        cookie = request.cookies.get(self._cookie, "")
        with self._noting(provider_id) as attempts:
            arrival = await self._providers.finish(
                provider_id, cookie, answer, replaces=self._access.digest_in(request)
            )
        if attempts:
            response = self._show(request, provider_id, attempts[0])
        else:
            response = redirect(self._console.visit(request), way_back(arrival.way))
            self._access.give(response, arrival.signed_in)
        self._set_cookie(response, "", 0)
        return response

    async def end(self, request: Request, provider_id: str) -> Response:
        """The provider tells that somebody signed out there (back-channel logout). It has no cookie and needs none."""
        form = await request.form()
        token = form.get("logout_token")
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST_TOKEN:
            return JSONResponse({"error": "invalid_request"}, 400, _NO_STORE)
        try:
            await self._providers.end_from_there(provider_id, token)
        except UnknownProviderError:
            raise ProblemError(404) from None
        except TokenError as error:
            log.warning("logout_token_refused", provider=provider_id, why=str(error))
            return JSONResponse({"error": "invalid_request"}, 400, _NO_STORE)
        except AwayError:
            return JSONResponse({"error": "temporarily_unavailable"}, 503, {**_NO_STORE, "Retry-After": "5"})
        return Response(status_code=200, headers=_NO_STORE)

    @contextmanager
    def _noting(self, provider_id: str) -> Iterator[list[Attempt]]:
        """Note why somebody is not let in."""
        attempts: list[Attempt] = []
        try:
            yield attempts
        except UnknownProviderError:
            raise ProblemError(404) from None
        except tuple(_ATTEMPTS) as error:
            status, word = next(told for kind, told in _ATTEMPTS.items() if isinstance(error, kind))
            log.warning("not_signed_in", provider=provider_id, what=word, why=str(error))
            attempts.append(Attempt(status, trouble=(word, {"name": self._providers.provider(provider_id).name})))

    def _show(self, request: Request, provider_id: str, attempt: Attempt, way: str = "/") -> Response:
        tenant = self._providers.provider(provider_id).tenant
        told = "" if tenant == self._page.default_tenant else tenant
        return self._page.show(request, Filled({"next": way, "tenant": told}), attempt)

    def _set_cookie(self, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self._cookie, value, max_age=seconds, path="/", secure=self._access.is_secure, httponly=True, samesite="lax"
        )
