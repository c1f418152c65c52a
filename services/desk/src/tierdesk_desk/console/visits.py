"""The page of visits and repairs, and the forms by which people plan, move and end them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.board import NotFoundError
from tierdesk_desk.console.forms import Faults, Filled, FormError, read_filled, read_seen
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.visit_views import (
    by_day,
    check_report,
    read_parcel,
    read_plan,
    view_repair,
    view_visit,
)
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.repairs import Stage
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.visits import ChangedError, EndedError, Outcome
from tierdesk_desk.domain.work import ForbiddenStepError, MovedOnError, OverError, TakenError
from tierdesk_desk.http.callbacks import read_place, write_place
from tierdesk_runtime.problems import ProblemError

PAGE: Final = 50


def visit_page_routes(console: Console) -> APIRouter:
    """The page and the forms."""
    router = console.router()
    page = _VisitsPage(console)
    router.add_api_route("/visits", page.read, methods=["GET"])
    router.add_api_route("/visits", page.plan, methods=["POST"])
    router.add_api_route("/visits/{visit_id}/move", page.move, methods=["POST"])
    router.add_api_route("/visits/{visit_id}/end", page.end, methods=["POST"])
    router.add_api_route("/repairs", page.announce, methods=["POST"])
    router.add_api_route("/repairs/{repair_id}/steps", page.step, methods=["POST"])
    return router


@dataclass(slots=True)
class _Attempt:
    """A form that was sent. `trouble` is a word, with what its text names."""

    status: int = 303
    faults: Faults = field(default_factory=dict)
    trouble: tuple[str, dict[str, str]] | None = None


class _VisitsPage:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._visits = console.visits
        self._repairs = console.repairs

    async def read(
        self,
        request: Request,
        after: Annotated[str | None, Query(max_length=100)] = None,
        away_after: Annotated[str | None, Query(max_length=100)] = None,
        number: Annotated[str | None, Query(max_length=50)] = None,
    ) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.READ_BOARD)
        found, following = await self._visits.page(person, after=read_place(after), limit=PAGE)
        unknown = ""
        if number and "\x00" not in number:
            try:
                away, away_following = [await self._repairs.find(person, number)], None
            except NotFoundError:
                away, away_following, unknown = [], None, number
        else:
            away, away_following = await self._repairs.page(person, after=read_place(away_after), limit=PAGE)
        return self._console.renderer.page(
            visit,
            "visits.html",
            days=by_day([view_visit(one, visit.now, visit.zone) for one in found], visit.zone),
            repairs=[view_repair(one) for one in away],
            following=None if following is None else quote(write_place(following), safe=""),
            away_following=None if away_following is None else quote(write_place(away_following), safe=""),
            first_page=after is None,
            unknown=unknown,
            number=Filled({"number": number or ""}),
        )

    async def plan(self, request: Request) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        form = await request.form()
        filled, seen = read_filled(form), read_seen(form)
        assignment_id = _id_of(filled)
        with _noting() as attempt:
            plan = read_plan(filled, visit.zone, visit.now)
            await self._visits.plan(person, assignment_id, plan, filled["note"], based_on=seen)
        if attempt.status != 303:
            return await self._again_for_work(request, "plan", assignment_id, attempt, filled, seen)
        return redirect(visit, f"/works/{assignment_id}", Flash("visit_planned"))

    async def announce(self, request: Request) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        form = await request.form()
        filled, seen = read_filled(form), read_seen(form)
        assignment_id = _id_of(filled)
        with _noting() as attempt:
            repair = await self._repairs.announce(
                person, assignment_id, read_parcel(filled), filled["note"], based_on=seen
            )
        if attempt.status != 303:
            return await self._again_for_work(request, "announce", assignment_id, attempt, filled, seen)
        return redirect(visit, f"/works/{assignment_id}", Flash("repair_announced", {"number": repair.number}))

    async def move(self, request: Request, visit_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        filled = read_filled(await request.form())
        with _noting() as attempt:
            plan = read_plan(filled, visit.zone, visit.now)
            moved = await self._visits.move(person, visit_id, plan, _token(filled), filled["note"])
        if attempt.status != 303:
            return await self._again_for_visit(request, "move", visit_id, attempt, filled)
        return redirect(visit, _ticket(moved.ticket), Flash("visit_moved"))

    async def end(self, request: Request, visit_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        filled = read_filled(await request.form())
        with _noting() as attempt:
            check_report(filled, "outcome", set(Outcome))
            ended = await self._visits.end(person, visit_id, Outcome(filled["outcome"]), _token(filled), filled["note"])
        if attempt.status != 303:
            return await self._again_for_visit(request, "end", visit_id, attempt, filled)
        return redirect(visit, _ticket(ended.ticket), Flash("visit_ended"))

    async def step(self, request: Request, repair_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        filled = read_filled(await request.form())
        with _noting() as attempt:
            check_report(filled, "stage", set(Stage))
            moved = await self._repairs.step(
                person,
                repair_id,
                Stage(filled["stage"]),
                _token(filled),
                filled["note"],
                carrier_reference=filled["carrier_reference"],
            )
        if attempt.status == 303:
            return redirect(visit, _ticket(moved.ticket), Flash("repair_moved"))
        one = await self._repairs.read(person, repair_id)
        return await self._again(request, "step", attempt, filled, one.ticket, one.reference, row=view_repair(one))

    async def _again_for_work(
        self, request: Request, form: str, assignment_id: UUID, attempt: _Attempt, filled: Filled, seen: int | None
    ) -> Response:
        """The form once more. What was refused since more was said may be sent again by whoever has seen it now."""
        _, person, _ = await self._console.enter(request, Verb.WORK)
        work = await self._console.board.read(person, assignment_id)
        based_on = work.ordinal if attempt.trouble or seen is None else seen
        return await self._again(
            request, form, attempt, filled, work.ticket, work.reference, seen=based_on, assignment_id=assignment_id
        )

    async def _again_for_visit(
        self, request: Request, form: str, visit_id: UUID, attempt: _Attempt, filled: Filled
    ) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        one = await self._visits.read(person, visit_id)
        row = view_visit(one, visit.now, visit.zone)
        return await self._again(request, form, attempt, filled, one.ticket, one.reference, row=row)

    async def _again(
        self,
        request: Request,
        form: str,
        attempt: _Attempt,
        filled: Filled,
        ticket: str,
        reference: str,
        **values: Any,
    ) -> Response:
        visit, _, _ = await self._console.enter(request, Verb.WORK)
        return self._console.renderer.page(
            visit,
            "arranging.html",
            status=attempt.status,
            form=form,
            ticket=ticket,
            reference=reference,
            filled=filled,
            faults=attempt.faults,
            trouble=attempt.trouble,
            **{"row": None, "seen": None, "assignment_id": None, **values},
        )


def _ticket(ticket: str) -> str:
    return f"/ticket/{quote(ticket, safe='')}"


def _id_of(filled: Filled) -> UUID:
    """The work that the form was made for. Raises `NotFoundError` for none."""
    try:
        return UUID(filled["assignment_id"])
    except ValueError:
        raise NotFoundError from None


def _token(filled: Filled) -> int:
    """What the form was made from. Raises `ProblemError` 422."""
    text = filled["token"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ProblemError(422, "Invalid request", "`token` is that of what the page showed.")
    return int(text)


@contextmanager
def _noting() -> Iterator[_Attempt]:
    """Note what the form or the desk finds wrong, so that it can be mended."""
    attempt = _Attempt()

    def note(trouble: str, **values: str) -> None:
        attempt.status, attempt.trouble = 409, (trouble, values)

    try:
        yield attempt
    except FormError as error:
        attempt.status, attempt.faults = 422, error.faults
    except TakenError as error:
        note("taken", who=error.owner)
    except OverError:
        note("over")
    except MovedOnError:
        note("moved")
    except ChangedError as error:
        note("changed_since", who=error.who)
    except EndedError:
        note("ended_already")
    except ForbiddenStepError:
        note("forbidden")
