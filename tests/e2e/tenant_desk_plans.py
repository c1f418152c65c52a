"""How the endpoints of the people at the desk are called by one tenant with the identifiers of another, who works there too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2

from e2e.tenants import CANARY, COUNTER, JSON, MINE, PROBLEM, Call, First, Plan, own, pages, plain
from e2e.whole_desk import OTHER, OWN, WholeDesk, wait_until

DESK = "/v1/desk"
SIGN_IN = f"{DESK}/sessions"
OF_ANYBODY = {SIGN_IN, f"{DESK}/session", f"{DESK}/session/password"}
"""Nothing is granted for these: they are about who asks."""


def fill_board(desk: WholeDesk, client: httpx2.Client, first: First) -> None:
    """Both tenants have a counter. At the first one's somebody has work, has resolved some, and some is free."""
    with desk.client(OTHER) as other:
        assert other.put("/v1/policy", content=MINE).status_code == 200
    for number in range(3):
        event = PROBLEM | {"title": f"Queue {number} {CANARY}", "category": COUNTER}
        assert client.post("/v1/events", json=event).status_code == 202

    def at_the_counter() -> list[str] | None:
        works = client.get(f"{DESK}/board?group={COUNTER}").json()["works"]
        return [work["assignment_id"] for work in works] if len(works) == 3 else None

    first.works += wait_until(at_the_counter, "the board has them")
    for name, step in zip(first.works, ({"note": CANARY}, {"how": CANARY}), strict=False):
        assert client.post(f"{DESK}/works/{name}/claim").status_code == 200
        said = client.post(f"{DESK}/works/{name}/{'progress' if 'note' in step else 'resolve'}", json=step)
        assert said.status_code == 200, said.text
    tess = desk.accounts[OWN][0]
    known = {"display_name": f"Tess {CANARY}", "skills": ["wireless"]}
    assert client.patch(f"{DESK}/accounts/{tess}", json=known).status_code == 200
    ann = {"name": f"ann-{CANARY}", "display_name": f"Ann {CANARY}", "grants": [{"role": "agent", "tier": "l1"}]}
    added = client.post(f"{DESK}/accounts", json=ann)
    assert added.status_code == 201, added.text
    first.accounts += [added.json()["account"]["id"], tess]
    first.audit_hash = client.get(f"{DESK}/audit/verification").json()["hash"]


def _board(first: First, _desk: WholeDesk) -> Iterator[Call]:
    groups = (f"?group={COUNTER}", f"?group=front-{CANARY}", f"?tier=l1&group={COUNTER}", "?tier=l1")
    for query in ("", "?limit=200", "?held=true", *groups, f"?tenant={OWN}", f"?after=1~0~{first.works[0]}"):
        yield Call(f"{DESK}/board{query}", headers={"X-Tenant": OWN})


def _on(what: str, tail: str, body: dict[str, Any]) -> Plan:
    """Something of each of the first tenant's works or accounts."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        content = json.dumps(body).encode() if body else b""
        for name in getattr(first, what):
            yield Call(f"{DESK}/{what}/{name}{tail}?tenant={OWN}", content, JSON | {"X-Tenant": OWN}, refused=True)

    return plan


def _on_work(tail: str = "", **body: Any) -> Plan:
    return _on("works", tail, body)


def _on_account(tail: str = "", **body: Any) -> Plan:
    return _on("accounts", tail, body)


def _audit(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=500", f"?subject=ann-{CANARY}", "?before=1000000", f"?tenant={OWN}"):
        yield Call(f"{DESK}/audit{query}")


def _verification(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", f"?position=1&hash={first.audit_hash}", f"?tenant={OWN}"):
        yield Call(f"{DESK}/audit/verification{query}")


def _sign_in(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    """Once: who tries many passwords waits. A wrong one for the first tenant would stand in its audit, as it should."""
    body = json.dumps({"tenant": OTHER, "name": "tess", "password": "not this one"}).encode()
    yield Call(SIGN_IN, body, JSON | {"X-Tenant": OWN})


def _sign_out(_first: First, desk: WholeDesk) -> Iterator[Call]:
    """With a session of its own, since the others are still to be used."""
    yield Call(f"{DESK}/session?tenant={OWN}", headers=desk.new_session(OTHER))


DESK_PLANS: dict[tuple[str, str], Plan] = {
    ("GET", f"{DESK}/board"): _board,
    ("GET", f"{DESK}/counts"): plain(f"{DESK}/counts"),
    ("GET", f"{DESK}/mine"): plain(f"{DESK}/mine"),
    ("GET", f"{DESK}/left"): plain(f"{DESK}/left?limit=200"),
    ("GET", f"{DESK}/changes"): plain(f"{DESK}/changes?tenant={OWN}"),
    ("POST", f"{DESK}/next"): plain(f"{DESK}/next?tenant={OWN}"),
    ("GET", f"{DESK}/works/{{assignment_id}}"): _on_work(),
    ("POST", f"{DESK}/works/{{assignment_id}}/claim"): _on_work("/claim"),
    ("POST", f"{DESK}/works/{{assignment_id}}/progress"): _on_work("/progress", note="mine"),
    ("POST", f"{DESK}/works/{{assignment_id}}/pause"): _on_work("/pause", party="requester"),
    ("POST", f"{DESK}/works/{{assignment_id}}/resume"): _on_work("/resume", note="mine"),
    ("POST", f"{DESK}/works/{{assignment_id}}/resolve"): _on_work("/resolve", how="mine"),
    ("POST", f"{DESK}/works/{{assignment_id}}/escalate"): _on_work("/escalate", reason="beyond_scope"),
    ("POST", f"{DESK}/works/{{assignment_id}}/carry"): _on_work("/carry", reason="beyond_scope"),
    ("POST", f"{DESK}/works/{{assignment_id}}/transfer"): _on_work("/transfer", to_group="front-mine"),
    ("POST", f"{DESK}/works/{{assignment_id}}/return"): _on_work("/return", reason="not_ours"),
    ("POST", f"{DESK}/works/{{assignment_id}}/invite"): _on_work("/invite", to_group="front-mine", question="mine"),
    ("POST", f"{DESK}/works/{{assignment_id}}/contribute"): _on_work("/contribute", findings="mine"),
    ("GET", f"{DESK}/accounts"): pages(f"{DESK}/accounts", "accounts"),
    ("POST", f"{DESK}/accounts"): own(f"{DESK}/accounts", name="mine"),
    ("GET", f"{DESK}/accounts/{{account_id}}"): _on_account(),
    ("PATCH", f"{DESK}/accounts/{{account_id}}"): _on_account(display_name="mine"),
    ("PUT", f"{DESK}/accounts/{{account_id}}/grants"): _on_account("/grants", grants=[]),
    ("POST", f"{DESK}/accounts/{{account_id}}/password"): _on_account("/password"),
    ("GET", f"{DESK}/audit"): _audit,
    ("GET", f"{DESK}/audit/verification"): _verification,
    ("POST", SIGN_IN): _sign_in,
    ("GET", f"{DESK}/session"): plain(f"{DESK}/session?tenant={OWN}"),
    ("POST", f"{DESK}/session/password"): own(f"{DESK}/session/password", old="not this one", new="another long one"),
    ("DELETE", f"{DESK}/session"): _sign_out,
}
