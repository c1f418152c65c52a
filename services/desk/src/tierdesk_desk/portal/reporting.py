"""Reporting a problem: what it is, then what its category asks for and is not known, each once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled, FormError, read_filled
from tierdesk_desk.console.neighbours import KeyReusedError, RefusedError, UnavailableError
from tierdesk_desk.console.rendering import Flash, Visit, redirect
from tierdesk_desk.domain.people import Person
from tierdesk_desk.portal.forms import (
    Looked,
    facts_to_ask,
    faults_of_event,
    new_key,
    prefill,
    read_looked,
    read_report,
)
from tierdesk_desk.portal.others import is_for_requesters, path_of_article
from tierdesk_desk.portal.search import looked_of, trail_of, words_of
from tierdesk_desk.portal.visiting import HOME, Portal, path_of
from tierdesk_policy import Policy

PATH = f"{HOME}/report"


def report_routes(portal: Portal) -> APIRouter:
    """The form. Its key makes one request of it, however often it is sent."""
    router = portal.router()
    pages = _ReportPages(portal)
    router.add_api_route(PATH, pages.begin, methods=["GET"])
    router.add_api_route(PATH, pages.go_on, methods=["POST"])
    return router


class _ReportPages:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def begin(self, request: Request) -> Response:
        visit, person, policy = await self._portal.enter(request)
        words, looked = words_of(request), looked_of(request)
        paths = {one: path_of_article(one) for one in looked}
        articles = (await self._portal.others.ask(visit, paths)).found
        shown = tuple((one, articles[one]["title"]) for one in looked if is_for_requesters(articles.get(one)))
        filled = Filled({"title": words, "key": new_key(), **prefill(await self._portal.requests.requester(person))})
        return self._show(visit, policy, filled, shown, back=trail_of(words, looked))

    async def go_on(self, request: Request) -> Response:
        visit, person, policy = await self._portal.enter(request)
        form = await request.form()
        filled, looked = read_filled(form), read_looked(form)
        known = await self._portal.requests.requester(person)
        try:
            event = read_report(filled, policy, person, known, looked)
        except FormError as error:
            return self._show(visit, policy, filled, looked, status=422, faults=error.faults)
        if not filled["asked"] and facts_to_ask(filled, policy, looked):
            return self._show(visit, policy, filled, looked, asks=True)
        return await self._send(visit, person, policy, filled, looked, event)

    async def _send(
        self, visit: Visit, person: Person, policy: Policy, filled: Filled, looked: Looked, event: dict[str, Any]
    ) -> Response:
        try:
            opened = await self._portal.others.tell(visit, person, event, filled["key"])
        except KeyReusedError:
            again = Filled({**filled.values, "key": new_key()}, filled.steps)
            return self._show(visit, policy, again, looked, status=409, trouble="sent_before", asks=True)
        except RefusedError as error:
            return self._show(visit, policy, filled, looked, status=422, faults=faults_of_event(error.faults))
        except UnavailableError:
            return self._show(visit, policy, filled, looked, status=503, trouble="unavailable", asks=True)
        await self._portal.requests.note(
            person, opened.ticket, reference=opened.reference, title=filled["title"], text=filled["text"]
        )
        return redirect(visit, path_of(opened.ticket), Flash("reported", {"reference": opened.reference}))

    def _show(
        self,
        visit: Visit,
        policy: Policy,
        filled: Filled,
        looked: Looked,
        *,
        status: int = 200,
        faults: Faults | None = None,
        trouble: str | None = None,
        asks: bool = False,
        back: str = "",
    ) -> Response:
        asked = bool(filled["asked"])
        wanted = filled["asked"].split(",") if asked else [fact.value for fact in facts_to_ask(filled, policy, looked)]
        return self._portal.page(
            visit,
            "report.html",
            status=status,
            filled=filled,
            looked=looked,
            faults=faults or {},
            trouble=trouble,
            asks=asks or asked,
            wanted=wanted if asks or asked else [],
            categories=policy.categories,
            departments=policy.departments,
            back=back,
        )
