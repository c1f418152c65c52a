"""The page of one piece of work: what is known of it, and what its owner does with it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.board import FullError
from tierdesk_desk.console.callback_views import number_in, view_callback
from tierdesk_desk.console.files import MOST_BYTES, PATIENCE, FileRefusedError, attach, files_in, view_files
from tierdesk_desk.console.forms import (
    ENDINGS,
    FORMS,
    Faults,
    Filled,
    FormError,
    action_of,
    faults_of,
    read_filled,
    read_key,
    read_reason,
    read_seen,
    refilled,
    with_files,
)
from tierdesk_desk.console.matches import audiences_for, path_of_matches, question_of, view_matches
from tierdesk_desk.console.neighbours import UnavailableError, path_of_clocks, path_of_files, path_of_story
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.stories import view_log
from tierdesk_desk.console.views import groups_beside, groups_to_invite, targets_of, view_row
from tierdesk_desk.console.visit_views import view_repair, view_visit
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.console.work_view import view_clocks, view_work
from tierdesk_desk.domain.roles import Verb, allows_in
from tierdesk_desk.domain.work import ForbiddenStepError, MovedOnError, OverError, Stage, TakenError, say
from tierdesk_runtime.http import limit_body
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import DatabaseUnavailableError

ALIKE: Final = 5
"""So many open tickets that are like this one are named."""
SVG: Final = "image/svg+xml"
_PICTURE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def work_routes(console: Console) -> APIRouter:
    """The page and its forms."""
    router = console.router()
    page = _WorkPage(console)
    router.add_api_route("/works/{assignment_id}", page.read, methods=["GET"])
    router.add_api_route("/works/{assignment_id}/clocks.svg", page.draw, methods=["GET"])
    router.add_api_route("/works/{assignment_id}/claim", page.claim, methods=["POST"])
    router.add_api_route("/works/{assignment_id}/release", page.release, methods=["POST"])
    router.add_api_route("/works/{assignment_id}/{action}", page.act, methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A form that was sent and not taken: what it held, and what is wrong. `trouble` is a word, with what its text names."""

    status: int
    action: str | None = None
    filled: Filled | None = None
    faults: Faults = field(default_factory=dict)
    trouble: tuple[str, dict[str, str]] | None = None
    seen: int | None = None
    """What the form was based on, where it is not known whether it was taken."""


