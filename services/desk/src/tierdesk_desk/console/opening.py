"""A ticket for somebody who calls or stands at the counter: the seven facts, taken in one form, with what may answer it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.callback_views import number_in
from tierdesk_desk.console.forms import Faults, Filled, FormError, read_filled, read_opening
from tierdesk_desk.console.matches import audiences_for, path_of_matches, question_of, view_matches
from tierdesk_desk.console.neighbours import KeyReusedError, RefusedError, UnavailableError
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.views import view_row
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb

COMMON: Final = 2
"""An open ticket with so many words of the form's is like it."""
LIMIT: Final = 5
_FIELDS: Final[Mapping[str, str]] = {
    "requester.party": "party",
    "requester.name": "name",
    "requester.email": "email",
    "requester.phone": "phone",
}
"""The fields of intake's event that have another name in the form."""


def opening_routes(console: Console) -> APIRouter:
    """The form. Its key makes one ticket of it, however often it is sent."""
    router = console.router()

    async def show(
        request: Request,
        filled: Filled,
        *,
        template: str = "open.html",
        status: int = 200,
        faults: Faults | None = None,
        trouble: tuple[str, dict[str, str]] | None = None,
    ) -> Response:
        visit, person, policy = await console.enter(request, Verb.OPEN_TICKET)
        called = filled["phone"] if filled["channel"] == "phone" and not faults else ""
        question = question_of(filled["title"], filled["text"])
        works = await console.board.find(person, question, common=COMMON, limit=LIMIT) if question else []
        paths = {"articles": path_of_matches(question, audiences_for(person, policy))} if question else {}
        answers = await console.neighbours.ask(visit, paths)
        return console.renderer.page(
            visit,
            template,
            status=status,
            filled=filled,
            faults=faults or {},
            trouble=trouble,
            categories=policy.categories,
            departments=policy.departments,
            callers=await console.callbacks.callers(person, called) if number_in(called) else (),
            question=question,
            alike=[view_row(work, policy, visit.now) for work in works],
            matches=view_matches(answers.found.get("articles")),
        )

    @router.get("/open")
    async def form(request: Request) -> Response:
        given = request.query_params
        values = {name: given[name][:200] for name in ("phone", "party", "name", "email", "channel") if given.get(name)}
        return await show(request, Filled({"channel": "phone", **values, "key": secrets.token_urlsafe(16)}))

    @router.post("/open/matches")
    async def look(request: Request) -> Response:
        await console.enter(request, Verb.OPEN_TICKET)
        return await show(request, read_filled(await request.form()), template="matches.html")

    @router.post("/open")
    async def open_ticket(request: Request) -> Response:
        visit, _, _ = await console.enter(request, Verb.OPEN_TICKET)
        filled = read_filled(await request.form())
        if filled["look"]:
            return await show(request, filled)
        try:
            event: dict[str, Any] = read_opening(filled)
            opened = await console.neighbours.open_ticket(visit, event, filled["key"])
        except FormError as error:
            return await show(request, filled, status=422, faults=error.faults)
        except RefusedError as error:
            faults = {
                _FIELDS.get(field, "step" if field.startswith("steps_tried") else field): "not_this"
                for field in error.faults
            }
            return await show(request, filled, status=422, faults=faults)
        except KeyReusedError:
            # The answer to this form was lost, and it was changed since: what it was then may be a ticket already.
            renewed = Filled({**filled.values, "key": secrets.token_urlsafe(16)}, filled.steps)
            return await show(request, renewed, status=409, trouble=("opened_perhaps", {}))
        except UnavailableError:
            return await show(request, filled, status=503, trouble=("unavailable", {}))
        return redirect(visit, "/", Flash("opened", {"reference": opened.reference}))

    return router
