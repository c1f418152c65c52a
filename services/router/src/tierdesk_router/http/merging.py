"""`POST /v1/tickets/{ticket}/merge`: a ticket goes on in another."""

from __future__ import annotations

from typing import Annotated, Protocol
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Actor, ActorKind, Name, Text
from tierdesk_router.domain.merging import MergeError
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.store.reading import read_ticket
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database


class MergeRequest(BaseModel):
    """Which ticket it goes on in."""

    model_config = ConfigDict(extra="forbid")

    into: Annotated[Name, Field(description="Identifier or reference of the ticket in which it goes on.")]
    reason: Text = ""


class Merge(Protocol):
    """Merges two tickets of a tenant, named by (tenant, identifier)."""

    async def __call__(self, source: tuple[str, UUID], target: tuple[str, UUID], *, reason: str, by: Actor) -> Ticket:
        """The ended ticket. Raises `MergeError`."""
        ...


def merging_router(database: Database, merge_tickets: Merge) -> APIRouter:
    """The route, on this database."""
    router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

    @router.post(
        "/{ticket}/merge",
        summary="Let a ticket go on in another",
        description="Its work is withdrawn, and later replies to it are told on the other. Done again it changes nothing.",
    )
    async def merge(
        who: Annotated[Principal, Depends(require("tickets:write"))],
        ticket: str,
        request: Annotated[MergeRequest, Depends(json_body(MergeRequest))],
    ) -> Ticket:
        source = await _find(database, who.tenant, ticket)
        if source is None:
            raise ProblemError(404, "No such ticket", "Give a ticket's identifier, or its reference as TD-….")
        target = await _find(database, who.tenant, request.into)
        if target is None:
            fault: FieldFault = {"field": "into", "message": "there is no such ticket"}
            raise ProblemError(404, "No such ticket", "There is nothing to go on in.", errors=[fault])
        try:
            return await merge_tickets(
                (who.tenant, source.id),
                (who.tenant, target.id),
                reason=request.reason,
                by=Actor(kind=ActorKind.WORKER, id=who.label or who.key_id),
            )
        except MergeError as error:
            raise ProblemError(409, "Cannot be merged", f"{error}.") from error

    return router


async def _find(database: Database, tenant: str, name: str) -> Ticket | None:
    if "\x00" in name:
        return None
    async with database.read() as connection:
        return await read_ticket(connection, tenant, name)
