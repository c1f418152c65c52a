"""Who may see, promise and make callbacks, over HTTP: each endpoint, each role, in the own group, another tier, another tenant."""

from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tierdesk_desk.domain.roles import PERMISSIONS, Role, Verb
from tierdesk_desk.http.call_guard import call_guard_routes
from tierdesk_desk.http.callbacks import callback_routes

NUMBER = "+442079460018"
STEPS: dict[str, dict[str, Any]] = {
    "claim": {},
    "release": {"token": 1},
    "attempts": {"token": 1, "result": "reached"},
    "close": {"note": "Mine"},
}
READS = Verb.READ_BOARD
WORKS = Verb.WORK


@pytest.fixture
def served(app: FastAPI, desk: Any) -> FastAPI:
    app.include_router(callback_routes(desk.callbacks))
    app.include_router(call_guard_routes(desk.callbacks))
    return app


@pytest.fixture
async def promised(served, desk, offered, person) -> dict[str, tuple[UUID, str]]:
    """Callbacks, each with its ticket, of the own group, of another tier and of another tenant, and of nobody."""

    async def promise(tenant="main", **place):
        offer = offered("Secret", tenant=tenant, **place)
        await desk.offer(offer)
        made = await desk.callbacks.promise(person("somebody", tenant=tenant), offer.subject, NUMBER, note="Secret")
        return made.id, offer.subject

    return {
        "own": await promise(),
        "tier": await promise(place=("l2", "networks")),
        "tenant": await promise(tenant="other"),
        "nobody": (uuid4(), str(uuid4())),
    }


async def visit(signed_in: Any, role: Role | None) -> Any:
    """Somebody of this role in the own group, of a name that nobody else has."""
    place = ":l1/front" if role in {Role.AGENT, Role.LEAD} else ""
    return await signed_in(f"someone-{uuid4()}", *([] if role is None else [f"{role.value}{place}"]))


async def rows(gate):
    return await gate.sql("SELECT * FROM desk.callback ORDER BY tenant, id")


def test_every_endpoint_is_asked_for(served):
    paths = {context.path_format for context in iter_route_contexts(served.routes)}
    steps = {f"/v1/desk/callbacks/{{callback_id}}/{step}" for step in STEPS}
    rest = {"/v1/desk/callbacks", "/v1/desk/callbacks/{callback_id}", "/v1/desk/callers", "/v1/desk/call-guard"}
    assert {path for path in paths if path.startswith("/v1/desk/call")} == steps | rest


async def test_what_is_not_ones_own_is_as_what_does_not_exist(gate, promised, signed_in):
    before = await rows(gate)
    visits = [(role, await visit(signed_in, role)) for role in (None, *Role)]
    for (role, browser), name in product(visits, ("tier", "tenant", "nobody")):
        granted = frozenset() if role is None else PERMISSIONS[role]
        callback, ticket = promised[name]
        answers = [(READS, await browser.ask("GET", f"/callbacks/{callback}"))]
        answers.append((WORKS, await browser.ask("POST", "/callbacks", {"ticket": ticket, "number": NUMBER})))
        for step, body in STEPS.items():
            answers.append((WORKS, await browser.ask("POST", f"/callbacks/{callback}/{step}", body)))
        for verb, answer in answers:
            assert answer.status_code == (404 if verb in granted else 403), (role, name, answer.request.url)
            assert "Secret" not in answer.text
    assert await rows(gate) == before


async def test_ones_own_is_seen_and_made_as_far_as_the_role_goes(promised, signed_in):
    callback, _ = promised["own"]
    for role in (None, *Role):
        browser = await visit(signed_in, role)
        granted = frozenset() if role is None else PERMISSIONS[role]
        seen, listed = await browser.ask("GET", f"/callbacks/{callback}"), await browser.ask("GET", "/callbacks")
        for answer in (seen, listed):
            assert answer.status_code == (200 if READS in granted else 403), role
            assert ("Secret" in answer.text) is (READS in granted), role
        if READS in granted:
            assert [one["id"] for one in listed.json()["callbacks"]] == [str(callback)]
        claimed = await browser.ask("POST", f"/callbacks/{callback}/claim")
        assert claimed.status_code == (200 if WORKS in granted else 403), role
        callers = await browser.ask("GET", f"/callers?phone=%2B{NUMBER[1:]}")
        assert callers.status_code == (200 if Verb.OPEN_TICKET in granted else 403), role


async def test_the_figures_of_all_groups_are_for_whoever_leads_them_all(served, signed_in):
    for grants in ((), ("agent",), ("lead:l1",), ("lead",), ("administrator",)):
        browser = await signed_in(f"someone-{uuid4()}", *grants)
        assert (await browser.ask("GET", "/call-guard")).status_code == (200 if grants == ("lead",) else 403), grants


async def test_nothing_is_for_who_is_not_signed_in(promised, open_browser):
    browser, (callback, ticket) = open_browser(), promised["own"]
    for method, path, body in (
        ("GET", "/callbacks", None),
        ("GET", f"/callbacks/{callback}", None),
        ("POST", "/callbacks", {"ticket": ticket, "number": NUMBER}),
        ("GET", "/callers?phone=1", None),
        ("GET", "/call-guard", None),
        *(("POST", f"/callbacks/{callback}/{step}", body) for step, body in STEPS.items()),
    ):
        assert (await browser.ask(method, path, body)).status_code == 401
