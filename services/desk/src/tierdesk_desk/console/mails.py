"""Mails that failed, wait, or were not sent: for those who keep the desk running."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.mailing import State
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.outgoing import MailStateError, Outgoing, UnknownMailError
from tierdesk_runtime.problems import ProblemError

PAGE: Final = 50


def mail_page_routes(console: Console, outgoing: Outgoing, *, has_server: bool) -> APIRouter:
    """The page, and what its buttons do."""
    router = console.router()

    @router.get("/mails")
    async def mails(request: Request, state: State = State.FAILED, before: UUID | None = None) -> Response:
        visit, person, _ = await console.enter(request, Verb.KEEP_MAILS)
        found = await outgoing.page(person.tenant, state, before=before, limit=PAGE + 1)
        return console.renderer.page(
            visit,
            "mails.html",
            states=tuple(State),
            state=state,
            mails=found[:PAGE],
            following=found[PAGE - 1].id if len(found) > PAGE else None,
            first_page=before is None,
            has_server=has_server,
        )

    @router.post("/mails/{mail_id}/retry")
    async def retry(request: Request, mail_id: UUID) -> Response:
        return await _do(request, mail_id, is_retry=True)

    @router.post("/mails/{mail_id}/discard")
    async def discard(request: Request, mail_id: UUID) -> Response:
        return await _do(request, mail_id, is_retry=False)

    async def _do(request: Request, mail_id: UUID, *, is_retry: bool) -> Response:
        visit, person, _ = await console.enter(request, Verb.KEEP_MAILS)
        step, word = (outgoing.retry, "mail_retried") if is_retry else (outgoing.discard, "mail_discarded")
        try:
            await step(person.tenant, mail_id, by=f"person:{person.name}")
        except UnknownMailError:
            raise ProblemError(404) from None
        except MailStateError:
            word = "mail_moved"
        return redirect(visit, "/mails", Flash(word))

    return router
