"""Signing in and out, and choosing a password of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Filled, read_filled
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.sign_in_page import LONGEST as LONGEST_FIELD
from tierdesk_desk.console.sign_in_page import Attempt, SignInPage
from tierdesk_desk.console.visiting import CHOICE_PATH
from tierdesk_desk.domain.passwords import LONGEST, SHORTEST, PasswordError
from tierdesk_desk.hashing import HashingBusyError
from tierdesk_desk.http.access import SIGN_IN_PATH, page_for, session_of, way_back
from tierdesk_desk.signing_in import RefusedError, TooManyError


def sign_in_routes(page: SignInPage) -> APIRouter:
    """The pages."""
    router = page.console.router()
    pages = _SignInPages(page)
    router.add_api_route(SIGN_IN_PATH, pages.read, methods=["GET"])
    router.add_api_route(SIGN_IN_PATH, pages.begin, methods=["POST"])
    router.add_api_route("/logout", pages.end, methods=["POST"])
    router.add_api_route(CHOICE_PATH, pages.read_choice, methods=["GET"])
    router.add_api_route(CHOICE_PATH, pages.choose, methods=["POST"])
    return router


class _SignInPages:
    def __init__(self, page: SignInPage) -> None:
        self._page = page
        self._console = page.console
        self._access = page.console.access
        self._sign_in = page.sign_in

    async def read(self, request: Request) -> Response:
        given = request.query_params
        values = {"next": way_back(given.get("next")), "tenant": given.get("tenant", "")[:40]}
        values |= {"ended": "1"} if given.get("ended") else {}
        return self._page.show(request, Filled(values), Attempt(200))

    async def begin(self, request: Request) -> Response:
        self._access.check_origin(request)
        form = await request.form()
        filled = read_filled(form)
        password = str(form.get("password") or "")
        faults = {name: "required" for name in ("name", "password") if not form.get(name)}
        if faults:
            return self._page.show(request, filled, Attempt(422, faults))
        with _noting() as attempts:
            signed = await self._sign_in.sign_in(
                self._page.tenant_of(filled),
                filled["name"][:LONGEST_FIELD],
                password,
                mark=self._access.mark_of(request),
                replaces=self._access.digest_in(request),
            )
        if attempts:
            return self._page.show(request, filled, attempts[0])
        response = redirect(self._console.visit(request), way_back(filled["next"]))
        self._access.give(response, signed)
        return response

    async def end(self, request: Request) -> Response:
        await page_for(before_change=True)(request)
        session = session_of(request)
        providers = self._page.providers
        onward = None if providers is None else await providers.address_of_sign_out(session)
        await self._sign_in.sign_out(session)
        visit = self._console.visit(request)
        if onward is None:
            response = redirect(visit, SIGN_IN_PATH, Flash("signed_out"))
        else:  # no redirect: browsers hold it against the policy of the form, which goes nowhere else
            headers = {"Refresh": f"0;url={onward}"}
            response = self._console.renderer.page(visit, "onward.html", headers=headers, onward=onward)
        self._access.take(response)
        return response

    async def read_choice(self, request: Request) -> Response:
        await page_for(before_change=True)(request)
        return await self._show_choice(request, Attempt(200))

    async def choose(self, request: Request) -> Response:
        await page_for(before_change=True)(request)
        form = await request.form()
        old, new, again = (str(form.get(name) or "") for name in ("old", "new", "again"))
        faults = {name: "required" for name, value in (("old", old), ("new", new)) if not value}
        if new != again:
            faults["again"] = "differs"
        if faults:
            return await self._show_choice(request, Attempt(422, faults))
        with _noting(Attempt(422, {"old": "wrong_password"})) as attempts:
            signed = await self._sign_in.change_password(session_of(request), old, new)
        if attempts:
            return await self._show_choice(request, attempts[0])
        response = redirect(self._console.visit(request), "/", Flash("password_changed"))
        self._access.give(response, signed)
        return response

    async def _show_choice(self, request: Request, attempt: Attempt) -> Response:
        return self._console.renderer.page(
            await self._console.greet(request),
            "password.html",
            status=attempt.status,
            faults=attempt.faults,
            trouble=attempt.trouble,
            must=session_of(request).account.must_change_password,
            is_elsewhere=session_of(request).provider is not None,
            lengths={"shortest": SHORTEST, "longest": LONGEST},
        )


_REFUSED: Final = Attempt(401, trouble=("refused", {}))


@contextmanager
def _noting(refused: Attempt = _REFUSED) -> Iterator[list[Attempt]]:
    """Note why somebody is not let in; `refused` where name and password, or the old password, do not fit."""
    attempts: list[Attempt] = []
    try:
        yield attempts
    except RefusedError:
        attempts.append(refused)
    except PasswordError:
        attempts.append(Attempt(422, {"new": "password"}))
    except TooManyError as error:
        wait = timedelta(seconds=max(60.0, error.retry_seconds))
        attempts.append(Attempt(429, trouble=("too_many", {"wait": wait})))
    except HashingBusyError:
        attempts.append(Attempt(503, trouble=("busy", {})))
