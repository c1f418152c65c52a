"""Who may see and work what on the board, over HTTP: each endpoint, each role, in the own group, another tier, another tenant."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tierdesk_desk.domain.roles import PERMISSIONS, Role, Verb
from tierdesk_desk.feed import Feed
from tierdesk_desk.http.board import board_routes
from tierdesk_desk.http.stream import stream_routes
from tierdesk_desk.http.works import work_routes

LISTS = ("/board", "/board?held=true", "/counts", "/mine", "/left")
STEPS: dict[str, dict[str, Any]] = {
    "claim": {},
    "progress": {"note": "Mine"},
    "pause": {"party": "requester"},
    "resume": {},
    "transfer": {"to_group": "front"},
    "invite": {"to_group": "networks", "question": "Mine?"},
    "contribute": {"findings": "Mine"},
    "escalate": {"reason": "beyond_scope"},
    "carry": {"reason": "beyond_scope"},
    "return": {"reason": "not_ours"},
    "resolve": {"how": "Mine"},
}
RELEASE = {"owner": "somebody", "reason": "Mine"}
OVERSEES = Verb.OVERSEE
READS = Verb.READ_BOARD
WORKS = Verb.WORK


@pytest.fixture
def served(app: FastAPI, desk: Any) -> FastAPI:
    """The board too, under the policy of the tenants `main` and `other`."""
    for router in (board_routes(desk.board), work_routes(desk.board)):
        app.include_router(router)
    return app


@pytest.fixture
async def works(served: FastAPI, desk: Any, offered: Callable[..., Any]) -> dict[str, UUID]:
    """Work of the own group, of another group, of another tier and of another tenant, and of nobody."""
    return {
        "own": await desk.offer(offered("Own work")),
        "group": await desk.offer(offered("Secret of another group", place=("l2", "clients"))),
        "tier": await desk.offer(offered("Secret of another tier", place=("l2", "networks"))),
        "tenant": await desk.offer(offered("Secret of another tenant", tenant="other")),
        "nobody": uuid4(),
    }


def grant_of(role: Role) -> str:
    return f"{role.value}:l1/front" if role in {Role.AGENT, Role.LEAD} else role.value


async def rows(gate, *ids):
    return await gate.sql("SELECT * FROM desk.work WHERE assignment_id = ANY($1) ORDER BY 1, 2", list(ids))


def test_every_endpoint_of_work_is_asked_for(served):
    steps = {f"/v1/desk/works/{{assignment_id}}/{name}" for name in (*STEPS, "release")}
    lists = {f"/v1/desk{path.partition('?')[0]}" for path in LISTS} | {
        "/v1/desk/next",
        "/v1/desk/works/{assignment_id}",
    }
    paths = {context.path_format for context in iter_route_contexts(served.routes)}
    others = ("/v1/desk/account", "/v1/desk/session", "/v1/desk/audit")
    assert {path for path in paths if not path.startswith(others)} == steps | lists


async def test_what_is_not_ones_own_is_as_what_does_not_exist(gate, works, signed_in):
    foreign = [works[name] for name in ("group", "tier", "tenant")]
    before = await rows(gate, *foreign)
    for role in Role:
        browser = await signed_in(f"some-{role}", grant_of(role))
        for name in ("group", "tier", "tenant", "nobody"):
            answers = [(READS, await browser.ask("GET", f"/works/{works[name]}"))]
            for step, body in STEPS.items():
                answers.append((WORKS, await browser.ask("POST", f"/works/{works[name]}/{step}", body)))
            answers.append((OVERSEES, await browser.ask("POST", f"/works/{works[name]}/release", RELEASE)))
            for verb, answer in answers:
                expected = 404 if verb in PERMISSIONS[role] else 403
                assert answer.status_code == expected, (role, name, answer.request.url, answer.text)
                assert "Secret" not in answer.text
        for path in LISTS:
            answer = await browser.ask("GET", path)
            assert answer.status_code == (200 if READS in PERMISSIONS[role] else 403), (role, path)
            assert "Secret" not in answer.text
    assert await rows(gate, *foreign) == before


async def test_ones_own_is_seen_and_worked_as_far_as_the_role_goes(gate, works, signed_in):
    """The control: without it, a desk that answers nothing at all would pass. The agent, who takes it, comes last."""
    before = await rows(gate, works["own"])
    for role in sorted(Role, key=lambda one: WORKS in PERMISSIONS[one]):
        browser = await signed_in(f"some-{role}", grant_of(role))
        seen = await browser.ask("GET", f"/works/{works['own']}")
        assert seen.status_code == (200 if READS in PERMISSIONS[role] else 403), role
        listed = await browser.ask("GET", "/board")
        assert ("Own work" in listed.text) is (READS in PERMISSIONS[role]), role
        done = await browser.ask("POST", "/next" if role is Role.AGENT else f"/works/{works['own']}/claim")
        assert done.status_code == (200 if WORKS in PERMISSIONS[role] else 403), role
        assert (await rows(gate, works["own"]) != before) is (WORKS in PERMISSIONS[role]), role


async def test_who_is_not_signed_in_or_has_no_grant_sees_nothing(gate, works, open_browser, signed_in):
    before = await rows(gate, *works.values())
    for browser, status in ((open_browser(), 401), (await signed_in("bare"), 403)):
        for work in works.values():
            assert (await browser.ask("GET", f"/works/{work}")).status_code == status
            for step, body in STEPS.items():
                assert (await browser.ask("POST", f"/works/{work}/{step}", body)).status_code == status
        for path in LISTS:
            assert (await browser.ask("GET", path)).status_code == status
        assert (await browser.ask("POST", "/next")).status_code == status
    assert await rows(gate, *works.values()) == before


async def test_the_stream_is_for_who_reads_the_board(app, desk, open_browser, signed_in):
    feed = Feed(desk.database)
    feed.end()  # so that who may follow it is answered, and not for ever
    app.include_router(stream_routes(feed, lambda person: None))
    assert (await open_browser().ask("GET", "/changes")).status_code == 401
    for role in ("nobody", *Role):
        browser = await signed_in(f"some-{role}", *([grant_of(role)] if role in set(Role) else []))
        expected = 200 if READS in PERMISSIONS.get(role, ()) else 403
        assert (await browser.ask("GET", "/changes")).status_code == expected, role
