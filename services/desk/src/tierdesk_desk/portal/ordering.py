"""Ordering from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_contracts.vocabulary import Identifier
from tierdesk_desk.console.forms import Faults, FormError
from tierdesk_desk.console.neighbours import UnavailableError
from tierdesk_desk.console.rendering import Flash, Visit, redirect
from tierdesk_desk.domain.people import Person
from tierdesk_desk.portal.forms import KEY, new_key, requester_of
from tierdesk_desk.portal.order_forms import PREFIX, faults_of, read_answers, read_questions
from tierdesk_desk.portal.others import CATALOGUE, key_of
from tierdesk_desk.portal.visiting import HOME, Portal, path_of
from tierdesk_runtime.problems import ProblemError

LIST = f"{HOME}/services"


def ordering_routes(portal: Portal) -> APIRouter:
    """The pages."""
    router = portal.router()
    pages = _OrderingPages(portal)
    router.add_api_route(LIST, pages.read_list, methods=["GET"])
    router.add_api_route(f"{LIST}/{{item}}", pages.read, methods=["GET"])
    router.add_api_route(f"{LIST}/{{item}}", pages.order, methods=["POST"])
    return router


class _OrderingPages:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def read_list(self, request: Request, after: Identifier = "") -> Response:
        visit, _, _ = await self._portal.enter(request)
        path = f"{CATALOGUE}?limit=50" + (f"&after={after}" if after else "")
        answers = await self._portal.others.ask(visit, {"services": path})
        found = answers.found.get("services") or {}
        return self._portal.page(
            visit,
            "services.html",
            services=found.get("services", ()),
            following=found.get("next"),
            missed=answers.missed,
        )

    async def read(self, request: Request, item: Identifier) -> Response:
        visit, _, _ = await self._portal.enter(request)
        return self._show(visit, await self._service(visit, item), {}, new_key())

    async def order(self, request: Request, item: Identifier) -> Response:
        visit, person, _ = await self._portal.enter(request)
        form = await request.form()
        given, key = _given(form), str(form.get("key") or "")
        service = await self._service(visit, item)
        questions = read_questions(service["form"])
        if questions is None or not KEY.fullmatch(key):
            word = "not_here" if questions is None else "not_now"
            return self._show(visit, service, given, new_key(), status=422, trouble=word)
        if str(form.get("version")) != str(service["version"]):
            return self._show(visit, service, given, key, status=409, trouble="other_version")
        try:
            answers = read_answers(questions, given)
        except FormError as error:
            return self._show(visit, service, given, key, status=422, faults=error.faults)
        return await self._send(visit, person, service, given, key, answers)

    async def _send(
        self,
        visit: Visit,
        person: Person,
        service: Mapping[str, Any],
        given: Mapping[str, list[str]],
        key: str,
        answers: dict[str, Any],
    ) -> Response:
        item = str(service["item"])
        known = await self._portal.requests.requester(person)
        body = {"requester": requester_of(person, known), "answers": answers, "version": service["version"]}
        try:
            answer = await self._portal.others.call(
                visit,
                "POST",
                f"{CATALOGUE}/{item}/orders",
                body=body,
                headers={"Idempotency-Key": key_of(person, item, key)},
            )
        except UnavailableError:
            return self._show(visit, service, given, key, status=503, trouble="unavailable")
        if answer.is_done:
            ticket = str(answer.body["order"])
            await self._portal.requests.note(person, ticket, reference="", title=str(service["name"]))
            return redirect(visit, path_of(ticket), Flash("ordered"))
        if answer.status == 422 and "Idempotency-Key" not in answer.faults:
            return self._show(visit, service, given, key, status=422, faults=faults_of(answer.faults))
        word = {404: "not_now", 422: "sent_before"}.get(answer.status, "other_version")
        return self._show(visit, service, given, new_key(), status=409, trouble=word)

    async def _service(self, visit: Visit, item: str) -> Mapping[str, Any]:
        try:
            answer = await self._portal.others.call(visit, "GET", f"{CATALOGUE}/{item}")
        except UnavailableError:
            raise ProblemError(503, headers={"Retry-After": "2"}) from None
        if not answer.is_done or not answer.body.get("active"):
            raise ProblemError(404)
        found: Mapping[str, Any] = answer.body
        return found

    def _show(
        self,
        visit: Visit,
        service: Mapping[str, Any],
        given: Mapping[str, list[str]],
        key: str,
        *,
        status: int = 200,
        faults: Faults | None = None,
        trouble: str | None = None,
    ) -> Response:
        questions = read_questions(service["form"])
        return self._portal.page(
            visit,
            "service.html",
            status=status,
            service=service,
            questions=questions,
            prefix=PREFIX,
            given=given,
            key=key,
            faults=faults or {},
            trouble=trouble or ("not_here" if questions is None else None),
        )


def _given(form: FormData) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str) and name.startswith(PREFIX):
            given.setdefault(name, []).append(value)
    return given
