"""`/v1/desk/visits`: who goes where and when for a ticket, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from tierdesk_contracts.vocabulary import Count, Identifier, Instant, Name, refuse_nul
from tierdesk_desk.arranging import LONGEST_NOTE
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.visits import Outcome, Plan, SlotError, Visit
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.http.account_views import Taken, refuse_truth
from tierdesk_desk.http.callbacks import LINE_PATTERN, read_place, write_place
from tierdesk_desk.http.problems import told_as_problems
from tierdesk_desk.visits import Visits
from tierdesk_runtime.http import json_body
from tierdesk_runtime.problems import ProblemError

Reader = Annotated[Person, Depends(signed_in(Verb.READ_BOARD))]
Worker = Annotated[Person, Depends(signed_in(Verb.WORK))]
LONGEST_ADDRESS: Final = 1_000
Address = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ADDRESS), AfterValidator(refuse_nul)]
Note = Annotated[str, StringConstraints(max_length=LONGEST_NOTE), AfterValidator(refuse_nul)]
Token = Annotated[Count, BeforeValidator(refuse_truth), Field(description="As it was read: who changes it names it.")]
After = Annotated[str | None, Query(pattern=LINE_PATTERN, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Ticket = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="All of this ticket, the newest first."),
]
BasedOn = Annotated[
    int | None,
    Query(ge=0, le=2**31 - 1, description="`ordinal` of the work as it was read: what was said already is refused."),
]
_ONE: Final = "/visits/{visit_id}"
_YEARS: Final = range(1970, 3000)
"""In others there are no visits, and not every zone has days."""


def _only_day(value: object) -> object:
    """Pydantic would take a number for seconds."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a day has the form 2026-03-02")
    return value


Day = Annotated[date, BeforeValidator(_only_day)]


class _Slot(Taken):
    address: Address
    technician: Annotated[Name, Field(description="Who goes: any name, whether or not they have an account.")]
    starts_at: Instant
    ends_at: Annotated[Instant, Field(description="At most 24 hours later.")]

    def plan(self) -> Plan:
        """Where, who and when."""
        return Plan(self.address, self.technician, self.starts_at, self.ends_at)


class NewVisit(_Slot):
    """A visit for work that one has."""

    assignment_id: UUID
    note: Annotated[Note, Field(description="What for. In the ticket's log too; the address is not.")] = ""


class Moving(_Slot):
    """The visit as it is to be from now on."""

    token: Token
    note: Annotated[Note, Field(description="Why. In the ticket's log too.")] = ""


class Ending(Taken):
    """What came of it."""

    token: Token
    outcome: Outcome
    note: Annotated[Note, Field(description="What was found. In the ticket's log too.")] = ""


class VisitView(BaseModel):
    """A visit. It is open until it has an outcome."""

    id: UUID
    ticket: str
    reference: str
    tier: str
    group: str
    address: str
    technician: str
    starts_at: datetime
    ends_at: datetime
    outcome: Outcome | None
    token: int
    planned_by: str
    planned_at: datetime
    changed_by: str
    changed_at: datetime
    note: str
    report: Annotated[str, Field(description="What was said of it last.")]

    @classmethod
    def of(cls, one: Visit) -> Self:
        """The view of this visit."""
        told = {name: getattr(one, name) for name in cls.model_fields if name != "group"}
        return cls(group=one.group_id, **told)


class VisitPage(BaseModel):
    """Visits, the first slot first."""

    visits: tuple[VisitView, ...]
    next: Annotated[str | None, Field(description="Where the next page begins, for `after`; null on the last.")]


def visit_routes(visits: Visits) -> APIRouter:
    """The endpoints. What the person may not see is answered as what does not exist."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.get("/visits")
    async def read_visits(
        person: Reader,
        *,
        ticket: Ticket = None,
        tier: Identifier | None = None,
        group: Identifier | None = None,
        day: Annotated[Day | None, Query(description="As the policy's zone has it.")] = None,
        after: After = None,
        limit: Limit = 50,
    ) -> VisitPage:
        """The visits that are open in one's groups, all or those of a day, the first slot first; or all of one ticket."""
        if ticket is not None:
            with told_as_faults():
                found = await visits.of_ticket(person, ticket)
            return VisitPage(visits=tuple(VisitView.of(one) for one in found), next=None)
        if day is not None and day.year not in _YEARS:
            return VisitPage(visits=(), next=None)
        own = await visits.places(person)
        places = [place for place in own if tier in {None, place[0]} and group in {None, place[1]}]
        found, following = await visits.page(person, places=places, day=day, after=read_place(after), limit=limit)
        return VisitPage(
            visits=tuple(VisitView.of(one) for one in found),
            next=None if following is None else write_place(following),
        )

    @router.post("/visits", status_code=201)
    async def plan(
        person: Worker, asked: Annotated[NewVisit, Depends(json_body(NewVisit))], *, based_on: BasedOn = None
    ) -> VisitView:
        """Plan a visit. The work waits for it: which clocks stop is the policy's `pauses`."""
        with told_as_faults():
            planned = await visits.plan(person, asked.assignment_id, asked.plan(), asked.note, based_on=based_on)
        return VisitView.of(planned)

    @router.get(_ONE)
    async def read(visit_id: UUID, person: Reader) -> VisitView:
        """One of them."""
        with told_as_faults():
            return VisitView.of(await visits.read(person, visit_id))

    @router.post(f"{_ONE}/move")
    async def move(visit_id: UUID, person: Worker, asked: Annotated[Moving, Depends(json_body(Moving))]) -> VisitView:
        """Plan it otherwise. Whoever has the ticket does; when somebody has changed it meanwhile, the answer is 409."""
        with told_as_faults():
            return VisitView.of(await visits.move(person, visit_id, asked.plan(), asked.token, asked.note))

    @router.post(f"{_ONE}/end")
    async def end(visit_id: UUID, person: Worker, asked: Annotated[Ending, Depends(json_body(Ending))]) -> VisitView:
        """Say what came of it. The work goes on, unless another visit or a depot is waited for. Else as `move`."""
        with told_as_faults():
            return VisitView.of(await visits.end(person, visit_id, asked.outcome, asked.token, asked.note))

    return router


@contextmanager
def told_as_faults() -> Iterator[None]:
    """As `told_as_problems`, and 422 with the field for a slot that cannot be."""
    try:
        with told_as_problems():
            yield
    except SlotError as error:
        raise ProblemError(
            422, "Invalid request", "See errors.", errors=[{"field": error.field, "message": error.reason}]
        ) from None
