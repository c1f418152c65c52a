"""The people of a desk: who is there, who serves when, what each has solved; and what one says of oneself."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled, FormError, read_filled
from tierdesk_desk.console.people_view import (
    groups_led,
    read_shift,
    view_lines,
    view_people,
    view_proposals,
    view_shifts,
    view_totals,
)
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.presence import State
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.shifts import ShiftError
from tierdesk_desk.http.access import way_back
from tierdesk_desk.staff import SameShiftError, Staff, UnknownPersonError, UnknownShiftError
from tierdesk_runtime.problems import ProblemError

MOST_PEOPLE: Final = 500
"""So many are shown; beyond that the page says that there are more."""
SHIFTS: Final = 100
_FIRST: Final = UUID(int=0)
_FAULTS: Final = {"person": "not_granted", "group": "choose", "ends_at": "span"}
_FIELDS: Final = {"group": "place", "ends_at": "ends"}


def people_routes(console: Console, staff: Staff) -> APIRouter:
    """The pages, and the form in the header of all pages."""
    router = console.router()
    page = _PeoplePage(console, staff)
    router.add_api_route("/people", page.people, methods=["GET"])
    router.add_api_route("/people/{name}", page.record, methods=["GET"])
    router.add_api_route("/people/shifts", page.add_shift, methods=["POST"])
    router.add_api_route("/people/shifts/{shift_id}/remove", page.remove_shift, methods=["POST"])
    router.add_api_route("/presence", page.say, methods=["POST"])
    return router


class _PeoplePage:
    def __init__(self, console: Console, staff: Staff) -> None:
        self._console = console
        self._staff = staff

    async def _show(
        self,
        request: Request,
        filled: Filled | None = None,
        *,
        status: int = 200,
        faults: Faults | None = None,
        trouble: str | None = None,
    ) -> Response:
        visit, person, policy = await self._console.enter(request, Verb.OVERSEE)
        people = await self._staff.people(person, limit=MOST_PEOPLE + 1)
        shifts = await self._staff.shifts(person, after=(visit.now, _FIRST), limit=SHIFTS)
        lines, proposals = await self._staff.records(person, people[:MOST_PEOPLE])
        rows = view_people(people[:MOST_PEOPLE], policy)
        return self._console.renderer.page(
            visit,
            "people.html",
            status=status,
            people=rows,
            more=len(people) > MOST_PEOPLE,
            figures={
                "available": sum(row.word == State.AVAILABLE.value for row in rows),
                "busy": sum(row.word == State.BUSY.value for row in rows),
                "alone": sum(row.held for row in rows if row.leaves_work),
            },
            shifts=view_shifts(shifts, policy, visit.now),
            groups=groups_led(await self._staff.places(person), policy),
            totals=view_totals(lines),
            proposals=view_proposals(proposals, policy),
            filled=filled or Filled(),
            faults=faults or {},
            trouble=trouble,
        )

    async def people(self, request: Request) -> Response:
        return await self._show(request)

    async def record(self, request: Request, name: str) -> Response:
        visit, person, policy = await self._console.enter(request, Verb.READ_BOARD)
        try:
            one, lines, proposals = await self._staff.record(person, name.lower().replace("\x00", ""))
        except UnknownPersonError:
            raise ProblemError(404) from None
        return self._console.renderer.page(
            visit,
            "person.html",
            one=one,
            lines=view_lines(lines, policy),
            proposals=view_proposals(proposals, policy),
        )

    async def add_shift(self, request: Request) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.OVERSEE)
        filled = read_filled(await request.form())
        try:
            name, place, starts, ends = read_shift(filled, visit.zone, await self._staff.places(person))
            await self._staff.add_shift(person, name, place, starts, ends)
        except FormError as error:
            return await self._show(request, filled, status=422, faults=error.faults)
        except ShiftError as error:
            faults = {_FIELDS.get(error.field, error.field): _FAULTS.get(error.field, "not_this")}
            return await self._show(request, filled, status=422, faults=faults)
        except SameShiftError:
            return await self._show(request, filled, status=409, trouble="same_shift")
        return redirect(visit, "/people#shifts", Flash("shift_added"))

    async def remove_shift(self, request: Request, shift_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.OVERSEE)
        try:
            await self._staff.remove_shift(person, shift_id)
        except UnknownShiftError:
            raise ProblemError(404) from None
        return redirect(visit, "/people#shifts", Flash("shift_removed"))

    async def say(self, request: Request) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        form = await request.form()
        told = form.get("state")
        if told not in set(State):
            raise ProblemError(422)
        await self._staff.say(person, State(str(told)))
        back = form.get("next")
        return redirect(visit, way_back(back if isinstance(back, str) else None))
