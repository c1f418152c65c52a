"""How the endpoints of the people at the desk are called by one tenant with the identifiers of another, who works there too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2

from e2e.tenants import CANARY, COUNTER, JSON, MINE, PROBLEM, Call, First, Plan, own, pages, plain
from e2e.whole_desk import OTHER, OWN, WholeDesk, wait_until

DESK = "/v1/desk"
NUMBER = "+442079460018"
SIGN_IN = f"{DESK}/sessions"
_SHIFT = {
    "person": f"ann-{CANARY}",
    "tier": "l1",
    "group": COUNTER,
    "starts_at": "2026-03-02T09:00:00Z",
    "ends_at": "2026-03-02T17:00:00Z",
}
_PARCEL = {"device": f"Laptop {CANARY}", "depot": f"Depot {CANARY}", "note": CANARY}
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
    ticket = client.get(f"{DESK}/works/{first.works[0]}").json()["ticket"]
    promise = {"ticket": ticket, "number": NUMBER, "note": CANARY}
    promised = client.post(f"{DESK}/callbacks", json=promise)
    assert promised.status_code == 201, promised.text
    first.callbacks.append(promised.json()["id"])
    made = client.post(f"{DESK}/repairs", json=_PARCEL | {"assignment_id": first.works[0]})
    assert made.status_code == 201, made.text
    first.repairs.append(made.json()["id"])
    planned = client.post(f"{DESK}/visits", json=_slot() | {"assignment_id": first.works[0]})
    assert planned.status_code == 201, planned.text
    first.visits.append(planned.json()["id"])
    tess = desk.accounts[OWN][0]
    known = {"display_name": f"Tess {CANARY}", "skills": ["wireless"]}
    assert client.patch(f"{DESK}/accounts/{tess}", json=known).status_code == 200
    ann = {"name": f"ann-{CANARY}", "display_name": f"Ann {CANARY}", "grants": [{"role": "agent", "tier": "l1"}]}
    added = client.post(f"{DESK}/accounts", json=ann)
    assert added.status_code == 201, added.text
    shift = client.post(f"{DESK}/shifts", json=_SHIFT)
    assert shift.status_code == 201, shift.text
    first.shifts.append(shift.json()["id"])
    assert client.put(f"{DESK}/presence", json={"state": "busy"}).status_code == 200
    first.accounts += [added.json()["account"]["id"], tess]
    first.mails += wait_until(
        lambda: [mail["id"] for mail in client.get(f"{DESK}/mails?state=suppressed").json()["mails"]],
        "mails would have been sent",
    )
    first.audit_hash = client.get(f"{DESK}/audit/verification").json()["hash"]


def _slot() -> dict[str, str]:
    """Somewhere, tomorrow."""
    starts = datetime.now(UTC) + timedelta(days=1)
    times = {"starts_at": starts.isoformat(), "ends_at": (starts + timedelta(hours=1)).isoformat()}
    return {"address": f"12 {CANARY}", "technician": f"Theo {CANARY}", **times}


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


def _on_callback(tail: str = "", **body: Any) -> Plan:
    return _on("callbacks", tail, body)


def _callbacks(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=200", f"?group={COUNTER}", f"?after=0~{first.callbacks[0]}", f"?tenant={OWN}"):
        yield Call(f"{DESK}/callbacks{query}", headers={"X-Tenant": OWN})


def _promise(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for ticket in first.names:
        body = json.dumps({"ticket": ticket, "number": NUMBER}).encode()
        yield Call(f"{DESK}/callbacks", body, JSON | {"X-Tenant": OWN}, refused=True)


def _arranged(what: str) -> Plan:
    """Lists of visits or repairs, and of those of each of the first tenant's tickets."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        some = getattr(first, what)[0]
        for query in ("", "?limit=200", f"?group={COUNTER}", f"?after=0~{some}", f"?tenant={OWN}"):
            yield Call(f"{DESK}/{what}{query}", headers={"X-Tenant": OWN})
        for ticket in first.tickets:
            yield Call(f"{DESK}/{what}?ticket={ticket}", headers={"X-Tenant": OWN}, refused=True)

    return plan


