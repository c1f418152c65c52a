"""`/v1/desk/presence`, `/people`, `/shifts`: who is there, who serves when, what each has solved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import StringConstraints

from tierdesk_desk.domain.accounts import LOGIN_PATTERN
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.shifts import ShiftError
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.http.staff_views import (
    PeoplePage,
    PersonStanding,
    PresenceRequest,
    PresenceView,
    ProposalView,
    RecordLine,
    RecordView,
    ShiftPage,
    ShiftRequest,
    ShiftView,
)
from tierdesk_desk.staff import SameShiftError, Staff, UnknownPersonError, UnknownShiftError
from tierdesk_desk.store.shifts import ShiftRank
from tierdesk_runtime.http import QueryInstant, json_body
from tierdesk_runtime.problems import ProblemError

Worker = Annotated[Person, Depends(signed_in(Verb.WORK))]
Lead = Annotated[Person, Depends(signed_in(Verb.OVERSEE))]
Reader = Annotated[Person, Depends(signed_in(Verb.READ_BOARD))]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = UUID(int=0)
_RANK_PATTERN: Final = r"^(0|[1-9][0-9]{0,16})~[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
"""Microseconds since 1970, a shift."""
SomeLogin = Annotated[str, StringConstraints(pattern=LOGIN_PATTERN)]


def staff_routes(staff: Staff) -> APIRouter:
    """The endpoints. Leads see the people and shifts of the groups that they look after, in the own tenant."""
    router = APIRouter(prefix="/v1/desk", tags=["people"])

    @router.get("/presence")
    async def read_presence(person: Worker) -> PresenceView:
        """What one says of oneself."""
        return PresenceView.of(await staff.presence(person))

    @router.put("/presence")
    async def say(
        person: Worker, asked: Annotated[PresenceRequest, Depends(json_body(PresenceRequest))]
    ) -> PresenceView:
        """Say that one is available, busy or away. The same again changes nothing."""
        return PresenceView.of(await staff.say(person, asked.state))

    @router.get("/people")
    async def read_people(
        person: Lead,
        after: Annotated[SomeLogin | None, Query(description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> PeoplePage:
        """Who works the groups that the lead looks after, and how they stand."""
        found = await staff.people(person, after=(after or "").lower(), limit=limit + 1)
        shown = found[:limit]
        following = shown[-1].name if len(found) > limit else None
        return PeoplePage(people=tuple(PersonStanding.of(one) for one in shown), next=following)

    @router.get("/people/{name}/record")
    async def read_record(person: Reader, name: Annotated[str, Path(pattern=LOGIN_PATTERN)]) -> RecordView:
        """What somebody solved and escalated in the last three months: oneself, or who works a group of the lead."""
        with told_as_problems():
            one, lines, proposals = await staff.record(person, name.lower())
        return RecordView(
            name=one.name,
            display_name=one.display_name,
            lines=tuple(RecordLine.of(line) for line in lines),
            proposals=tuple(ProposalView.of(proposal) for proposal in proposals),
        )

    @router.get("/shifts")
    async def read_shifts(
        lead: Lead,
        *,
        person: Annotated[SomeLogin | None, Query(description="Only the shifts of this login.")] = None,
        since: Annotated[QueryInstant | None, Query(description="Only shifts that end after this; else all.")] = None,
        after: Annotated[str | None, Query(pattern=_RANK_PATTERN, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> ShiftPage:
        """Shifts of the groups that the lead looks after, in the order in which they end."""
        rank = max(read_rank(after), (since or _EPOCH, _FIRST))
        found = await staff.shifts(lead, after=rank, name=person and person.lower(), limit=limit + 1)
        shown = found[:limit]
        following = write_rank((shown[-1].ends_at, shown[-1].id)) if len(found) > limit else None
        return ShiftPage(shifts=tuple(ShiftView.of(shift) for shift in shown), next=following)

    @router.post("/shifts", status_code=201)
    async def add_shift(lead: Lead, asked: Annotated[ShiftRequest, Depends(json_body(ShiftRequest))]) -> ShiftView:
        """Let somebody serve a group of the lead's. For several groups at a time add a shift for each."""
        with told_as_problems():
            place = (asked.tier, asked.group)
            return ShiftView.of(await staff.add_shift(lead, asked.person, place, asked.starts_at, asked.ends_at))

    @router.delete("/shifts/{shift_id}", status_code=204)
    async def remove_shift(shift_id: UUID, lead: Lead) -> Response:
        """Take a shift away."""
        with told_as_problems():
            await staff.remove_shift(lead, shift_id)
        return Response(status_code=204)

    return router


def write_rank(rank: ShiftRank) -> str:
    """Where a page of shifts begins, for an address."""
    return f"{(rank[0] - _EPOCH) // _MICROSECOND}~{rank[1]}"


def read_rank(text: str | None) -> ShiftRank:
    """What `write_rank` wrote; before the first shift for nothing."""
    if text is None:
        return _EPOCH, _FIRST
    microseconds, _, shift = text.partition("~")
    return _EPOCH + int(microseconds) * _MICROSECOND, UUID(shift)


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise as `ProblemError` what `Staff` raises: 404, 409, 422 with the field."""
    try:
        yield
    except UnknownPersonError:
        raise ProblemError(404, "No such person", "There is no such person, or none that you look after.") from None
    except UnknownShiftError:
        raise ProblemError(404, "No such shift", "There is no such shift, or none of a group of yours.") from None
    except SameShiftError:
        raise ProblemError(
            409, "Shift taken", "The person has a shift in this group that begins then: remove it first."
        ) from None
    except ShiftError as error:
        raise ProblemError(
            422, "Invalid request", "See errors.", errors=[{"field": error.field, "message": error.reason}]
        ) from None
