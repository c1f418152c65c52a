"""`/v1/tickets`: what agents, portals and the command line read of tickets, and that somebody takes notice of one."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from tierdesk_contracts.vocabulary import Identifier, Status, Text
from tierdesk_router.domain.chains import NothingEscalatesError
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.store.reading import Cursor, count_tickets, list_tickets, read_log, read_ticket
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("tickets:read"))]
Writer = Annotated[Principal, Depends(require("tickets:write"))]


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


class Acknowledging(BaseModel):
    """That somebody has taken notice; who it is says the key."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[Text, Field(description="What they say to it.")] = ""


class AcknowledgementAnswer(BaseModel):
    """What was acknowledged, by whom and when, and which escalations that stopped."""

    reference: str
    by: str
    at: datetime
    note: str
    escalations: list[str]


class AcknowledgeTicket(Protocol):
    """Acknowledges a ticket of a tenant; None when there is no such. Raises `NothingEscalatesError`."""

    async def __call__(self, tenant: str, name: str, /, *, by: str, note: str) -> Ticket | None:
        """The ticket after it."""


def tickets_router(database: Database, acknowledge: AcknowledgeTicket) -> APIRouter:
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
                raise _unknown()
            return TicketStory(ticket=found, log=await read_log(connection, found))

    @router.post("/{ticket}/acknowledgement", summary="Take notice of a ticket that escalates, which stops that")
    async def acknowledge_one(
        who: Writer, ticket: str, said: Annotated[Acknowledging, Depends(json_body(Acknowledging))]
    ) -> AcknowledgementAnswer:
        """Said again by the same key in the same words it answers the same; 409 when nothing escalates."""
        by = who.label or who.key_id
        try:
            found = None if "\x00" in ticket else await acknowledge(who.tenant, ticket, by=by, note=said.note)
        except NothingEscalatesError as error:
            raise ProblemError(409, "Nothing to acknowledge", f"{error}.") from error
        if found is None:
            raise _unknown()
        taken = found.acknowledgement
        assert taken is not None
        return AcknowledgementAnswer(
            reference=found.reference, by=taken.by, at=taken.at, note=taken.note, escalations=list(taken.escalations)
        )

    return router


def _unknown() -> ProblemError:
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
