"""`/v1/desk/sessions` and `/v1/desk/session`: signing in and out, who one is, and one's own password."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tierdesk_desk.domain.passwords import PasswordError
from tierdesk_desk.domain.people import Person
from tierdesk_desk.hashing import HashingBusyError
from tierdesk_desk.http.access import Access, session_of, signed_in
from tierdesk_desk.http.account_views import PasswordRequest, SessionView, SignInRequest, view_person
from tierdesk_desk.signing_in import RefusedError, SignedIn, SignIn, TooManyError
from tierdesk_runtime.http import json_body
from tierdesk_runtime.problems import FieldFault, ProblemError

SignedInPerson = Annotated[Person, Depends(signed_in(before_change=True))]
"""Also somebody who has to choose a password first."""


def session_routes(access: Access, sign_in: SignIn, *, default_tenant: str) -> APIRouter:
    """The endpoints. `default_tenant` is that of whoever names none."""
    router = APIRouter(prefix="/v1/desk", tags=["sessions"])

    @router.post("/sessions", status_code=201)
    async def begin(
        request: Request, response: Response, asked: Annotated[SignInRequest, Depends(json_body(SignInRequest))]
    ) -> SessionView:
        """Sign in. The answer sets the session's cookie; a session that the browser had ends.

        Whatever does not fit is answered 401 alike. After many wrong passwords the answer is 429, with the time to wait.
        """
        access.check_origin(request)
        with told_as_problems():
            signed = await sign_in.sign_in(
                asked.tenant or default_tenant,
                asked.name,
                asked.password,
                mark=access.mark_of(request),
                replaces=access.digest_in(request),
            )
        access.give(response, signed)
        return _view(signed)

    @router.get("/session")
    async def read(request: Request, person: SignedInPerson) -> SessionView:
        """Who one is, what one may do, and the CSRF token."""
        del person
        session = session_of(request)
        return SessionView(
            csrf=session.csrf,
            person=view_person(session.account),
            must_change_password=session.account.must_change_password and session.provider is None,
        )

    @router.delete("/session", status_code=204)
    async def end(request: Request, response: Response, person: SignedInPerson) -> None:
        """Sign out."""
        del person
        await sign_in.sign_out(session_of(request))
        access.take(response)

    @router.post("/session/password")
    async def change_password(
        request: Request,
        response: Response,
        person: SignedInPerson,
        asked: Annotated[PasswordRequest, Depends(json_body(PasswordRequest))],
    ) -> SessionView:
        """Choose another password. All sessions of the account end; the answer sets the cookie of a new one.

        When `old` is wrong the answer is 403; after many such, 429 with the time to wait.
        """
        del person
        with told_as_problems():
            try:
                signed = await sign_in.change_password(session_of(request), asked.old, asked.new)
            except RefusedError as error:
                fault: FieldFault = {"field": "old", "message": str(error)}
                raise ProblemError(403, "Wrong password", "See errors.", errors=[fault]) from None
        access.give(response, signed)
        return _view(signed)

    return router


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise as `ProblemError` what signing in raises: 401, 422 for a new password, 429 and 503 with the time to wait."""
    try:
        yield
    except RefusedError:
        raise ProblemError(
            401,
            "Sign-in refused",
            "Login and password do not fit.",
            headers={"WWW-Authenticate": 'Cookie realm="tierdesk"'},
        ) from None
    except PasswordError as error:
        fault: FieldFault = {"field": "new", "message": str(error)}
        raise ProblemError(422, "Invalid request", "See errors.", errors=[fault]) from None
    except TooManyError as error:
        wait = {"Retry-After": str(max(1, math.ceil(error.retry_seconds)))}
        raise ProblemError(429, "Too many wrong passwords", "Wait, then try again.", headers=wait) from None
    except HashingBusyError:
        raise ProblemError(
            503, "Overloaded", "Too many sign in at this moment.", headers={"Retry-After": "1"}
        ) from None


def _view(signed: SignedIn) -> SessionView:
    return SessionView(
        csrf=signed.csrf,
        person=view_person(signed.account),
        must_change_password=signed.account.must_change_password,
    )
