"""`/v1/desk/repairs`: what is sent to a depot under which return number, and whether it came back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from tierdesk_contracts.vocabulary import Identifier, Name, refuse_nul
from tierdesk_desk.domain.repairs import Repair, Stage
from tierdesk_desk.http.account_views import Taken
from tierdesk_desk.http.callbacks import read_place, write_place
from tierdesk_desk.http.problems import told_as_problems
from tierdesk_desk.http.visits import After, BasedOn, Limit, Note, Reader, Ticket, Token, Worker
from tierdesk_desk.repairs import Parcel, Repairs
from tierdesk_runtime.http import json_body

LONGEST_CARRIER_REFERENCE: Final = 200
CarrierReference = Annotated[
    str,
    StringConstraints(max_length=LONGEST_CARRIER_REFERENCE),
    AfterValidator(refuse_nul),
    Field(description="Whatever the carrier calls the parcel."),
]
_ONE: Final = "/repairs/{repair_id}"


class NewRepair(Taken):
    """A repair for work that one has."""

    assignment_id: UUID
    device: Name
    depot: Annotated[Name, Field(description="Where to, as people call it.")]
    carrier_reference: CarrierReference = ""
    note: Annotated[Note, Field(description="What for. In the ticket's log too.")] = ""


class RepairStep(Taken):
    """Where the device is now. `sent` or `called_off` follow on `announced`; then `received`, `back` or `lost`."""

    token: Token
    stage: Stage
    carrier_reference: CarrierReference = ""
    note: Annotated[Note, Field(description="In the ticket's log too.")] = ""


class RepairView(BaseModel):
    """A device that goes to a depot."""

    id: UUID
    ticket: str
    reference: str
    tier: str
    group: str
    number: Annotated[str, Field(description="The return number, as it stands on the parcel.")]
    device: str
    depot: str
    carrier_reference: str
    stage: Stage
    token: int
    announced_by: str
    announced_at: datetime
    sent_at: datetime | None
    received_at: datetime | None
    ended_at: datetime | None
    changed_by: str
    changed_at: datetime
    note: str
    report: Annotated[str, Field(description="What was said of it last.")]

    @classmethod
    def of(cls, one: Repair) -> Self:
        """The view of this repair."""
        told = {name: getattr(one, name) for name in cls.model_fields if name != "group"}
        return cls(group=one.group_id, **told)


class RepairPage(BaseModel):
    """Repairs, in the order in which they were announced."""

    repairs: tuple[RepairView, ...]
    next: Annotated[str | None, Field(description="Where the next page begins, for `after`; null on the last.")]


def repair_routes(repairs: Repairs) -> APIRouter:
    """The endpoints. What the person may not see is answered as what does not exist."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.get("/repairs")
    async def read_repairs(
        person: Reader,
        *,
        ticket: Ticket = None,
        number: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=50,
                pattern=r"^[^\x00]*$",
                description="The one with this return number, in upper or lower case, with `-` or without.",
            ),
        ] = None,
        tier: Identifier | None = None,
        group: Identifier | None = None,
        after: After = None,
        limit: Limit = 50,
    ) -> RepairPage:
        """The repairs that are open in one's groups, the oldest first; or all of one ticket, or the one with a number."""
        if number is not None or ticket is not None:
            with told_as_problems():
                some = (
                    [await repairs.find(person, number)]
                    if number is not None
                    else await repairs.of_ticket(person, ticket or "")
                )
            return RepairPage(repairs=tuple(RepairView.of(one) for one in some), next=None)
        own = await repairs.places(person)
        places = [place for place in own if tier in {None, place[0]} and group in {None, place[1]}]
        found, following = await repairs.page(person, places=places, after=read_place(after), limit=limit)
        return RepairPage(
            repairs=tuple(RepairView.of(one) for one in found),
            next=None if following is None else write_place(following),
        )

    @router.post("/repairs", status_code=201)
    async def announce(
        person: Worker, asked: Annotated[NewRepair, Depends(json_body(NewRepair))], *, based_on: BasedOn = None
    ) -> RepairView:
        """Announce a repair: the answer has the return number."""
        parcel = Parcel(asked.device, asked.depot, asked.carrier_reference)
        with told_as_problems():
            return RepairView.of(
                await repairs.announce(person, asked.assignment_id, parcel, asked.note, based_on=based_on)
            )

    @router.get(_ONE)
    async def read(repair_id: UUID, person: Reader) -> RepairView:
        """One of them."""
        with told_as_problems():
            return RepairView.of(await repairs.read(person, repair_id))

    @router.post(f"{_ONE}/steps")
    async def step(
        repair_id: UUID, person: Worker, asked: Annotated[RepairStep, Depends(json_body(RepairStep))]
    ) -> RepairView:
        """Say where the device is. The work waits for the depot from `sent` until `back` or `lost`.

        Whoever has the ticket does; what cannot follow, and what somebody has changed meanwhile, is answered 409.
        """
        with told_as_problems():
            moved = await repairs.step(
                person, repair_id, asked.stage, asked.token, asked.note, carrier_reference=asked.carrier_reference
            )
        return RepairView.of(moved)

    return router
