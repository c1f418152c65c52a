"""`/v1/desk/works/{assignment_id}`: claim it, and say what becomes of it, in the words of the tier protocol."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AfterValidator, Field, StringConstraints, create_model

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.outcome import Outcome
from tierdesk_contracts.vocabulary import Contract, Name, refuse_nul
from tierdesk_desk.board import Board
from tierdesk_desk.domain.oversight import LONGEST_REASON
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.work import kind_of
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.http.account_views import Taken
from tierdesk_desk.http.problems import told_as_problems
from tierdesk_desk.http.views import WorkView
from tierdesk_runtime.http import json_body

Reader = Annotated[Person, Depends(signed_in(Verb.READ_BOARD))]
Worker = Annotated[Person, Depends(signed_in(Verb.WORK))]
Overseer = Annotated[Person, Depends(signed_in(Verb.OVERSEE))]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,200}$", description="Printable ASCII without spaces."),
]
STEPS: Final[dict[str, type[Outcome]]] = {
    "progress": outcomes.WorkProgressed,
    "pause": outcomes.WorkPaused,
    "resume": outcomes.WorkResumed,
    "resolve": outcomes.WorkResolved,
    "escalate": outcomes.WorkEscalated,
    "carry": outcomes.WorkCarried,
    "transfer": outcomes.WorkTransferred,
    "return": outcomes.WorkReturned,
    "invite": outcomes.WorkInvited,
    "contribute": outcomes.WorkContributed,
}
"""What can be said of work that one has."""


class Releasing(Taken):
    """From whom work is taken back, and why."""

    owner: Annotated[Name, Field(description="Who has it, as far as is known.")]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REASON), AfterValidator(refuse_nul)]


def work_routes(board: Board) -> APIRouter:
    """The endpoints. What the person may not see is answered as what does not exist."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.post("/next", responses={204: {"description": "Nothing is free in the groups of the person."}})
    async def take_next(person: Worker, key: Key = None) -> WorkView:
        """Take the best work that is free: by priority, then what the skills suffice for, then by deadline.

        The same `Idempotency-Key` is answered with the same work for a day, as it stands then.
        """
        with told_as_problems():
            work = await board.take_next(person, key=key)
        if work is None:
            return Response(status_code=204)  # type: ignore[return-value]  # FastAPI hands a Response on as it is
        return WorkView.of(work)

    @router.get("/works/{assignment_id}")
    async def read(assignment_id: UUID, person: Reader) -> WorkView:
        """All that the desk knows of it."""
        with told_as_problems():
            return WorkView.of(await board.read(person, assignment_id))

    @router.post("/works/{assignment_id}/claim")
    async def claim(assignment_id: UUID, person: Worker) -> WorkView:
        """Take it. It is `claiming` until the router confirms it. Once more changes nothing; another's claim is 409."""
        with told_as_problems():
            return WorkView.of(await board.claim(person, assignment_id))

    @router.post("/works/{assignment_id}/release")
    async def release(
        assignment_id: UUID, person: Overseer, told: Annotated[Releasing, Depends(json_body(Releasing))]
    ) -> WorkView:
        """Take it back from its owner, who is ill or away, and offer it to the others of the group. It stands in the audit.

        For those who look after the group. When somebody else has it by now, the answer is 409.
        """
        with told_as_problems():
            return WorkView.of(await board.release(person, assignment_id, owner=told.owner, reason=told.reason))

    for name, model in STEPS.items():
        _add_step(router, board, name, model)
    return router


def _add_step(router: APIRouter, board: Board, name: str, model: type[Outcome]) -> None:
    body = json_body(step_of(model))

    @router.post(
        f"/works/{{assignment_id}}/{name}", summary=name.capitalize(), description=(model.__doc__ or "").strip()
    )
    async def say(
        assignment_id: UUID,
        person: Worker,
        told: Contract = Depends(body),  # noqa: B008, FAST002 - an annotation is looked up in the module, where there is no `body`
        *,
        based_on: Annotated[
            int | None,
            Query(ge=0, le=2**31 - 1, description="`ordinal` as it was read: what was said already is refused."),
        ] = None,
    ) -> WorkView:
        fields = told.model_dump(exclude_unset=True)
        with told_as_problems():
            return WorkView.of(await board.say(person, assignment_id, model, fields, based_on=based_on))


def step_of(model: type[Outcome]) -> type[Contract]:
    """An outcome without what the desk knows by itself: assignment, token, worker and ordinal."""
    fields: dict[str, Any] = {
        name: (field.annotation if not field.metadata else Annotated[field.annotation, *field.metadata], field)
        for name, field in model.model_fields.items()
        if name not in Outcome.model_fields
    }
    return create_model(f"{kind_of(model).capitalize()}Step", __base__=Contract, __doc__=model.__doc__, **fields)
