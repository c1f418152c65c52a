"""`/v1/desk/callbacks` and `/v1/desk/callers`: who is to be called back, and who may be calling."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from tierdesk_contracts.vocabulary import Count, Identifier, Name, Text, refuse_nul
from tierdesk_desk.callbacks import Callbacks, Caller
from tierdesk_desk.domain.callbacks import Attempt, Callback, Cause, Result, Stage
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.http.account_views import refuse_truth
from tierdesk_desk.http.problems import told_as_problems
from tierdesk_desk.store.callbacks import LineKey
from tierdesk_runtime.http import json_body
from tierdesk_runtime.problems import ProblemError

Reader = Annotated[Person, Depends(signed_in(Verb.READ_BOARD))]
Worker = Annotated[Person, Depends(signed_in(Verb.WORK))]
Opener = Annotated[Person, Depends(signed_in(Verb.OPEN_TICKET))]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
LINE_PATTERN: Final = r"^(0|[1-9][0-9]{0,16})~[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
"""Microseconds since 1970, a callback."""
_ONE: Final = "/callbacks/{callback_id}"


class _Taken(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewCallback(_Taken):
    """A promise to call somebody back on a ticket."""

    ticket: Annotated[Name, Field(description="Its identifier.")]
    number: Annotated[
        str, StringConstraints(min_length=1, max_length=200, pattern=r"[0-9]"), AfterValidator(refuse_nul)
    ]
    note: Annotated[Text, Field(description="What for, for whoever will call.")] = ""


class Claim(_Taken):
    """The claim in whose name something is said."""

    token: Annotated[Count, BeforeValidator(refuse_truth), Field(description="As the claim answered it.")]


class AttemptMade(Claim):
    """What came of calling."""

    result: Result
    note: Annotated[Text, Field(description="What was said. On the ticket too, where whoever called has it.")] = ""


class Closing(_Taken):
    """Why nobody need call any more."""

    note: Text = ""


class AttemptView(BaseModel):
    """A call that was made."""

    number: int
    at: datetime
    worker: str
    result: Result
    note: str

    @classmethod
    def of(cls, one: Attempt) -> Self:
        """The view of this call."""
        return cls(number=one.number, at=one.at, worker=one.worker, result=one.result, note=one.note)


class CallbackView(BaseModel):
    """Somebody who is to be called back."""

    id: UUID
    ticket: str
    reference: str
    tier: str
    group: str
    number: str
    cause: Cause
    stage: Stage
    promised_at: datetime
    due_at: Annotated[datetime, Field(description="By when; it is the place in line too, and never changes.")]
    ready_at: Annotated[datetime, Field(description="Nobody need try before.")]
    asked: Annotated[int, Field(description="How often the caller has called about it.")]
    attempts: int
    token: Annotated[int, Field(description="Of the last claim; 0 before the first.")]
    claimed_by: str | None
    claimed_until: datetime | None
    result: Annotated[str | None, Field(description="What came of the last attempt, or why nobody need call any more.")]
    note: str

    @classmethod
    def of(cls, one: Callback) -> Self:
        """The view of this callback."""
        names = cls.model_fields.keys() - {"group", "made"}
        return cls(group=one.group_id, **{name: getattr(one, name) for name in names})


class CallbackStory(CallbackView):
    """Somebody who is to be called back, with the calls that were made."""

    made: tuple[AttemptView, ...] = ()


class CallbackPage(BaseModel):
    """Those that are open, the first in line first."""

    callbacks: tuple[CallbackView, ...]
    next: Annotated[str | None, Field(description="Where the next page begins, for `after`; null on the last.")]


class OpenRequest(BaseModel):
    """A request that is not over."""

    ticket: str
    reference: str
    title: str
    status: str
    opened_at: datetime


class CallerView(BaseModel):
    """Somebody whose number this is said to be. A suggestion: whoever calls may be another."""

    party: str
    name: str | None
    email: str | None
    phone: str | None
    requests: tuple[OpenRequest, ...]

    @classmethod
    def of(cls, one: Caller) -> Self:
        """The view of this caller."""
        who = one.requester
        shown = tuple(
            OpenRequest(**{name: getattr(request, name) for name in OpenRequest.model_fields})
            for request in one.requests
        )
        return cls(party=who.party, name=who.name, email=who.email, phone=who.phone, requests=shown)


class CallerList(BaseModel):
    """Who may be calling."""

    callers: tuple[CallerView, ...]


def callback_routes(callbacks: Callbacks) -> APIRouter:
    """The endpoints. What the person may not see is answered as what does not exist."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.get("/callbacks")
    async def read_line(
        person: Reader,
        *,
        tier: Identifier | None = None,
        group: Identifier | None = None,
        after: Annotated[str | None, Query(pattern=LINE_PATTERN, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> CallbackPage:
        """Who is to be called back, the first in line first."""
        found, following = await callbacks.page(person, tier=tier, group=group, after=read_place(after), limit=limit)
        return CallbackPage(
            callbacks=tuple(CallbackView.of(one) for one in found),
            next=None if following is None else write_place(following),
        )

    @router.post("/callbacks", status_code=201)
    async def promise(person: Worker, asked: Annotated[NewCallback, Depends(json_body(NewCallback))]) -> CallbackView:
        """Promise to call back. A number that is to be called on this ticket already keeps its place in line."""
        with told_as_problems():
            return CallbackView.of(await callbacks.promise(person, asked.ticket, asked.number, note=asked.note))

    @router.get(_ONE)
    async def read(callback_id: UUID, person: Reader) -> CallbackStory:
        """One of them, with the calls that were made."""
        with told_as_problems():
            found, made = await callbacks.read(person, callback_id)
        shown = CallbackView.of(found).model_dump()
        return CallbackStory(**shown, made=tuple(AttemptView.of(one) for one in made))

    @router.post(f"{_ONE}/claim")
    async def claim(callback_id: UUID, person: Worker) -> CallbackView:
        """Take it on, for as long as the policy says. Nobody else can take on another of the same number meanwhile: 409."""
        with told_as_problems():
            return CallbackView.of(await callbacks.claim(person, callback_id))

    @router.post(f"{_ONE}/release")
    async def release(
        callback_id: UUID, person: Worker, asked: Annotated[Claim, Depends(json_body(Claim))]
    ) -> CallbackView:
        """Give it back to the line, untried."""
        with told_as_problems():
            return CallbackView.of(await callbacks.release(person, callback_id, asked.token))

    @router.post(f"{_ONE}/attempts")
    async def attempt(
        callback_id: UUID, person: Worker, asked: Annotated[AttemptMade, Depends(json_body(AttemptMade))]
    ) -> CallbackView:
        """Say what came of calling. Who was not reached is tried again later, until the policy's number of attempts."""
        with told_as_problems():
            return CallbackView.of(await callbacks.attempt(person, callback_id, asked.token, asked.result, asked.note))

    @router.post(f"{_ONE}/close")
    async def close(
        callback_id: UUID, person: Worker, asked: Annotated[Closing, Depends(json_body(Closing))]
    ) -> CallbackView:
        """Nobody need call any more, since it was settled otherwise."""
        with told_as_problems():
            return CallbackView.of(await callbacks.close(person, callback_id, asked.note))

    @router.get("/callers")
    async def find_callers(
        person: Opener, phone: Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    ) -> CallerList:
        """Who may be calling from this number, with their open requests. Numbers are easily forged: ask before you tell."""
        return CallerList(callers=tuple(CallerView.of(one) for one in await callbacks.callers(person, phone)))

    return router


def write_place(key: LineKey) -> str:
    """Where a page of the line begins, for an address."""
    due_at, callback_id = key
    return f"{(due_at - _EPOCH) // _MICROSECOND}~{callback_id}"


def read_place(text: str | None) -> LineKey | None:
    """What `write_place` wrote; None for nothing. Raises `ProblemError` 422."""
    if text is None:
        return None
    if not re.fullmatch(LINE_PATTERN, text):
        raise ProblemError(422, "Invalid request", "`after` is `next` of the page before.")
    due_at, callback_id = text.split("~")
    return _EPOCH + int(due_at) * _MICROSECOND, UUID(callback_id)
