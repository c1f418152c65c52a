"""Replying to a request, with files, which go on to intake as they come."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx2
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Filled
from tierdesk_desk.console.neighbours import UnavailableError
from tierdesk_desk.http.access import CSRF_FIELD, compare_csrf
from tierdesk_desk.portal.following import ONE
from tierdesk_desk.portal.forms import check_key, check_lengths
from tierdesk_desk.portal.request_page import RequestPage
from tierdesk_desk.portal.uploads import MOST_FILES, FormWithFiles
from tierdesk_desk.portal.visiting import Follower, Portal
from tierdesk_runtime.http import limit_body

_LONGEST_BYTES: Final = MOST_FILES * 12 * 1024 * 1024
"""What may come at once. How large one file may be is intake's to say; its largest by default is 10 MiB."""
_PATIENCE: Final = 8
_REFUSALS: Final[Mapping[int, str]] = {
    httpx2.codes.CONTENT_TOO_LARGE: "file_too_large",
    httpx2.codes.CONFLICT: "file_full",
    httpx2.codes.TOO_MANY_REQUESTS: "file_full",
}


def reply_routes(portal: Portal) -> APIRouter:
    """The form's address."""
    router = portal.router()
    router.add_api_route(f"{ONE}/reply", _ReplyPages(portal).reply, methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class _Sent:
    """The files that intake has; and what was wrong with the one after them, if anything was."""

    ids: tuple[str, ...]
    fault: str | None = None
    is_away: bool = False


class _ReplyPages:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._page = RequestPage(portal)

    async def reply(self, request: Request, ticket: UUID) -> Response:
        limit_body(request, _LONGEST_BYTES, patience=_PATIENCE)
        follower = await self._portal.follow(request, str(ticket), reads_form=False)
        form = FormWithFiles(request)
        fields = await form.fields()
        compare_csrf(fields.get(CSRF_FIELD), follower.csrf)
        filled = Filled({name: fields.get(name, "").replace("\r\n", "\n").strip() for name in ("text", "key")})
        faults = check_key(filled) | check_lengths(filled, ("text",))
        sent = _Sent(()) if faults else await self._send_files(follower, form, filled["key"])
        if sent.fault is not None:
            faults["files"] = sent.fault
        elif not faults and not sent.is_away and not filled["text"] and not sent.ids:
            faults["text"] = "answer"
        if faults:
            kept = "key" not in faults
            return await self._page.show(follower, filled, action="reply", status=422, faults=faults, kept=kept)
        if sent.is_away:
            return await self._page.show(follower, filled, action="reply", status=503, trouble="unavailable", kept=True)
        event: dict[str, Any] = {"type": "requester_replied", "text": filled["text"]}
        if sent.ids:
            event["attachments"] = list(sent.ids)
        return await self._page.tell(follower, filled, event, "reply", "sent")

    async def _send_files(self, follower: Follower, form: FormWithFiles, key: str) -> _Sent:
        """Hand the files on. At the first that is refused the others are passed over: sent again, each is there once."""
        ids: list[str] = []
        result: _Sent | None = None
        async for name, content in form.files():
            if result is not None:
                continue
            if len(ids) == MOST_FILES:
                result = _Sent(tuple(ids), "too_many_files")
                continue
            try:
                answer = await self._portal.others.attach(
                    follower.visit,
                    follower.person,
                    follower.request.ticket,
                    name,
                    content,
                    key=f"file-{len(ids)}-{hashlib.sha256(name.encode()).hexdigest()[:12]}-{key}",
                )
            except UnavailableError:
                result = _Sent(tuple(ids), is_away=True)
                continue
            if answer.is_done:
                ids.append(str(answer.body["id"]))
            else:
                result = _Sent(tuple(ids), _REFUSALS.get(answer.status, "file_refused"))
        return result or _Sent(tuple(ids))
