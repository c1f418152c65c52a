"""Every request of the desk, page or endpoint, as each role, in the own and in another group and tenant, against the table."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import ASGITransport, AsyncClient, Response

from tierdesk_bus import connect
from tierdesk_desk.app import build
from tierdesk_desk.authorisation_document import REQUESTS, Needs, Reach, render
from tierdesk_desk.domain.accounts import ROLES_OF_TIERS
from tierdesk_desk.domain.roles import PERMISSIONS, Role
from tierdesk_desk.signing_in import digest_of
from tierdesk_desk.store.sessions import add_session
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import Parts
from tierdesk_runtime.settings import Settings

OF_ALL_SERVICES = ("/v1/parked/", "/portal")
"""Each service answers the first for keys, as itself: tests/e2e asks them. The portal has a table of its own: tests/portal."""
BODIES: dict[str, Any] = {
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
    "release": {"owner": "holder", "reason": "Ill"},
    "/v1/desk/session/password": {"old": "not this one", "new": "another long password"},
    "/v1/desk/accounts": {"name": "new-one"},
    "/v1/desk/accounts/{account_id}": {"display_name": "Somebody else"},
    "grants": {"grants": [{"role": "auditor"}]},
}
ENDING = {("DELETE", "/v1/desk/session"), ("POST", "/logout")}
HTML = {"Accept": "text/html"}
UNKNOWN = {
    "tier": "l1", "group": "front", "name": "none",
    **{name: str(uuid4()) for name in ("file", "article_id", "callback_id", "visit_id", "repair_id", "shift_id", "mail_id")},
}  # fmt: skip


@pytest.fixture
async def real(
    desk: Any, database: Any, hashing: Any, postgres_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FastAPI]:
    """The application as it is served. Nothing runs beside it, and the other services are away."""
    monkeypatch.setattr("tierdesk_desk.app.PasswordHashing", lambda: hashing)
    monkeypatch.delenv("TIERDESK_DESK_GROUPS", raising=False)
    monkeypatch.setenv("TIERDESK_DESK_SERVICES_URL", "http://127.0.0.1:9")
    stored = Secrets.create(tmp_path / "secrets.json")
    settings = Settings(database_url=postgres_url, secrets_file=stored.path)
    bus = await connect(postgres_url, name="nobody", wait_seconds=0.0)
    service = await build(Parts(settings, database, bus, desk.clock, Identifiers(), KeyRing(stored), stored))
    yield service.app
    await bus.close()


def own_requests(app: FastAPI) -> set[tuple[str, str]]:
    return {
        (method, context.path_format)
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if not context.path_format.startswith(OF_ALL_SERVICES)
    }


class Visitor:
    """Somebody with a session, or without one."""

    def __init__(self, client: AsyncClient, csrf: str = "") -> None:
        self.client = client
        self.csrf = csrf

    async def ask(self, method: str, path: str, body: Any = None) -> Response:
        headers = {"X-CSRF-Token": self.csrf} | (HTML if not path.startswith("/v1/") else {})
        return await self.client.request(method, path, json=body, headers=headers)


async def enter(gate: Any, client: AsyncClient, name: str, grants: list[str], tenant: str = "main") -> Visitor:
    """A session without a password: hashing takes its time."""
    account = await gate.add(name, *grants, tenant=tenant)
    await gate.sql("UPDATE desk.account SET must_change_password = false WHERE id = $1", account.id)
    token, csrf = secrets.token_hex(32), secrets.token_hex(32)
    async with gate.database.transaction() as tx:
        await add_session(tx.connection, replace(account), digest=digest_of(token), csrf=csrf)
    client.cookies.set("tierdesk", token)
    return Visitor(client, csrf)


@pytest.fixture
async def places(desk: Any, offered: Any, person: Any, gate: Any) -> dict[str, dict[str, str]]:
    """What a request may name: of the own group, of another group, of another tenant; somebody has all of it."""
    from tierdesk_desk.domain.roles import Grant

    found = {}
    for place, tenant, group in (
        ("own", "main", ("l1", "front")),
        ("group", "main", ("l2", "networks")),
        ("tenant", "other", ("l1", "front")),
    ):
        offer = offered(f"Secret of {place}", place=group, tenant=tenant)
        work = await desk.offer(offer)
        account = await gate.add(f"target-{place}", "agent", tenant=tenant)
        holder = f"holder-{place}"
        await desk.board.claim(person(holder, Grant(Role.AGENT), tenant=tenant), work)
        found[place] = {
            **UNKNOWN,
            "assignment_id": str(work),
            "account_id": str(account.id),
            "ticket": offer.subject,
            "worker": holder,
            "tier": group[0],
            "group": group[1],
            "vendor": "acme",
            "service": "router",
            "parked_id": str(uuid4()),
        }
    return found


def test_every_route_has_a_row_and_every_row_a_route(real):
    assert own_requests(real) == set(REQUESTS)


def test_the_document_tells_every_role_and_row():
    text = render()
    assert all(f"`{method} {path}`" in text for method, path in REQUESTS)
    assert all(role.value in text for role in Role)


def body_of(path: str) -> Any:
    return BODIES.get(path) or BODIES.get(path.rpartition("/")[2] if path.startswith("/v1/") else "")


def variants(path: str) -> list[dict[str, str]]:
    """What stands for the words of a path that are steps."""
    if path.endswith("/{action}"):
        return [{"action": "note"}, {"action": "transfer"}]
    return [{"step": step} for step in ("publish", "send-back", "retire")] if path.endswith("/{step}") else [{}]


async def test_every_request_by_every_role(real, gate, places):
    """None is somebody who is not signed in, `nobody` somebody without a grant. Who may change accounts comes last."""
    watched = "SELECT * FROM desk.work WHERE assignment_id <> $1 ORDER BY tenant, assignment_id"
    before = await gate.sql(watched, places["own"]["assignment_id"])
    faults = []
    for role in (None, "nobody", *sorted(Role, key=lambda one: one is Role.ADMINISTRATOR)):
        async with AsyncClient(transport=ASGITransport(app=real), base_url="http://desk") as client:
            faults += await find_faults(client, gate, places, role)
    assert faults == []
    assert await gate.sql(watched, places["own"]["assignment_id"]) == before


async def find_faults(client, gate, places, role):
    place = ":l1/front" if role in {Role.AGENT, Role.LEAD} else ""
    granted = PERMISSIONS.get(role, frozenset()) if role else frozenset()
    faults = []
    visitor = Visitor(client)
    if role is not None:
        visitor = await enter(gate, client, f"some-{role}", [] if role == "nobody" else [f"{role}{place}"])
    for method, path in sorted(REQUESTS, key=lambda one: one in ENDING):
        needs = REQUESTS[method, path]
        if not needs.signed_in or ((method, path) in ENDING and role is not None and (method, path) != max(ENDING)):
            continue
        # Who lacks the verb is refused before anything is looked for: `nobody` shows it of all places, for all.
        everywhere = "{" in path and role is not None and (role == "nobody" or needs.verbs <= granted)
        for whose in ("own", "group", "tenant") if everywhere else ("own",):
            for words in variants(path):
                if path == "/v1/desk/changes" and role is not None and needs.verbs <= granted:
                    continue  # has no end; see test_work_authorisation.py
                answer = await visitor.ask(method, path.format(**places[whose], **words), body_of(path))
                fault = judge(needs, role, granted, whose, path, answer)
                if fault:
                    faults.append((role, method, path, whose, words, fault, answer.status_code, answer.text[-200:]))
                if whose != "own" and "Secret" in answer.text:
                    faults.append((role, method, path, whose, "tells"))
    return faults


def judge(  # noqa: PLR0911 - one answer for each row of the rules
    needs: Needs, role: Any, granted: Any, whose: str, path: str, answer: Response
) -> str | None:
    """What is wrong with an answer; None when it is as the table has it."""
    status, is_page = answer.status_code, not path.startswith("/v1/")
    if role is None:
        if is_page:
            return None if status == 303 and answer.headers["location"].startswith("/login") else "not sent to sign in"
        return None if status == 401 else "not 401"
    if not needs.verbs <= granted:
        return None if status == 403 else "not 403"
    if needs.reach is Reach.GROUP and whose != "own":
        if "{group}" in path and whose == "tenant":
            return None  # the own group of this name
        return None if status == 404 else "not 404"
    if needs.reach is Reach.ALL and role in ROLES_OF_TIERS:
        return None if status == 403 else "not 403"
    if needs.reach is Reach.TENANT and whose == "tenant":
        return None if status == 404 else "not 404"
    if status in {401, 403} and "Wrong password" not in answer.text:
        return "refused"
    if status >= 500 and status != 503:
        return "broken"
    return "not found" if status == 404 and needs.reach is not Reach.NOTHING and whose == "own" else None


def test_the_control_a_wrong_row_is_noticed():
    """Without it, a judge who lets all pass would pass."""
    needs = Needs(frozenset(PERMISSIONS[Role.AUDITOR]))
    assert judge(needs, Role.AGENT, frozenset(), "own", "/audit", Response(200)) == "not 403"
    of_work = REQUESTS["GET", "/works/{assignment_id}"]
    assert judge(of_work, Role.AGENT, PERMISSIONS[Role.AGENT], "group", "/works/x", Response(200)) == "not 404"
