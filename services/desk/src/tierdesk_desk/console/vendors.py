"""Outside suppliers: what each has now, how it does, what its contract is. For leads and operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.neighbours import UnavailableError
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb
from tierdesk_runtime.problems import ProblemError

MOST_SCORED: Final = 50
"""Of so many vendors the page asks how they do."""


@dataclass(frozen=True, slots=True)
class VendorView:
    """A vendor. `silent_for` is how long the oldest of what it was offered waits to be accepted; None when nothing does."""

    id: str
    name: str
    group: str | None
    contract: Mapping[str, Any]
    covers: tuple[str, ...]
    offered: int
    accepted: int
    silent_for: timedelta | None
    figures: Mapping[str, Any]
    refused: int
    open: Sequence[Mapping[str, Any]]


def vendor_routes(console: Console) -> APIRouter:
    """The pages."""
    router = console.router()

    @router.get("/vendors")
    async def read_all(request: Request) -> Response:
        visit, _, policy = await console.admit(request, Verb.READ_VENDORS)
        answers = await console.neighbours.ask(visit, {"vendors": "/v1/vendors"})
        states: Sequence[Mapping[str, Any]] = answers.found.get("vendors") or ()
        scored = await console.neighbours.ask(visit, {one["id"]: _scorecard(one["id"]) for one in states[:MOST_SCORED]})
        names = {} if policy is None else {category.id: category.name for category in policy.categories}
        vendors = [view_vendor(one, scored.found.get(one["id"]), names) for one in states]
        return console.renderer.page(
            visit,
            "vendors.html",
            vendors=sorted(vendors, key=_silent_first),
            missed=answers.missed or (("vendors",) if scored.missed else ()),
        )

    @router.get("/vendors/{vendor}")
    async def read(request: Request, vendor: str) -> Response:
        visit, _, policy = await console.admit(request, Verb.READ_VENDORS)
        try:
            answer = await console.neighbours.call(visit, "GET", _scorecard(vendor))
        except UnavailableError:
            raise ProblemError(503, headers={"Retry-After": "2"}) from None
        if not answer.is_done:
            raise ProblemError(404)
        names = {} if policy is None else {category.id: category.name for category in policy.categories}
        found: Mapping[str, Any] = answer.body
        refusals = await console.neighbours.ask(
            visit, {"vendors": f"/v1/vendors/{quote(vendor, safe='')}/refusals?limit=20"}
        )
        return console.renderer.page(
            visit,
            "vendor.html",
            vendor=view_vendor(found["vendor"], found, names),
            refusals=(refusals.found.get("vendors") or {}).get("refusals") or (),
            missed=refusals.missed,
        )

    return router


def view_vendor(state: Mapping[str, Any], scored: Mapping[str, Any] | None, names: Mapping[str, str]) -> VendorView:
    """A vendor as the router knows it. `names` are those of categories."""
    scored = scored or {}
    has_now: Sequence[Mapping[str, Any]] = scored.get("open") or ()
    waits = [one["age_seconds"] for one in has_now if not one.get("accepted_at")]
    return VendorView(
        id=state["id"],
        name=state.get("name") or state["id"],
        group=state.get("group"),
        contract=state.get("contract") or {},
        covers=tuple(names.get(one, one) for one in state.get("covers") or ()),
        offered=state["open_offered"],
        accepted=state["open_accepted"],
        silent_for=timedelta(seconds=max(waits)) if waits else None,
        figures=scored.get("figures") or {},
        refused=sum((scored.get("refused") or {}).values()),
        open=has_now,
    )


def _silent_first(vendor: VendorView) -> tuple[float, int, str]:
    silent = vendor.silent_for.total_seconds() if vendor.silent_for is not None else 0.0
    return -silent, -vendor.accepted, vendor.name


def _scorecard(vendor: str) -> str:
    return f"/v1/vendors/{quote(vendor, safe='')}/scorecard"
