"""`/v1/desk/call-guard`: who is away from the telephone, and what that and waiting have cost by the day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from tierdesk_desk.callbacks import Callbacks
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows_everywhere
from tierdesk_desk.http.access import signed_in
from tierdesk_runtime.problems import ProblemError

Overseer = Annotated[Person, Depends(signed_in(Verb.OVERSEE))]


class AwayView(BaseModel):
    """Somebody who answers calls, was reminded, and is away yet."""

    name: str
    since: datetime
    offered: Annotated[bool, Field(description="Whether it was offered to hand on what keeps them.")]


class DayView(BaseModel):
    """What was counted on a day of UTC: both prices, and what was done."""

    day: date
    reminded: int
    offered: int
    handed_on: Annotated[int, Field(description="Tickets that were handed to another tier after that was offered.")]
    interrupted: Annotated[int, Field(description="Callers who were put through to the next tier.")]
    callers: Annotated[int, Field(description="Callers who waited.")]
    waited_seconds: Annotated[float, Field(description="How long, altogether.")]


class CallGuardView(BaseModel):
    """The call guard of a tenant."""

    away: tuple[AwayView, ...]
    days: tuple[DayView, ...]


def call_guard_routes(callbacks: Callbacks) -> APIRouter:
    """The endpoint, for whoever leads all groups."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.get("/call-guard")
    async def read(person: Overseer, days: Annotated[int, Query(ge=1, le=90)] = 7) -> CallGuardView:
        """Who is away from the telephone now, and the last days, the last first."""
        if not allows_everywhere(person.grants, Verb.OVERSEE):
            raise ProblemError(403, "Not granted", "These are the figures of all groups, for whoever leads them all.")
        away, counted = await callbacks.guard(person, days=days)
        return CallGuardView(
            away=tuple(AwayView(name=one.name, since=one.since, offered=one.offered) for one in away),
            days=tuple(DayView(**{name: getattr(one, name) for name in DayView.model_fields}) for one in counted),
        )

    return router
