"""Who looks at the portal: somebody with an account, or somebody who came by a link and sees one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from tierdesk_desk.board import NotFoundError
from tierdesk_desk.console.neighbours import Opened
from tierdesk_desk.console.rendering import Renderer, Visit
from tierdesk_desk.console.visiting import Console, page_router, wants_page
from tierdesk_desk.domain.days import zone_of
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.requests import Request
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.feed import Feed, Reader, of_own_requests
from tierdesk_desk.http.access import check_csrf, page_for, session_of
from tierdesk_desk.links import Arrival, Links
from tierdesk_desk.portal.others import Others
from tierdesk_desk.requests import Requests
from tierdesk_desk.store.links import STAY, Guest
from tierdesk_policy import Policy
from tierdesk_runtime.keys import Principal
from tierdesk_runtime.problems import ProblemError, problem_response
from tierdesk_store import DatabaseUnavailableError

HOME: Final = "/portal"
_SAFE: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody at their own request. `guest` came by a link; `csrf` is what their forms need."""

    visit: Visit
    person: Person
    policy: Policy
    request: Request
    csrf: str
    guest: Guest | None = None


@dataclass(frozen=True, slots=True)
class Portal:
    """What the portal's pages are made from. `settling_seconds` is how long a page waits to see what was just sent."""

    console: Console
    requests: Requests
    links: Links
    others: Others
    feed: Feed
    default_tenant: str
    settling_seconds: float = 1.5

    @property
    def renderer(self) -> Renderer:
        """Makes the pages."""
        return self.console.renderer

    @property
    def guest_cookie(self) -> str:
        """Where the browser of who came by a link has its token."""
        return f"{self.console.access.session_cookie}-link"

    async def enter(
        self, request: HttpRequest, verb: Verb = Verb.ASK, *, reads_form: bool = True
    ) -> tuple[Visit, Person, Policy]:
        """Who looks, by their account.

        Raises `ProblemError`: 303 to where people sign in, or to their request for who came by a link, 403 without this verb or
        for a form that is not from here, 503 while no policy is known.
        """
        try:
            person = await page_for(verb, reads_form=reads_form)(request)
        except ProblemError as error:
            guest = await self.guest(request) if error.status == 303 else None
            if guest is None:
                raise
            raise ProblemError(303, headers={"Location": path_of(guest.ticket)}) from None
        policy = await self._policy(person.tenant)
        return self.console.visit(request, person, session_of(request).csrf, zone_of(policy)), person, policy

    async def follow(self, request: HttpRequest, ticket: str, *, reads_form: bool = True) -> Follower:
        """Somebody at a request of their own. As `enter`; raises `NotFoundError` for any other request, whoever's it is."""
        guest = await self.guest(request)
        if guest is not None and guest.ticket == ticket:
            return await self._admit(request, guest, reads_form=reads_form)
        try:
            visit, person, policy = await self.enter(request, reads_form=reads_form)
        except ProblemError as error:
            if guest is not None and error.status == 303:
                raise NotFoundError from None
            raise
        found = await self.requests.find(person.tenant, ticket, party=person.party)
        return Follower(visit, person, policy, found, visit.csrf)

    async def guest(self, request: HttpRequest) -> Guest | None:
        """Who came by a link with this browser."""
        return await self.links.find_guest(request.cookies.get(self.guest_cookie, ""))

    def give(self, response: Response, arrival: Arrival) -> None:
        """Set the cookie of somebody who came by a link."""
        self._set(response, arrival.token, int(STAY.total_seconds()))

    def take(self, response: Response) -> None:
        """Have the browser forget that somebody came by a link."""
        self._set(response, "", 0)

    async def settle(self, follower: Follower, event: dict[str, Any], key: str) -> Opened:
        """Tell intake of something, and wait a moment until the request shows it: who has no script sees it at once then.

        Raises as `Others.tell`.
        """
        with self.feed.subscribe(self.reader(follower)) as subscription:
            opened = await self.others.tell(
                follower.visit, follower.person, {**event, "ticket": follower.request.ticket}, key
            )
            if self.settling_seconds:
                await subscription.take(timeout_seconds=self.settling_seconds)
        return opened

    def reader(self, follower: Follower) -> Reader:
        """Who sees the changes of this request, as its requester's."""
        found = follower.request
        return of_own_requests(found.tenant, party=found.party, ticket=found.ticket)

    def page(self, visit: Visit, template: str, *, guest: Guest | None = None, **values: Any) -> Response:
        """A page of the portal."""
        return self.renderer.page(visit, f"portal/{template}", guest=guest, **values)

    def router(self) -> APIRouter:
        """A router for pages: whatever goes wrong in one of them is told on a page of the portal."""
        return page_router(self.tell)

    async def tell(self, request: HttpRequest, problem: ProblemError) -> Response:
        """The page of an error, or the problem itself for whoever wants no page."""
        request_id = request.scope.get("tierdesk.request_id")
        if not wants_page(request):
            return problem_response(problem, request_id=request_id)
        guest = None
        try:
            visit = await self.console.greet(request)
            guest = await self.guest(request) if visit.person is None else None
        except DatabaseUnavailableError:
            visit = self.console.visit(request)
        return self.page(
            visit,
            "error.html",
            guest=guest,
            status=problem.status,
            headers=problem.headers,
            problem=problem,
            request_id=request_id,
        )

    async def _admit(self, request: HttpRequest, guest: Guest, *, reads_form: bool) -> Follower:
        request.scope["tierdesk.principal"] = Principal(str(guest.id), guest.tenant, frozenset(), "")
        if request.method not in _SAFE:
            self.console.access.check_origin(request)
            if reads_form:
                await check_csrf(request, guest.csrf)
        found = await self.requests.find(guest.tenant, guest.ticket, party=None)
        person = Person(guest.tenant, guest.id, "link", "", party=found.party or "", session=guest.digest)
        policy = await self._policy(guest.tenant)
        visit = self.console.visit(request, person, guest.csrf, zone_of(policy))
        return Follower(visit, person, policy, found, guest.csrf, guest)

    async def _policy(self, tenant: str) -> Policy:
        policy = await self.console.board.policy(tenant)
        if policy is None:
            raise ProblemError(503, "Starting", "The desk has not heard of a policy yet.", headers={"Retry-After": "2"})
        return policy

    def _set(self, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self.guest_cookie,
            value,
            max_age=seconds,
            path="/",
            secure=self.console.access.is_secure,
            httponly=True,
            samesite="lax",
        )


def path_of(ticket: str) -> str:
    """The page of a request."""
    return f"{HOME}/requests/{ticket}"