class _WorkPage:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._board = console.board

    async def read(
        self,
        request: Request,
        assignment_id: UUID,
        do: str | None = None,
        article: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        filled = None if article is None else Filled({"leaves": "article", "article_id": article})
        return await self._show(request, assignment_id, _Attempt(200, do, filled if do == "resolve" else None))

    async def draw(self, request: Request, assignment_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.READ_BOARD)
        work = await self._board.read(person, assignment_id)
        drawn = await self._console.neighbours.picture(visit, work.ticket)
        if drawn is None:
            raise ProblemError(503, headers={"Retry-After": "2"})
        return Response(drawn, headers=_PICTURE_HEADERS, media_type=SVG)

    async def claim(self, request: Request, assignment_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        with _noting(None, None) as attempts:
            await self._board.claim(person, assignment_id)
        if attempts:
            return await self._show(request, assignment_id, attempts[0])
        return redirect(visit, f"/works/{assignment_id}", Flash("claimed"))

    async def release(self, request: Request, assignment_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.OVERSEE)
        filled = read_filled(await request.form())
        owner = filled["owner"]
        with _noting("release", filled) as attempts:
            await self._board.release(person, assignment_id, owner=owner, reason=read_reason(filled))
        if attempts:
            return await self._show(request, assignment_id, attempts[0])
        return redirect(visit, f"/works/{assignment_id}", Flash("released", {"who": owner}))

    async def act(self, request: Request, assignment_id: UUID, action: str) -> Response:
        if action == "note":
            limit_body(request, MOST_BYTES, patience=PATIENCE)
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        if action not in FORMS:
            raise ProblemError(404)
        form = await request.form()
        filled, seen = read_filled(form), read_seen(form)
        model, read, done = FORMS[action]
        with _noting(action, filled, seen) as attempts:
            fields = read(filled)
            if action == "note" and (files := files_in(form)):
                work = await self._board.read(person, assignment_id)
                # Before anything hangs on the ticket: whether the note would be taken.
                say(work, person.name, model, fields, self._board.now(), based_on=seen)
                names = await attach(
                    self._console.neighbours, visit, work.ticket, files, read_key(form) or secrets.token_urlsafe(16)
                )
                fields = with_files(fields, names)
            await self._board.say(person, assignment_id, model, fields, based_on=seen)
        if attempts:
            return await self._show(request, assignment_id, attempts[0])
        if action == "note" and filled["audience"] == "requester":
            done = "answered"
        return redirect(visit, "/" if action in ENDINGS else f"/works/{assignment_id}", Flash(done))

    async def _show(self, request: Request, assignment_id: UUID, attempt: _Attempt) -> Response:
        visit, person, policy = await self._console.enter(request, Verb.READ_BOARD)
        work = await self._board.read(person, assignment_id)
        paths = {
            "story": path_of_story(work.ticket),
            "clocks": path_of_clocks(work.ticket),
            "files": path_of_files(work.ticket),
        }
        case: dict[str, Any] = work.view.get("case") or {}
        alike = []
        if work.stage not in {Stage.LEFT, Stage.GONE}:
            question = question_of(work.title, case.get("text") or "")
            paths["articles"] = path_of_matches(question, audiences_for(person, policy))
            found = await self._board.find(person, work.title, common=2, limit=ALIKE + 1)
            alike = [view_row(one, policy, visit.now) for one in found if one.ticket != work.ticket][:ALIKE]
        answers = await self._console.neighbours.ask(visit, paths)
        story: dict[str, Any] = answers.found.get("story") or {}
        clocks = answers.found.get("clocks")
        shown = view_work(work, person, policy, visit.now, story.get("ticket"))
        asked, filled = attempt.action, attempt.filled
        if asked is None and work.refused and work.refused.get("said"):
            asked, filled = action_of(work.refused["said"]), refilled(work.refused["said"])
        action = asked if asked in shown.actions else next(iter(shown.actions), None)
        return self._console.renderer.page(
            visit,
            "work.html",
            status=attempt.status,
            work=shown,
            ticket=work.ticket,
            clocks=shown.clocks if clocks is None else view_clocks(clocks.get("clocks", ())),
            log=view_log(story.get("log") or (), policy),
            missed=answers.missed,
            callbacks=[
                view_callback(one, person, visit.now)
                for one in await self._console.callbacks.of_ticket(person, work.ticket)
            ],
            visits=[
                view_visit(one, visit.now, visit.zone)
                for one in await self._console.visits.of_ticket(person, work.ticket, seen=True)
            ],
            repairs=[view_repair(one) for one in await self._console.repairs.of_ticket(person, work.ticket, seen=True)],
            address=(work.view.get("internal") or {}).get("location") or "",
            phone=number_in((work.view.get("internal") or {}).get("contact")),
            files=view_files(answers.found.get("files")),
            matches=view_matches(answers.found.get("articles")),
            alike=alike,
            released=(filled or Filled()) if asked == "release" else Filled(),
            action=action,
            kept=filled is not None and asked not in {action, "release"},
            filled=filled or Filled(),
            faults=attempt.faults,
            trouble=attempt.trouble,
            targets=targets_of(work, policy),
            seen=work.ordinal if attempt.seen is None else attempt.seen,
            own_group=work.group_id,
            beside=groups_beside(work, policy),
            invitable=groups_to_invite(work, policy),
            departments=policy.departments,
            may_link=allows_in(person.grants, Verb.WORK, tier=work.tier, group=work.group_id),
        )


@contextmanager
def _noting(  # noqa: C901 - one case for each thing that can be wrong
    action: str | None, filled: Filled | None, seen: int | None = None
) -> Iterator[list[_Attempt]]:
    """Note what the board or the form finds wrong, with what was filled in, so that it can be mended."""
    attempts: list[_Attempt] = []

    def note(
        status: int,
        *,
        faults: Faults | None = None,
        trouble: str | None = None,
        based_on: int | None = None,
        **values: str,
    ) -> None:
        told = None if trouble is None else (trouble, values)
        attempts.append(_Attempt(status, action, filled, faults or {}, told, based_on))

    try:
        yield attempts
    except FormError as error:
        note(422, faults=error.faults)
    except ValidationError as error:
        note(422, faults=faults_of(error, action))
    except TakenError as error:
        note(409, trouble="taken", who=error.owner)
    except OverError:
        note(409, trouble="over")
    except FullError:
        note(409, trouble="full")
    except MovedOnError:
        note(409, trouble="moved")
    except ForbiddenStepError:
        note(409, trouble="forbidden")
    except FileRefusedError as error:
        note(422, faults={"file": "not_this"}, trouble="file", reason=str(error))
    except (DatabaseUnavailableError, UnavailableError):
        note(503, trouble="unavailable", based_on=seen)