def _arrange(what: str) -> Plan:
    """For work of the first tenant."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        for work in first.works:
            body = json.dumps((_slot() if what == "visits" else _PARCEL) | {"assignment_id": work}).encode()
            yield Call(f"{DESK}/{what}", body, JSON | {"X-Tenant": OWN}, refused=True)

    return plan


def _move(first: First, desk: WholeDesk) -> Iterator[Call]:
    yield from _on("visits", "/move", _slot() | {"token": 1})(first, desk)


def _callers(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    for number in (NUMBER, "02079460018", f"+44 {CANARY}"):
        yield Call(f"{DESK}/callers?phone={quote(number)}&tenant={OWN}", headers={"X-Tenant": OWN})


def _on_account(tail: str = "", **body: Any) -> Plan:
    return _on("accounts", tail, body)


def _audit(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=500", f"?subject=ann-{CANARY}", "?before=1000000", f"?tenant={OWN}"):
        yield Call(f"{DESK}/audit{query}")


def _verification(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", f"?position=1&hash={first.audit_hash}", f"?tenant={OWN}"):
        yield Call(f"{DESK}/audit/verification{query}")


def _mails(first: First, _desk: WholeDesk) -> Iterator[Call]:
    states = [f"?state={state}&limit=200" for state in ("queued", "sent", "failed", "suppressed")]
    for query in ("", *states, f"?state=suppressed&before={first.mails[-1]}", f"?tenant={OWN}"):
        yield Call(f"{DESK}/mails{query}", headers={"X-Tenant": OWN})


def _record(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call(f"{DESK}/people/ann-{CANARY}/record?tenant={OWN}", headers={"X-Tenant": OWN}, refused=True)
    yield Call(f"{DESK}/people/tess/record?tenant={OWN}")


def _people(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=200", f"?after=ann-{CANARY}", f"?tenant={OWN}"):
        yield Call(f"{DESK}/people{query}")


def _shifts(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", f"?person=ann-{CANARY}", f"?after=0~{first.shifts[0]}", f"?tenant={OWN}"):
        yield Call(f"{DESK}/shifts{query}")


def _shift(first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call(f"{DESK}/shifts/{first.shifts[0]}?tenant={OWN}", headers={"X-Tenant": OWN}, refused=True)


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
    ("GET", f"{DESK}/callbacks"): _callbacks,
    ("POST", f"{DESK}/callbacks"): _promise,
    ("GET", f"{DESK}/callbacks/{{callback_id}}"): _on_callback(),
    ("POST", f"{DESK}/callbacks/{{callback_id}}/claim"): _on_callback("/claim"),
    ("POST", f"{DESK}/callbacks/{{callback_id}}/release"): _on_callback("/release", token=1),
    ("POST", f"{DESK}/callbacks/{{callback_id}}/attempts"): _on_callback("/attempts", token=1, result="reached"),
    ("POST", f"{DESK}/callbacks/{{callback_id}}/close"): _on_callback("/close", note="mine"),
    ("GET", f"{DESK}/visits"): _arranged("visits"),
    ("POST", f"{DESK}/visits"): _arrange("visits"),
    ("GET", f"{DESK}/visits/{{visit_id}}"): _on("visits", "", {}),
    ("POST", f"{DESK}/visits/{{visit_id}}/move"): _move,
    ("POST", f"{DESK}/visits/{{visit_id}}/end"): _on("visits", "/end", {"token": 1, "outcome": "done"}),
    ("GET", f"{DESK}/repairs"): _arranged("repairs"),
    ("POST", f"{DESK}/repairs"): _arrange("repairs"),
    ("GET", f"{DESK}/repairs/{{repair_id}}"): _on("repairs", "", {}),
    ("POST", f"{DESK}/repairs/{{repair_id}}/steps"): _on("repairs", "/steps", {"token": 1, "stage": "sent"}),
    ("GET", f"{DESK}/callers"): _callers,
    ("GET", f"{DESK}/call-guard"): plain(f"{DESK}/call-guard?days=90&tenant={OWN}"),
    ("GET", f"{DESK}/presence"): plain(f"{DESK}/presence?tenant={OWN}"),
    ("PUT", f"{DESK}/presence"): own(f"{DESK}/presence", state="away"),
    ("GET", f"{DESK}/people"): _people,
    ("GET", f"{DESK}/people/{{name}}/record"): _record,
    ("GET", f"{DESK}/shifts"): _shifts,
    ("POST", f"{DESK}/shifts"): own(f"{DESK}/shifts", **_SHIFT | {"person": "otto"}),
    ("DELETE", f"{DESK}/shifts/{{shift_id}}"): _shift,
    ("POST", f"{DESK}/works/{{assignment_id}}/release"): _on_work("/release", owner="tess", reason="mine"),
    ("GET", f"{DESK}/accounts"): pages(f"{DESK}/accounts", "accounts"),
    ("POST", f"{DESK}/accounts"): own(f"{DESK}/accounts", name="mine"),
    ("GET", f"{DESK}/accounts/{{account_id}}"): _on_account(),
    ("PATCH", f"{DESK}/accounts/{{account_id}}"): _on_account(display_name="mine"),
    ("PUT", f"{DESK}/accounts/{{account_id}}/grants"): _on_account("/grants", grants=[]),
    ("POST", f"{DESK}/accounts/{{account_id}}/password"): _on_account("/password"),
    ("GET", f"{DESK}/mails"): _mails,
    ("POST", f"{DESK}/mails/{{mail_id}}/retry"): _on("mails", "/retry", {}),
    ("POST", f"{DESK}/mails/{{mail_id}}/discard"): _on("mails", "/discard", {}),
    ("DELETE", f"{DESK}/accounts/{{account_id}}/sessions"): _on_account("/sessions"),
    ("GET", f"{DESK}/audit"): _audit,
    ("GET", f"{DESK}/audit/verification"): _verification,
    ("POST", SIGN_IN): _sign_in,
    ("GET", f"{DESK}/session"): plain(f"{DESK}/session?tenant={OWN}"),
    ("POST", f"{DESK}/session/password"): own(f"{DESK}/session/password", old="not this one", new="another long one"),
    ("DELETE", f"{DESK}/session"): _sign_out,
}
