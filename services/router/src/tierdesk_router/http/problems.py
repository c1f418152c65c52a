"""`/v1/problems`: what problem managers and leads read and do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel

from tierdesk_contracts.vocabulary import Line
from tierdesk_router.domain.problem_requests import (
    KeyReusedError,
    NewProblem,
    NoSuchProblemError,
    NoSuchTicketsError,
    VersionConflictError,
)
from tierdesk_router.domain.problems import (
    ProblemKind,
    ProblemRecord,
    ProblemRefusal,
    ProblemStatus,
)
from tierdesk_router.http.problem_views import (
    ProblemAnnouncement,
    ProblemChange,
    ProblemFields,
    ProblemOpening,
    ProblemPage,
    ProblemResolution,
    ProblemStory,
    TicketLinking,
    TicketOfProblem,
)
from tierdesk_router.store.problems import list_problems, read_problem, read_problem_log, read_tickets
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("tickets:read"))]
Writer = Annotated[Principal, Depends(require("problems:write"))]
_Why = Annotated[Line, Query(description="Kept in the log.")]
_IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=1_000, description="The `ETag` of what was read; else 412.")
]
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,200}$",
        description="The same key with the same body opens one problem; with another body it is refused.",
    ),
]


class ProblemCommands(Protocol):
    """What is done about problems, each in one transaction; `by` is who asks."""

    async def open(self, tenant: str, by: str, new: NewProblem) -> tuple[ProblemRecord, bool]:
        """Open one; answer whether it is new."""

    async def change(
        self,
        tenant: str,
        by: str,
        name: str,
        fields: Mapping[str, Any],
        *,
        why: str,
        fits: Callable[[ProblemRecord], None],
    ) -> ProblemRecord:
        """Change what stands in it, if `fits` does not raise."""

    async def link(self, tenant: str, by: str, name: str, tickets: Sequence[str], *, why: str) -> ProblemRecord:
        """Link tickets."""

    async def unlink(self, tenant: str, by: str, name: str, ticket: str, *, why: str) -> ProblemRecord:
        """Link a ticket no more."""

    async def announce(self, tenant: str, by: str, name: str, *, text: str, audience: str) -> ProblemRecord:
        """Announce it."""

    async def withdraw_announcement(self, tenant: str, by: str, name: str, *, why: str) -> ProblemRecord:
        """Withdraw what was announced."""

    async def resolve(self, tenant: str, by: str, name: str, *, how: str) -> ProblemRecord:
        """Say that it is solved."""


def problems_router(database: Database, commands: ProblemCommands) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/problems", tags=["problems"])
    _add_reading(router, database)
    _add_writing(router, commands)
    _add_telling(router, commands)
    return router


def _add_reading(router: APIRouter, database: Database) -> None:
    @router.get("", summary="List problems, the newest first")
    async def list_(
        who: Reader,
        status: ProblemStatus | None = None,
        kind: ProblemKind | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    ) -> ProblemPage:
        async with database.read() as connection:
            found = await list_problems(
                connection,
                who.tenant,
                limit=limit + 1,
                status=status and status.value,
                kind=kind and kind.value,
                after=after,
            )
        more = len(found) > limit
        return ProblemPage(problems=found[:limit], next=found[limit - 1].id if more else None)

    @router.get("/{problem}", summary="A problem with its tickets and its log")
    async def show(who: Reader, problem: str, response: Response) -> ProblemStory:
        async with database.read() as connection:
            found = await read_problem(connection, who.tenant, problem)
            if found is None:
                raise _unknown()
            tickets = await read_tickets(connection, found)
            log = await read_problem_log(connection, found)
        _tag(response, found)
        return ProblemStory(problem=found, tickets=[TicketOfProblem(**asdict(one)) for one in tickets], log=log)


def _add_writing(router: APIRouter, commands: ProblemCommands) -> None:
    @router.post("", status_code=201, summary="Open a problem by hand")
    async def open_(
        who: Writer,
        told: Annotated[ProblemOpening, Depends(json_body(ProblemOpening))],
        request: Request,
        response: Response,
        key: _Key = None,
    ) -> ProblemRecord:
        """Open a problem with its tickets. Answers 201; 200 where the key has opened it before."""
        new = NewProblem(
            told.kind, told.title, _given(told, ProblemFields), told.tickets, told.why, key, await request.body()
        )
        async with _refusing():
            opened, is_new = await commands.open(who.tenant, _name(who), new)
        response.status_code = 201 if is_new else 200
        response.headers["Location"] = f"/v1/problems/{opened.id}"
        return _tag(response, opened)

    @router.patch("/{problem}", summary="Change what stands in a problem")
    async def change(
        who: Writer,
        problem: str,
        told: Annotated[ProblemChange, Depends(json_body(ProblemChange))],
        response: Response,
        if_match: _IfMatch = None,
    ) -> ProblemRecord:
        """Change the fields given, in the version that was read: else 409, or 412 for an `If-Match` that does not fit.

        What stands there already changes nothing, whatever the version.
        """
        fields = {name: value for name, value in _given(told, ProblemChange).items() if name not in {"version", "why"}}
        if "status" in fields:
            fields["status"] = ProblemStatus(fields["status"])

        def check(found: ProblemRecord) -> None:
            if if_match is not None and not _matches(if_match, found):
                raise ProblemError(412, detail=str(VersionConflictError(found)), headers={"ETag": _tag_of(found)})
            if told.version != found.version:
                raise VersionConflictError(found)

        async with _refusing():
            changed = await commands.change(who.tenant, _name(who), problem, fields, why=told.why, fits=check)
        return _tag(response, changed)

    @router.post("/{problem}/tickets", summary="Link tickets")
    async def link(
        who: Writer, problem: str, told: Annotated[TicketLinking, Depends(json_body(TicketLinking))], response: Response
    ) -> ProblemRecord:
        """Link tickets, 500 at most. Those that are linked already stay as they are."""
        async with _refusing():
            changed = await commands.link(who.tenant, _name(who), problem, told.tickets, why=told.why)
        return _tag(response, changed)

    @router.delete("/{problem}/tickets/{ticket}", summary="Link a ticket no more")
    async def unlink(who: Writer, problem: str, ticket: str, why: _Why, response: Response) -> ProblemRecord:
        """Link a ticket no more. One that is not linked changes nothing."""
        async with _refusing():
            changed = await commands.unlink(who.tenant, _name(who), problem, ticket, why=why)
        return _tag(response, changed)


def _add_telling(router: APIRouter, commands: ProblemCommands) -> None:
    @router.post("/{problem}/announcement", summary="Announce a major incident, once")
    async def announce(
        who: Writer,
        problem: str,
        told: Annotated[ProblemAnnouncement, Depends(json_body(ProblemAnnouncement))],
        response: Response,
    ) -> ProblemRecord:
        """Announce it to the requesters of its open tickets, and of those that are linked later. It becomes a major one.

        The same again changes nothing; another is refused with 409 while this one stands.
        """
        async with _refusing():
            changed = await commands.announce(who.tenant, _name(who), problem, text=told.text, audience=told.audience)
        return _tag(response, changed)

    @router.delete("/{problem}/announcement", summary="Withdraw the announcement")
    async def withdraw(who: Writer, problem: str, why: _Why, response: Response) -> ProblemRecord:
        """Withdraw it; then another one may be made. Who has read it has read it."""
        async with _refusing():
            changed = await commands.withdraw_announcement(who.tenant, _name(who), problem, why=why)
        return _tag(response, changed)

    @router.post("/{problem}/resolution", summary="A problem is solved")
    async def resolve(
        who: Writer,
        problem: str,
        told: Annotated[ProblemResolution, Depends(json_body(ProblemResolution))],
        response: Response,
    ) -> ProblemRecord:
        """Offer the resolution to the open tickets: their owners are told, and say whether it solves them."""
        async with _refusing():
            changed = await commands.resolve(who.tenant, _name(who), problem, how=told.how)
        return _tag(response, changed)


@asynccontextmanager
async def _refusing() -> AsyncIterator[None]:
    """Refusals of the commands as problem details."""
    try:
        yield
    except NoSuchProblemError as error:
        raise _unknown() from error
    except NoSuchTicketsError as error:
        faults: list[FieldFault] = [
            {"field": f"tickets.{position}", "message": "no such ticket"} for position in error.positions
        ]
        # Not 404: the problem that the path names is there.
        raise ProblemError(409, "No such ticket", "Nothing was changed. See errors.", errors=faults) from error
    except KeyReusedError as error:
        fault: FieldFault = {"field": "Idempotency-Key", "message": "it has opened another problem"}
        raise ProblemError(422, "Idempotency key reused", "Take a new key.", errors=[fault]) from error
    except VersionConflictError as error:
        raise ProblemError(409, "Version conflict", str(error)) from error
    except ProblemRefusal as error:
        raise ProblemError(409, "Not now", str(error)) from error


def _given(told: BaseModel, model: type[BaseModel]) -> dict[str, Any]:
    """The fields that the request names; `null` means nothing where a field cannot be empty."""
    nullable = {"known_error", "fix", "hotfix"}
    given = {name: getattr(told, name) for name in told.model_fields_set & model.model_fields.keys()}
    return {name: value for name, value in given.items() if value is not None or name in nullable}


def _name(who: Principal) -> str:
    """Who acts, as the log tells it."""
    return who.label or who.key_id


def _tag_of(problem: ProblemRecord) -> str:
    return f'"{problem.version}"'


def _tag(response: Response, problem: ProblemRecord) -> ProblemRecord:
    response.headers["ETag"] = _tag_of(problem)
    return problem


def _matches(if_match: str, problem: ProblemRecord) -> bool:
    """RFC 9110 §13.1.1: one of the tags is this one; a weak one never is."""
    tags = [tag.strip() for tag in if_match.split(",")]
    return "*" in tags or _tag_of(problem) in tags


def _unknown() -> ProblemError:
    return ProblemError(404, "No such problem", "Give a problem's identifier, or its reference as PR-….")
