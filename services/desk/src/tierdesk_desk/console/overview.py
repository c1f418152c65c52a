"""How the groups stand: for those who look after them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.views import SOON, view_queues, view_row
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb, allows_everywhere
from tierdesk_runtime.problems import ProblemError

URGENT: Final = 15
"""So many of the most urgent are named."""
GUARD_DAYS: Final = 7


def overview_routes(console: Console) -> APIRouter:
    """The page."""
    router = console.router()
    board = console.board

    @router.get("/overview")
    async def overview(request: Request) -> Response:
        visit, person, policy = await console.enter(request, Verb.OVERSEE)
        places = await board.places(person, Verb.OVERSEE)
        # The promises are those of all groups: for whoever leads all of them.
        guarded = policy.phone is not None and allows_everywhere(person.grants, Verb.OVERSEE)
        away, days = await console.callbacks.guard(person, days=GUARD_DAYS) if guarded else ([], [])
        paths = {"promises": "/v1/clocks/summary"} if allows_everywhere(person.grants, Verb.OVERSEE) else {}
        answers = await console.neighbours.ask(visit, paths)
        waiting, _ = await board.page(person, places=places, after=None, limit=URGENT)
        held, _ = await board.page(person, places=places, held=True, after=None, limit=URGENT)
        risks, holders = await board.oversee(person, places, soon=SOON)
        queues = view_queues(places, policy, await board.counts(person))
        promises: dict[str, Any] = answers.found.get("promises") or {}
        return console.renderer.page(
            visit,
            "overview.html",
            queues=queues,
            totals={
                "waiting": sum(queue.waiting for queue in queues),
                "working": sum(queue.working for queue in queues),
                "paused": sum(queue.paused for queue in queues),
            },
            waiting=[view_row(work, policy, visit.now) for work in waiting],
            held=[view_row(work, policy, visit.now) for work in held],
            risks={queue.group: risks.get((queue.tier, queue.group)) for queue in queues},
            holders=holders,
            kinds=promises.get("kinds") or (),
            missed=answers.missed,
            guarded=guarded,
            away=away,
            days=days,
        )

    @router.get("/overview/{worker}")
    async def holder(request: Request, worker: str) -> Response:
        visit, person, policy = await console.enter(request, Verb.OVERSEE)
        held = [] if "\x00" in worker else await board.held_by(person, worker)
        if not held:
            raise ProblemError(404)
        rows = [view_row(work, policy, visit.now) for work in held]
        return console.renderer.page(visit, "holder.html", worker=worker, rows=rows)

    return router
