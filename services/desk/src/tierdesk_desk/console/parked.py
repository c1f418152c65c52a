"""Messages that a service could not apply: shown, tried again, given up. For operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled, read_filled
from tierdesk_desk.console.neighbours import Answer, UnavailableError
from tierdesk_desk.console.rendering import Flash, Visit, redirect
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb
from tierdesk_runtime.problems import ProblemError

SERVICES: Final = ("intake", "router", "sla", "kb", "bridge", "desk")
"""The services that there are, each of which answers for what it has set aside."""
LIMIT: Final = 100
_LONGEST_REASON: Final = 1_500


def parked_page_routes(console: Console) -> APIRouter:
    """The pages. Each service is asked for its own."""
    router = console.router()
    pages = _ParkedPages(console)
    one = "/parked/{service}/{parked_id}"
    router.add_api_route("/parked", pages.read_all, methods=["GET"])
    router.add_api_route(one, pages.read, methods=["GET"])
    router.add_api_route(f"{one}/replay", pages.replay, methods=["POST"])
    router.add_api_route(f"{one}/discard", pages.discard, methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What was wrong with what was sent. `trouble` is a word."""

    status: int = 200
    filled: Filled = field(default_factory=Filled)
    faults: Faults = field(default_factory=dict)
    trouble: str | None = None


class _ParkedPages:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def read_all(self, request: Request) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.READ_PARKED)
        answers = await self._console.neighbours.ask(
            visit, {service: f"/v1/parked/{service}?limit={LIMIT}" for service in SERVICES}
        )
        found = [
            (service, view_parked(one))
            for service in SERVICES
            for one in (answers.found.get(service) or {}).get("messages", ())
        ]
        found.sort(key=lambda one: one[1]["parked_at"], reverse=True)
        return self._console.renderer.page(visit, "parked.html", messages=found, missed=answers.missed)

    async def read(self, request: Request, service: str, parked_id: UUID) -> Response:
        return await self._show(request, service, parked_id, _Attempt())

    async def replay(self, request: Request, service: str, parked_id: UUID) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.RESOLVE_PARKED)
        answer = await self._ask(visit, service, "POST", f"/{parked_id}/replay")
        return await self._go_on(request, service, parked_id, answer, "parked_replayed")

    async def discard(self, request: Request, service: str, parked_id: UUID) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.RESOLVE_PARKED)
        filled = read_filled(await request.form())
        fault = fault_of_reason(filled["reason"])
        if fault is not None:
            return await self._show(request, service, parked_id, _Attempt(422, filled, {"reason": fault}))
        answer = await self._ask(visit, service, "POST", f"/{parked_id}/discard", {"reason": filled["reason"]})
        return await self._go_on(request, service, parked_id, answer, "parked_discarded")

    async def _show(self, request: Request, service: str, parked_id: UUID, attempt: _Attempt) -> Response:
        visit, _, _ = await self._console.admit(request, Verb.READ_PARKED)
        answer = await self._ask(visit, service, "GET", f"/{parked_id}")
        if not answer.is_done:
            raise ProblemError(404)
        return self._console.renderer.page(
            visit,
            "parked_one.html",
            status=attempt.status,
            service=service,
            message=view_parked(answer.body),
            filled=attempt.filled,
            faults=attempt.faults,
            trouble=attempt.trouble,
        )

    async def _ask(self, visit: Visit, service: str, method: str, tail: str, body: Any = None) -> Answer:
        """Raises `ProblemError` 404 for a service that there is not, 503 for one that is away."""
        if service not in SERVICES:
            raise ProblemError(404)
        try:
            return await self._console.neighbours.call(visit, method, f"/v1/parked/{service}{tail}", body=body)
        except UnavailableError:
            raise ProblemError(503, headers={"Retry-After": "2"}) from None

    async def _go_on(self, request: Request, service: str, parked_id: UUID, answer: Answer, done: str) -> Response:
        if answer.is_done:
            return redirect(self._console.visit(request), "/parked", Flash(done))
        if answer.status == 409:
            return await self._show(request, service, parked_id, _Attempt(409, trouble="resolved_already"))
        raise ProblemError(404)


def fault_of_reason(reason: str) -> str | None:
    """What is wrong with the reason for which a message is given up."""
    if not reason:
        return "required"
    if "\x00" in reason:
        return "character"
    return "too_long" if len(reason) > _LONGEST_REASON else None


def view_parked(message: Mapping[str, Any]) -> dict[str, Any]:
    """The same with moments as such."""
    moments = ("first_seen_at", "parked_at", "resolved_at")
    return {
        **message,
        **{name: datetime.fromisoformat(message[name]) if message.get(name) else None for name in moments},
    }
