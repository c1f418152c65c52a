"""Who asks: the person of a session, for endpoints and for pages.

The browser has the session's token in a cookie: `__Host-tierdesk` where people reach the desk by https, else `tierdesk`. What
changes anything needs the session's CSRF token too, which only pages of this desk can read, and must not come from another
origin where the browser tells one.
"""

from __future__ import annotations

import asyncio
import hmac
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from starlette.responses import Response

from tierdesk_desk.domain.accounts import Account
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows
from tierdesk_desk.signing_in import SignedIn, digest_of
from tierdesk_desk.store.sessions import LONGEST, Session, find_session, note_page, note_use
from tierdesk_runtime.keys import Principal
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database

SIGN_IN_PATH: Final = "/login"
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_MARK_SECONDS: Final = 180 * 24 * 3600
_LONGEST_COOKIE: Final = 300
LOOKS_AT_ONCE: Final = 4
"""So many sessions are looked up at a time: when all pages come back at once, others need connections too."""


class Access:
    """Finds the session of a request, and gives and takes cookies. `public_url` is where people reach the desk."""

    def __init__(self, database: Database, *, public_url: str | None = None) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(LOOKS_AT_ONCE)
        parts = None if public_url is None else urlsplit(public_url)
        self.public_url = public_url
        self._origin = None if parts is None else f"{parts.scheme}://{parts.netloc}".lower()
        self.is_secure = parts is not None and parts.scheme == "https"
        prefix = "__Host-" if self.is_secure else ""
        self.session_cookie = f"{prefix}tierdesk"
        self.mark_cookie = f"{prefix}tierdesk-browser"

    def install(self, app: FastAPI) -> None:
        """Let `signed_in` find it: call it once for the application."""
        app.state.access = self

    async def find(self, request: Request) -> Session | None:
        """The session of this request; None without one that is good. Notes each minute that it is used."""
        token = request.cookies.get(self.session_cookie, "")
        if not token or len(token) > _LONGEST_COOKIE:
            return None
        async with self._turns:
            async with self._database.read() as connection:
                session = await find_session(connection, digest_of(token))
            if session is not None and not session.is_seen:
                async with self._database.transaction() as tx:
                    await note_use(tx.connection, session.digest)
        return session

    async def still_signed_in(self, person: Person) -> bool:
        """Whether the session in which this person came is good yet, and grants the same: for answers that take long.

        Notes each minute that a page is open.
        """
        async with self._turns:
            async with self._database.read() as connection:
                session = await find_session(connection, person.session)
            if session is not None and not session.is_heard:
                async with self._database.transaction() as tx:
                    await note_page(tx.connection, session.digest)
        return (
            session is not None
            and session.account.grants == person.grants
            and (session.account.party or session.account.name) == person.party
        )

    def mark_of(self, request: Request) -> str:
        """What tells that somebody signed in with this browser before; empty when nothing does."""
        return request.cookies.get(self.mark_cookie, "")[:_LONGEST_COOKIE]

    def digest_in(self, request: Request) -> str | None:
        """The digest of the session's token that the request has, good or not."""
        token = request.cookies.get(self.session_cookie)
        return None if token is None else digest_of(token[:_LONGEST_COOKIE])

    def give(self, response: Response, signed_in: SignedIn) -> None:
        """Set the cookies of a session that began."""
        self._set(response, self.session_cookie, signed_in.token, int(LONGEST.total_seconds()))
        self._set(response, self.mark_cookie, signed_in.mark, _MARK_SECONDS)

    def take(self, response: Response) -> None:
        """Have the browser forget the session; that somebody signed in with it before it keeps."""
        self._set(response, self.session_cookie, "", 0)

    def check_origin(self, request: Request) -> None:
        """Refuse what comes from a page of another origin, where the browser tells. Raises `ProblemError` 403.

        `Sec-Fetch-Site` decides where it is sent: a page that sends no referrer has `Origin: null` even for its own desk.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            if site not in {"same-origin", "none"}:
                raise _foreign()
            return
        origin = request.headers.get("origin")
        if origin is None:
            return
        if self._origin is not None:
            is_own = origin.lower() == self._origin
        else:
            is_own = urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""
        if not is_own:
            raise _foreign()

    def _set(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )


class SessionCheck(SecurityBase):
    """What `signed_in` and `page_for` make: FastAPI sees a cookie in it and puts that into the OpenAPI document."""

    def __init__(self, verbs: tuple[Verb, ...], *, is_page: bool, before_change: bool, reads_form: bool = True) -> None:
        self.model = APIKey.model_validate(
            {"in": APIKeyIn.cookie, "name": "tierdesk", "description": "A session: `POST /v1/desk/sessions`."}
        )
        self.scheme_name = "session"
        self._verbs = verbs
        self._is_page = is_page
        self._before_change = before_change
        self._reads_form = reads_form

    async def __call__(self, request: Request) -> Person:
        """The person. Raises `ProblemError` 401 or 403; for a page 303 to where people sign in."""
        access: Access = request.app.state.access
        session = await access.find(request)
        if session is None:
            raise _to_sign_in(request) if self._is_page else _unknown()
        account = session.account
        request.scope["tierdesk.session"] = session
        request.scope["tierdesk.principal"] = Principal(str(account.id), account.tenant, frozenset(), "")
        if request.method not in _SAFE:
            access.check_origin(request)
            if self._reads_form:
                await check_csrf(request, session.csrf)
        # Whoever comes from a provider needs no password.
        if account.must_change_password and session.provider is None and not self._before_change:
            raise ProblemError(
                403, "Password change needed", "Choose a password of your own first: POST /v1/desk/session/password"
            )
        missing = [verb.value for verb in self._verbs if not allows(account.grants, verb)]
        if missing:
            raise ProblemError(403, "Not granted", f"Your account lacks: {', '.join(missing)}")
        return person_of(session)


def signed_in(*verbs: Verb, before_change: bool = False) -> SessionCheck:
    """A dependency that answers the `Person` who asks, if all these verbs are granted to them somewhere.

    `person: Annotated[Person, Depends(signed_in(Verb.WORK))]`. Where they are granted is the endpoint's to look at. Raises
    `ProblemError` 401 without a session, 403 without a verb or the CSRF token, from another origin, and for who has to
    choose a password first, unless `before_change`.
    """
    return SessionCheck(verbs, is_page=False, before_change=before_change)


def page_for(*verbs: Verb, before_change: bool = False, reads_form: bool = True) -> SessionCheck:
    """As `signed_in`, for a page: who is not signed in is sent to where people sign in, and back from there.

    Without `reads_form` the form is left to the page, which has to `compare_csrf` itself: one with files is read as it comes.
    """
    return SessionCheck(verbs, is_page=True, before_change=before_change, reads_form=reads_form)


def session_of(request: Request) -> Session:
    """The session that `signed_in` or `page_for` found: with the CSRF token that forms of this page need."""
    session: Session = request.scope["tierdesk.session"]
    return session


def person_of(session: Session) -> Person:
    """Whom these credentials stand for."""
    account: Account = session.account
    return Person(
        tenant=account.tenant,
        account_id=account.id,
        name=account.name,
        display_name=account.display_name,
        grants=account.grants,
        skills=account.skills,
        capacity=account.capacity,
        party=account.party or account.name,
        session=session.digest,
    )


def way_back(text: str | None) -> str:
    """Where to go after signing in: a path of this desk, else the first page. Never another site."""
    is_path = text is not None and text.startswith("/") and not text.startswith("//")
    return text if is_path and text is not None and text.isprintable() and "\\" not in text else "/"


async def check_csrf(request: Request, csrf: str) -> None:
    """Compare what the request gives in its header, or else in its form, with this token. Raises `ProblemError` 403."""
    given: object = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").lower().startswith(_FORMS):
        given = (await request.form()).get(CSRF_FIELD)
    compare_csrf(given, csrf)


def compare_csrf(given: object, csrf: str) -> None:
    """Raises `ProblemError` 403 for what is not this token."""
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), csrf.encode()):
        raise ProblemError(
            403,
            "CSRF token missing",
            f"Send the session's token in X-CSRF-Token, or in the field {CSRF_FIELD} of a form.",
        )


def _to_sign_in(request: Request) -> ProblemError:
    """Where people sign in, and come back from: to the page, or to the one on which a form stood."""
    if request.method in _SAFE:
        query = f"?{request.url.query}" if request.url.query else ""
        return ProblemError(
            303, headers={"Location": f"{SIGN_IN_PATH}?next={quote(f'{request.url.path}{query}', safe='/')}"}
        )
    page = urlsplit(request.headers.get("referer", ""))
    is_own = page.netloc.lower() == request.headers.get("host", "").lower() != ""
    back = f"{page.path}?{page.query}" if page.query else page.path
    location = f"{SIGN_IN_PATH}?next={quote(way_back(back if is_own else None), safe='/')}&ended=1"
    return ProblemError(303, headers={"Location": location})


def _unknown() -> ProblemError:
    return ProblemError(
        401,
        "Not signed in",
        "Sign in: POST /v1/desk/sessions",
        headers={"WWW-Authenticate": 'Cookie realm="tierdesk"'},
    )


def _foreign() -> ProblemError:
    return ProblemError(403, "Foreign origin", "The request comes from a page of another site.")
