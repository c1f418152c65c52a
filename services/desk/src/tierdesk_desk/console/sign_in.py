"""Signing in and out, and choosing a password of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled, read_filled
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.visiting import CHOICE_PATH, Console
from tierdesk_desk.domain.passwords import LONGEST, SHORTEST, PasswordError
from tierdesk_desk.hashing import HashingBusyError
from tierdesk_desk.http.access import SIGN_IN_PATH, page_for, session_of, way_back
from tierdesk_desk.signing_in import RefusedError, SignIn, TooManyError

_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What was wrong with what was sent. `trouble` is a word of `sign_in`, with what its text names."""

    status: int
    faults: Faults = field(default_factory=dict)
    trouble: tuple[str, dict[str, timedelta]] | None = None


def sign_in_routes(console: Console, sign_in: SignIn, *, default_tenant: str) -> APIRouter:
    """The pages. `default_tenant` is that of whoever names none."""
    router = console.router()
    pages = _SignInPages(console, sign_in, default_tenant)
    router.add_api_route(SIGN_IN_PATH, pages.read, methods=["GET"])
    router.add_api_route(SIGN_IN_PATH, pages.begin, methods=["POST"])
    router.add_api_route("/logout", pages.end, methods=["POST"])
    router.add_api_route(CHOICE_PATH, pages.read_choice, methods=["GET"])
    router.add_api_route(CHOICE_PATH, pages.choose, methods=["POST"])
    return router


class _SignInPages:
    def __init__(self, console: Console, sign_in: SignIn, default_tenant: str) -> None:
        self._console = console
        self._access = console.access
        self._sign_in = sign_in
        self._default_tenant = default_tenant

    async def read(self, request: Request) -> Response:
        given = request.query_params
        values = {"next": way_back(given.get("next")), "tenant": given.get("tenant", "")[:40]}
        return self._show(request, Filled(values), _Attempt(200))

    async def begin(self, request: Request) -> Response:
        self._access.check_origin(request)
        form = await request.form()
        filled = read_filled(form)
        password = str(form.get("password") or "")
        faults = {name: "required" for name in ("name", "password") if not form.get(name)}
        if faults:
            return self._show(request, filled, _Attempt(422, faults))
        with _noting() as attempts:
            signed = await self._sign_in.sign_in(
                filled["tenant"][:_LONGEST] or self._default_tenant,
                filled["name"][:_LONGEST],
                password,
                mark=self._access.mark_of(request),
                replaces=self._access.digest_in(request),
            )
        if attempts:
            return self._show(request, filled, attempts[0])
        response = redirect(self._console.visit(request), way_back(filled["next"]))
        self._access.give(response, signed)
        return response

    async def end(self, request: Request) -> Response:
        await page_for(before_change=True)(request)
        await self._sign_in.sign_out(session_of(request))
        response = redirect(self._console.visit(request), SIGN_IN_PATH, Flash("signed_out"))
        self._access.take(response)
        return response

    async def read_choice(self, request: Request) -> Response:
        await page_for(before_change=True)(request)
        return await self._show_choice(request, _Attempt(200))

    async def choose(self, request: Request) -> Response:
        await page_for(before_change=True)(request)
        form = await request.form()
        old, new, again = (str(form.get(name) or "") for name in ("old", "new", "again"))
        faults = {name: "required" for name, value in (("old", old), ("new", new)) if not value}
        if new != again:
            faults["again"] = "differs"
        if faults:
            return await self._show_choice(request, _Attempt(422, faults))
        with _noting(_Attempt(422, {"old": "wrong_password"})) as attempts:
            signed = await self._sign_in.change_password(session_of(request), old, new)
        if attempts:
            return await self._show_choice(request, attempts[0])
        response = redirect(self._console.visit(request), "/", Flash("password_changed"))
        self._access.give(response, signed)
        return response

    def _show(self, request: Request, filled: Filled, attempt: _Attempt) -> Response:
        return self._console.renderer.page(
            self._console.visit(request),
            "login.html",
            status=attempt.status,
            filled=filled,
            faults=attempt.faults,
            trouble=attempt.trouble,
        )

    async def _show_choice(self, request: Request, attempt: _Attempt) -> Response:
        return self._console.renderer.page(
            await self._console.greet(request),
            "password.html",
            status=attempt.status,
            faults=attempt.faults,
            trouble=attempt.trouble,
            must=session_of(request).account.must_change_password,
            lengths={"shortest": SHORTEST, "longest": LONGEST},
        )


_REFUSED: Final = _Attempt(401, trouble=("refused", {}))


@contextmanager
def _noting(refused: _Attempt = _REFUSED) -> Iterator[list[_Attempt]]:
    """Note why somebody is not let in; `refused` where name and password, or the old password, do not fit."""
    attempts: list[_Attempt] = []
    try:
        yield attempts
    except RefusedError:
        attempts.append(refused)
    except PasswordError:
        attempts.append(_Attempt(422, {"new": "password"}))
    except TooManyError as error:
        wait = timedelta(seconds=max(60.0, error.retry_seconds))
        attempts.append(_Attempt(429, trouble=("too_many", {"wait": wait})))
    except HashingBusyError:
        attempts.append(_Attempt(503, trouble=("busy", {})))
