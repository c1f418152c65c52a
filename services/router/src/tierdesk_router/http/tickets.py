"""`/v1/tickets`: what agents, portals and the command line read of tickets."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, WithJsonSchema

from tierdesk_contracts.vocabulary import Identifier, Status
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.store.reading import Cursor, count_tickets, list_tickets, read_log, read_ticket
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("tickets:read"))]


After = Annotated[
    Annotated[str, Field(max_length=200, json_schema_extra={"format": "cursor"})] | None,
    Query(description="`next` of the page before."),
]
_PLACE = "Where it stands. A closed ticket stands nowhere: give `status` too for those that ended there."
_STATUSES = [status.value for status in Status if status is not Status.UNKNOWN]
KnownStatus = Annotated[Status, WithJsonSchema({"type": "string", "enum": _STATUSES})]


class TicketPage(BaseModel):
    """Tickets, the newest first; `next` is the `after` of the next page, absent on the last."""

    tickets: list[Ticket]
    next: str | None = None


class TicketStory(BaseModel):
    """A ticket and its whole log."""

    ticket: Ticket
    log: Annotated[list[dict[str, Any]], Field(description="Its events, as in `ticket.changed.v1`.")]


class TicketCount(BaseModel):
    """How many open tickets stand where."""

    status: str
    tier: str | None
    number: int


def tickets_router(database: Database) -> APIRouter:
    """The routes, on this database."""
    router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

    @router.get("", summary="List tickets, the newest first")
    async def list_(
        who: Reader,
        status: KnownStatus | None = None,
        tier: Annotated[Identifier | None, Query(description=_PLACE)] = None,
        group: Annotated[Identifier | None, Query(description=_PLACE)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        after: After = None,
    ) -> TicketPage:
        if status is Status.UNKNOWN:
            raise _invalid("status", f"one of {', '.join(_STATUSES)} is expected")
        cursor = None if after is None else _read_cursor(after)
        async with database.read() as connection:
            found = await list_tickets(
                connection, who.tenant, limit=limit + 1, status=status, tier=tier, group=group, after=cursor
            )
        more = len(found) > limit
        return TicketPage(tickets=found[:limit], next=_write_cursor(found[limit - 1]) if more else None)

    @router.get("/summary", summary="Count open tickets by status and tier")
    async def summary(who: Reader) -> list[TicketCount]:
        async with database.read() as connection:
            counts = await count_tickets(connection, who.tenant)
        return [TicketCount(status=status, tier=tier, number=number) for status, tier, number in counts]

    @router.get("/{ticket}", summary="A ticket with its whole log")
    async def show(who: Reader, ticket: str) -> TicketStory:
        async with database.read() as connection:
            found = None if "\x00" in ticket else await read_ticket(connection, who.tenant, ticket)
            if found is None:
                raise unknown_ticket()
            return TicketStory(ticket=found, log=await read_log(connection, found))

    return router


def unknown_ticket() -> ProblemError:
    """Answered alike for a ticket of another tenant and for one that does not exist."""
    return ProblemError(404, "No such ticket", "Give a ticket's identifier, or its reference as TD-….")


def _write_cursor(ticket: Ticket) -> str:
    return base64.urlsafe_b64encode(f"{ticket.opened_at.isoformat()} {ticket.id}".encode()).decode()


def _read_cursor(after: str) -> Cursor:
    try:
        at, _, ticket_id = base64.urlsafe_b64decode(after.encode()).decode().partition(" ")
        return Cursor(datetime.fromisoformat(at).astimezone(UTC), UUID(ticket_id))
    except (ValueError, OverflowError) as error:
        raise _invalid("after", "not a cursor: use `next` of the page before") from error


def _invalid(field: str, message: str) -> ProblemError:
    fault: FieldFault = {"field": field, "message": message}
    return ProblemError(422, "Invalid request", "See errors.", errors=[fault])
