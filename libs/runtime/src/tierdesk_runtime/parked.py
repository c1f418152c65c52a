"""`/v1/parked/{service}`: messages that this service could not apply, for whoever keeps the desk running.

Each service answers for its own, of the key's tenant alone. What nobody could read at all has no tenant, and is shown by
`tierdesk parked` at the machine itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from tierdesk_contracts.vocabulary import refuse_nul
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import (
    Database,
    ParkedFilter,
    ParkedMessage,
    Transaction,
    discard_parked,
    list_parked,
    replay_parked,
    show_parked,
)

PREFIX: Final = "/v1/parked"
MOST_SHOWN_BYTES: Final = 100_000
"""So much of a body is shown."""

Reader = Annotated[Principal, Depends(require("parked:read"))]
Writer = Annotated[Principal, Depends(require("parked:write"))]
_Filter = Query(max_length=200, pattern=r"^[^\x00]*$")


class ParkedView(BaseModel):
    """A message that was set aside. `resolution` is null while it is parked."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    consumer: str
    queue: str
    namespace: str
    type: str
    subject: str
    message_id: str
    reason: str
    attempts: int
    first_seen_at: datetime
    parked_at: datetime
    resolution: str | None
    resolved_at: datetime | None
    size_bytes: int


class ParkedWhole(ParkedView):
    """The same, with what the last try said and what came, as far as it is text."""

    detail: str
    body: Annotated[str, Field(description=f"As text, {MOST_SHOWN_BYTES} bytes of it; what is no text is shown as �.")]
    is_cut: Annotated[bool, Field(description="Whether the body is longer.")]

    @classmethod
    def of(cls, message: ParkedMessage) -> Self:
        """The view of a message with its body."""
        body = message.body or b""
        return cls(
            **ParkedView.model_validate(message).model_dump(),
            detail=message.detail,
            body=body[:MOST_SHOWN_BYTES].decode(errors="replace"),
            is_cut=len(body) > MOST_SHOWN_BYTES,
        )


class ParkedPage(BaseModel):
    """What is parked, the newest first."""

    service: str
    messages: tuple[ParkedView, ...]


class Discarding(BaseModel):
    """Why a message is given up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_500), AfterValidator(refuse_nul)]


def parked_routes(service: str, database: Database) -> APIRouter:
    """The endpoints of a service."""
    router = APIRouter(prefix=f"{PREFIX}/{service}", tags=["parked"])

    @router.get("")
    async def list_(
        who: Reader,
        type_: Annotated[str | None, Query(alias="type", max_length=200, pattern=r"^[^\x00]*$")] = None,
        subject: Annotated[str | None, _Filter] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ParkedPage:
        """What is parked of the tenant, the newest first."""
        which = ParkedFilter(who.tenant, type_, subject)
        async with database.read() as connection:
            found = await list_parked(connection, database.tables, which=which, limit=limit)
        return ParkedPage(service=service, messages=tuple(ParkedView.model_validate(one) for one in found))

    @router.get("/{parked_id}")
    async def show(parked_id: UUID, who: Reader) -> ParkedWhole:
        """One message, parked or resolved since."""
        async with database.read() as connection:
            message = await show_parked(connection, database.tables, parked_id)
        if message is None or message.tenant != who.tenant:
            raise _unknown()
        return ParkedWhole.of(message)

    async def resolve(
        who: Principal, parked_id: UUID, step: Callable[[Transaction, UUID], Coroutine[Any, Any, bool]]
    ) -> ParkedWhole:
        async with database.transaction() as tx:
            message = await show_parked(tx.connection, tx.tables, parked_id)
            if message is None or message.tenant != who.tenant:
                raise _unknown()
            if not await step(tx, parked_id):
                raise ProblemError(409, "Resolved already", f"It was {message.resolution or 'resolved'} before.")
            resolved = await show_parked(tx.connection, tx.tables, parked_id)
        assert resolved is not None
        return ParkedWhole.of(resolved)

    @router.post("/{parked_id}/replay")
    async def replay(parked_id: UUID, who: Writer) -> ParkedWhole:
        """Have it tried again within a second. What fails again is parked anew, under another identifier."""
        return await resolve(who, parked_id, replay_parked)

    @router.post("/{parked_id}/discard")
    async def discard(
        parked_id: UUID, who: Writer, told: Annotated[Discarding, Depends(json_body(Discarding))]
    ) -> ParkedWhole:
        """Give it up for good: it is never applied, and what waited behind it goes on without. Who did so is kept with it."""

        async def give_up(tx: Transaction, one: UUID) -> bool:
            return await discard_parked(tx, one, reason=f"{told.reason} ({who.label})")

        return await resolve(who, parked_id, give_up)

    return router


def _unknown() -> ProblemError:
    return ProblemError(404, "No such message", "No message of this identifier was parked here.")
