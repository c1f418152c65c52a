"""A ticket for somebody who calls or stands at the counter: the seven facts, taken in one form."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled, FormError, read_filled, read_opening
from tierdesk_desk.console.neighbours import RefusedError, UnavailableError
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb

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
        status: int = 200,
        faults: Faults | None = None,
        trouble: tuple[str, dict[str, str]] | None = None,
    ) -> Response:
        visit, _, policy = await console.enter(request, Verb.OPEN_TICKET)
        return console.renderer.page(
            visit,
            "open.html",
            status=status,
            filled=filled,
            faults=faults or {},
            trouble=trouble,
            categories=policy.categories,
            departments=policy.departments,
        )

    @router.get("/open")
    async def form(request: Request) -> Response:
        given = request.query_params
        values = {name: given[name][:200] for name in ("phone", "party", "name", "channel") if given.get(name)}
        return await show(request, Filled({"channel": "phone", **values, "key": secrets.token_urlsafe(16)}))

    @router.post("/open")
    async def open_ticket(request: Request) -> Response:
        visit, _, _ = await console.enter(request, Verb.OPEN_TICKET)
        filled = read_filled(await request.form())
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
        except UnavailableError:
            return await show(request, filled, status=503, trouble=("unavailable", {}))
        return redirect(visit, "/", Flash("opened", {"reference": opened.reference}))

    return router
