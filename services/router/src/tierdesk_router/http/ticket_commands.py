"""`/v1/tickets/{ticket}/…`: what people ask of a ticket by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Identifier, Level, Line, Name, Text
from tierdesk_router.domain.chains import NothingEscalatesError
from tierdesk_router.domain.merging import MergeError
from tierdesk_router.domain.splitting import Part, SplitError
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.http.tickets import unknown_ticket
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import FieldFault, ProblemError

Writer = Annotated[Principal, Depends(require("tickets:write"))]


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


class MergeRequest(BaseModel):
    """Which ticket it goes on in."""

    model_config = ConfigDict(extra="forbid")

    into: Annotated[Name, Field(description="Identifier or reference of the ticket in which it goes on.")]
    reason: Text = ""


class SplitRequest(BaseModel):
    """The matter that becomes a ticket of its own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Line
    text: Text = ""
    category: Annotated[Identifier | None, Field(description="Without it, the default of the policy in force.")] = None
    location: Annotated[Name | None, Field(description="Without it, as on the ticket that is split.")] = None
    asset: Annotated[Name | None, Field(description="Without it, as on the ticket that is split.")] = None
    affected: Text | None = None
    department: Identifier | None = None
    impact: Level | None = None
    urgency: Level | None = None
    with_steps: Annotated[bool, Field(description="Whether the steps tried so far count for it too.")] = True
    reason: Text = ""


class Commands(Protocol):
    """What carries the commands out, in the name of `by`; see `tierdesk_router.handlers.ticket_commands`."""

    async def acknowledge(self, tenant: str, name: str, *, by: str, note: str) -> Ticket | None:
        """The ticket after it, None without one. Raises `NothingEscalatesError`."""
        ...

    async def merge(self, tenant: str, name: str, into: str, *, by: str, reason: str) -> tuple[Ticket | None, bool]:
        """The ended ticket, None without one, and whether there is the other. Raises `MergeError`."""
        ...

    async def split(self, tenant: str, name: str, part: Part, *, by: str, reason: str) -> tuple[Ticket | None, bool]:
        """The new ticket, None without one to split, and whether it is new. Raises `SplitError`."""
        ...


def ticket_commands_router(commands: Commands) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

    @router.post("/{ticket}/acknowledgement", summary="Take notice of a ticket that escalates, which stops that")
    async def acknowledge_one(
        who: Writer, ticket: str, said: Annotated[Acknowledging, Depends(json_body(Acknowledging))]
    ) -> AcknowledgementAnswer:
        """Said again by the same key in the same words it answers the same; 409 when nothing escalates."""
        try:
            found = await commands.acknowledge(who.tenant, _known(ticket), by=_name(who), note=said.note)
        except NothingEscalatesError as error:
            raise ProblemError(409, "Nothing to acknowledge", f"{error}.") from error
        if found is None:
            raise unknown_ticket()
        taken = found.acknowledgement
        assert taken is not None
        return AcknowledgementAnswer(
            reference=found.reference, by=taken.by, at=taken.at, note=taken.note, escalations=list(taken.escalations)
        )

    @router.post(
        "/{ticket}/merge",
        summary="Let a ticket go on in another",
        description="Its work is withdrawn, and what is said of it later is told on the other. Done again it changes nothing.",
    )
    async def merge(
        who: Writer, ticket: str, asked: Annotated[MergeRequest, Depends(json_body(MergeRequest))]
    ) -> Ticket:
        try:
            ended, has_target = await commands.merge(
                who.tenant, _known(ticket), asked.into, by=_name(who), reason=asked.reason
            )
        except MergeError as error:
            raise ProblemError(409, "Cannot be merged", f"{error}.") from error
        if ended is None:
            raise unknown_ticket()
        if not has_target:
            fault: FieldFault = {"field": "into", "message": "there is no such ticket"}
            raise ProblemError(404, "No such ticket", "There is nothing to go on in.", errors=[fault])
        return ended

    _add_splitting(router, commands)
    return router


def _add_splitting(router: APIRouter, commands: Commands) -> None:
    @router.post(
        "/{ticket}/split",
        status_code=201,
        responses={200: {"model": Ticket, "description": "It was split off before."}},
        summary="Open a ticket of its own for a part of another",
        description=(
            "It is triaged as any new one and has clocks of its own; the other keeps its owner and its clocks. Asked again "
            "for the same title and text it answers the same ticket, with 200."
        ),
    )
    async def split(
        who: Writer, ticket: str, asked: Annotated[SplitRequest, Depends(json_body(SplitRequest))], response: Response
    ) -> Ticket:
        part = Part(**asked.model_dump(exclude={"reason"}))
        try:
            opened, is_new = await commands.split(who.tenant, _known(ticket), part, by=_name(who), reason=asked.reason)
        except SplitError as error:
            faults: list[FieldFault] = [{"field": error.field, "message": str(error)}] if error.field else []
            raise ProblemError(409, "Cannot be split", f"{error}.", errors=faults) from error
        if opened is None:
            raise unknown_ticket()
        response.status_code = 201 if is_new else 200
        response.headers["Location"] = f"/v1/tickets/{opened.id}"
        return opened


def _known(name: str) -> str:
    """The name of a ticket, as PostgreSQL can be asked for it. Raises `ProblemError` 404."""
    if "\x00" in name:
        raise unknown_ticket()
    return name


def _name(who: Principal) -> str:
    return who.label or who.key_id
