"""Following own requests: the list, the page of one, and what its requester says, attaches, confirms or rates."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tierdesk_desk.board import NotFoundError
from tierdesk_desk.console.forms import FormError, read_filled
from tierdesk_desk.console.neighbours import UnavailableError
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.domain.ratings import HIGHEST, LONGEST_COMMENT, NotRatedError
from tierdesk_desk.feed import of_own_requests
from tierdesk_desk.http.stream import answer_stream
from tierdesk_desk.portal.forms import check_key, check_lengths, read_facts
from tierdesk_desk.portal.request_page import RequestPage
from tierdesk_desk.portal.views import view_line
from tierdesk_desk.portal.visiting import HOME, Portal, path_of
from tierdesk_desk.store.requests import Cursor
from tierdesk_runtime.problems import ProblemError

LIST: Final = f"{HOME}/requests"
ONE: Final = f"{LIST}/{{ticket}}"
_CURSOR: Final = re.compile(r"([0-9]{1,17})~([0-9a-f-]{36})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def following_routes(portal: Portal) -> APIRouter:
    """The pages. A request of anybody else is answered as one that there is not."""
    router = portal.router()
    pages = _FollowingPages(portal)
    router.add_api_route(LIST, pages.read_list, methods=["GET"])
    router.add_api_route(f"{HOME}/changes", pages.follow_all, methods=["GET"])
    router.add_api_route(ONE, pages.read, methods=["GET"])
    router.add_api_route(f"{ONE}/changes", pages.follow_one, methods=["GET"])
    router.add_api_route(f"{ONE}/files/{{file_id}}", pages.read_file, methods=["GET"])
    router.add_api_route(f"{ONE}/rating", pages.rate, methods=["POST"])
    for action in ("facts", "confirm", "reopen", "cancel"):
        router.add_api_route(f"{ONE}/{action}", getattr(pages, action), methods=["POST"])
    return router


class _FollowingPages:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._page = RequestPage(portal)

    async def read_list(self, request: Request, after: str = "", *, over: bool = False) -> Response:
        visit, person, _ = await self._portal.enter(request)
        found, following = await self._portal.requests.page(person, over=over, after=read_cursor(after))
        return self._portal.page(
            visit,
            "requests.html",
            requests=[view_line(one) for one in found],
            over=over,
            following=None if following is None else write_cursor(following),
            is_first=not after,
        )

    async def follow_all(self, request: Request) -> Response:
        _, person, _ = await self._portal.enter(request)
        access = self._portal.console.access
        own = of_own_requests(person.tenant, party=person.party)
        return answer_stream(self._portal.feed, own, lambda: access.still_signed_in(person))

    async def follow_one(self, request: Request, ticket: UUID) -> Response:
        follower = await self._portal.follow(request, str(ticket))

        async def may_go_on() -> bool:
            if follower.guest is not None:
                return await self._portal.links.is_still_here(follower.guest)
            return await self._portal.console.access.still_signed_in(follower.person)

        return answer_stream(self._portal.feed, self._portal.reader(follower), may_go_on)

    async def read(self, request: Request, ticket: UUID) -> Response:
        return await self._page.show(await self._portal.follow(request, str(ticket)))

    async def read_file(self, request: Request, ticket: UUID, file_id: str) -> Response:
        follower = await self._portal.follow(request, str(ticket))
        if (await self._portal.requests.tell(follower.request)).file(file_id) is None:
            raise NotFoundError
        try:
            opened = await self._portal.others.open_file(follower.visit, file_id)
        except UnavailableError:
            raise ProblemError(503, headers={"Retry-After": "2"}) from None
        if opened is None:
            raise NotFoundError
        headers, content = opened
        return StreamingResponse(content, headers=dict(headers))

    async def facts(self, request: Request, ticket: UUID) -> Response:
        follower = await self._portal.follow(request, str(ticket))
        filled = read_filled(await request.form())
        try:
            event = read_facts(filled, follower.policy)
        except FormError as error:
            return await self._page.show(follower, filled, action="facts", status=422, faults=error.faults)
        return await self._page.tell(follower, filled, event, "facts", "sent")

    async def confirm(self, request: Request, ticket: UUID) -> Response:
        return await self._say(request, ticket, "confirm", "confirmed", "comment", "confirmed")

    async def reopen(self, request: Request, ticket: UUID) -> Response:
        return await self._say(request, ticket, "reopen", "reopened", "reason", "request_reopened", must=True)

    async def cancel(self, request: Request, ticket: UUID) -> Response:
        return await self._say(request, ticket, "cancel", "cancelled", "reason", "request_cancelled")

    async def rate(self, request: Request, ticket: UUID) -> Response:
        follower = await self._portal.follow(request, str(ticket))
        filled = read_filled(await request.form())
        faults = check_lengths(filled, ("comment",))
        if len(filled["comment"]) > LONGEST_COMMENT:
            faults["comment"] = "too_long"
        if filled["score"] not in {str(score) for score in range(1, HIGHEST + 1)}:
            faults["score"] = "score"
        if faults:
            return await self._page.show(follower, filled, action="rating", status=422, faults=faults)
        try:
            await self._portal.requests.rate(follower.request, score=int(filled["score"]), comment=filled["comment"])
        except NotRatedError:
            return await self._page.show(follower, filled, action="rating", status=409, trouble="too_late")
        return redirect(follower.visit, path_of(str(ticket)), Flash("rated"))

    async def _say(
        self, request: Request, ticket: UUID, action: str, kind: str, name: str, done: str, *, must: bool = False
    ) -> Response:
        """An event with one text, which it may need."""
        follower = await self._portal.follow(request, str(ticket))
        filled = read_filled(await request.form())
        faults = check_key(filled) | check_lengths(filled, (name,))
        if must and not filled[name]:
            faults[name] = "required"
        if faults:
            return await self._page.show(follower, filled, action=action, status=422, faults=faults)
        event = {"type": kind, **({name: filled[name]} if filled[name] else {})}
        return await self._page.tell(follower, filled, event, action, done)


def write_cursor(cursor: Cursor) -> str:
    """Where a page begins, for an address."""
    opened_at, ticket = cursor
    return f"{(opened_at - _EPOCH) // timedelta(microseconds=1)}~{ticket}"


def read_cursor(text: str) -> Cursor | None:
    """What `write_cursor` wrote; None for nothing. Raises `ProblemError` 404."""
    if not text:
        return None
    found = _CURSOR.fullmatch(text)
    try:
        assert found is not None
        return _EPOCH + timedelta(microseconds=int(found[1])), found[2]
    except (AssertionError, OverflowError):
        raise ProblemError(404) from None
