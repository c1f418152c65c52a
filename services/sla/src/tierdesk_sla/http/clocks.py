"""`/v1/clocks`: the clocks of a ticket, and how promises were kept."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Response

from tierdesk_runtime.clock import Clock
from tierdesk_runtime.http import Principal, require
from tierdesk_sla.domain.account import Account
from tierdesk_sla.domain.picture import draw
from tierdesk_sla.http.accounts import read_account
from tierdesk_sla.http.explanations import ExplanationView, view_explanation
from tierdesk_sla.http.views import SummaryView, TicketClocksView, view_clocks, view_summary
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.timelines import count_clocks
from tierdesk_store import Database

SVG: Final = "image/svg+xml"
_HARMLESS: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""Whatever a picture holds, it runs nothing and loads nothing."""


class Picture(Response):
    """An SVG document."""

    media_type = SVG


Reader = Annotated[Principal, Depends(require("clocks:read"))]
TicketName = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,100}$", description="The ticket's identifier or reference.")]


def clock_routes(database: Database, clock: Clock, shelf: PolicyShelf) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone."""
    router = APIRouter(prefix="/v1/clocks", tags=["clocks"])

    @router.get("/summary")
    async def summary(principal: Reader) -> SummaryView:
        """How many promises were kept and broken, by kind. Reads every clock of the tenant."""
        async with database.read() as connection:
            return view_summary(await count_clocks(connection, principal.tenant))

    async def account_of(ticket: str, principal: Principal) -> Account:
        return await read_account(database, shelf, principal.tenant, ticket, clock.now())

    @router.get("/{ticket}")
    async def clocks(ticket: TicketName, principal: Reader) -> TicketClocksView:
        """The clocks of one ticket: what was promised, when it is due, what did not count, and what was said of it.

        And who had the ticket when, with what was used up of each clock meanwhile.
        """
        return view_clocks(await account_of(ticket, principal))

    @router.get("/{ticket}/explanation")
    async def explanation(ticket: TicketName, principal: Reader) -> ExplanationView:
        """Why each clock of a ticket is due when it is: each stretch that counts or not, by which rule. Also as text."""
        return view_explanation(await account_of(ticket, principal))

    @router.get(
        "/{ticket}/timeline.svg",
        response_class=Picture,
        responses={200: {"content": {SVG: {"schema": {"type": "string"}}}, "description": "The picture, as SVG."}},
    )
    async def timeline(ticket: TicketName, principal: Reader) -> Response:
        """The clocks of a ticket as a picture: who had it, what counted, pauses, closed hours, warnings and breaches."""
        return Picture(draw(await account_of(ticket, principal)), headers=_HARMLESS)

    return router
