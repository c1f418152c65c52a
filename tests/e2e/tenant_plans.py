"""How each endpoint is called by one tenant with the identifiers of another: those of intake, router, sla and bridge, and all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from e2e.endpoints import OUTCOME
from e2e.tenant_desk_plans import DESK_PLANS
from e2e.tenant_knowledge_plans import KNOWLEDGE_PLANS
from e2e.tenant_parked_plans import PARKED_PLANS
from e2e.tenants import (
    CALL_ID,
    CANARY,
    JSON,
    MINE,
    NDJSON,
    PROBLEM,
    VENDOR,
    Call,
    First,
    Plan,
    on_one,
    plain,
)  # fmt: skip
from e2e.whole_desk import OTHER, OWN, WholeDesk
from tierdesk_runtime.signatures import sign


def _tickets(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in (
        "",
        "?limit=500",
        f"?group=front-{CANARY}",
        "?tier=l1",
        "?tier=l4",
        "?status=offered",
        f"?after={first.cursor}",
        f"?tenant={OWN}",
    ):
        yield Call(f"/v1/tickets{query}")


def _ticket(first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield from (Call(f"/v1/tickets/{name}", refused=True) for name in first.names)
    spoofed = {"X-Tenant": OWN, "X-Forwarded-User": OWN, "Tierdesk-Tenant": OWN, "X-Original-URL": "/v1/tickets"}
    yield Call(f"/v1/tickets/{first.tickets[0]}?tenant={OWN}", headers=spoofed, refused=True)


def _acknowledgement(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"note": "Mine"}).encode()
    yield from (Call(f"/v1/tickets/{name}/acknowledgement", body, JSON, refused=True) for name in first.names)


def _merge(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for name in first.names:
        body = json.dumps({"into": first.references[0], "reason": "mine"}).encode()
        yield Call(f"/v1/tickets/{name}/merge", body, JSON, refused=True)


def _split(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"title": "Another matter", "reason": "mine"}).encode()
    yield from (Call(f"/v1/tickets/{name}/split", body, JSON, refused=True) for name in first.names)


def _clocks(tail: str = "") -> Plan:
    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        yield from (Call(f"/v1/clocks/{name}{tail}", refused=True) for name in first.names)

    return plan


def follow_ups(first: First) -> list[dict[str, Any]]:
    """Words on the first tenant's tickets, all that there are."""
    kinds = (
        {"type": "requester_replied", "text": "x"},
        {"type": "facts_told", "location": "x"},
        {"type": "confirmed"},
        {"type": "reopened", "reason": "x"},
        {"type": "cancelled"},
    )
    return [kind | {"ticket": name} for kind in kinds for name in first.names]  # fmt: skip


def _events(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for event in follow_ups(first):
        yield Call("/v1/events", json.dumps(event).encode(), JSON, refused=True)
    mine = {"type": "problem_reported", "requester": {"party": f"ann-{CANARY}"}, "title": "Mine"}
    yield Call("/v1/events", json.dumps(mine).encode(), JSON)  # the same party of another tenant is another party
    yield Call("/v1/events", json.dumps(PROBLEM).encode(), JSON | {"Idempotency-Key": "first"})
    yield Call("/v1/events", json.dumps(mine | {"tenant": OWN}).encode(), JSON, refused=True)
    yield Call("/v1/events", json.dumps(mine | {"category": f"cat-{CANARY}"}).encode(), JSON)


def _batch(first: First, _desk: WholeDesk) -> Iterator[Call]:
    events = [*follow_ups(first), PROBLEM]
    lines = [{"key": f"line-{number}", "event": event} for number, event in enumerate(events)]
    lines.append({"key": "line-first", "event": PROBLEM})
    yield Call("/v1/events:batch", b"\n".join(json.dumps(line).encode() for line in lines), NDJSON)


def _attach(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for name in first.names:
        yield Call(f"/v1/events/attachments?ticket={name}", b"Mine", refused=True)
    spoofed = {"X-Tenant": OWN, "Tierdesk-Tenant": OWN, "Idempotency-Key": "first"}
    yield Call(f"/v1/events/attachments?ticket={first.tickets[0]}&tenant={OWN}", CANARY.encode(), spoofed, refused=True)


def _attachments(first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield from (Call(f"/v1/events/attachments?ticket={name}", refused=True) for name in first.names)
    yield Call(f"/v1/events/attachments?ticket={first.tickets[0]}&tenant={OWN}", refused=True)


def _phone(_first: First, desk: WholeDesk) -> Iterator[Call]:
    for event in ("newCall", "answer", "voicemail", "hangup"):
        body = json.dumps({"event": event, "direction": "in", "callId": CALL_ID, "recording": "s3://mine"}).encode()
        yield Call("/v1/phone/generic", body, JSON | desk.signed(OTHER, body, f"first-{event}"))


def _policy_versions(first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call(f"/v1/policy/versions/{first.policy_version}", refused=True)
    yield Call(f"/v1/policy/versions/{first.policy_version.replace(':', '%3A')}", refused=True)


def _vendors(what: str) -> Plan:
    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        spoofed = {"X-Tenant": OWN, "Tierdesk-Tenant": OWN}
        yield Call(f"/v1/vendors/{VENDOR}/{what}", refused=True)
        yield Call(f"/v1/vendors/{VENDOR}/{what}?tenant={OWN}", headers=spoofed, refused=True)

    return plan


def _hook(tail: str = "") -> Plan:
    """Something of the first tenant's vendor without AMQP."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        for delivery in first.deliveries if "{delivery}" in tail else [""]:
            path = f"/v1/bridge/{VENDOR}{tail}".replace("{delivery}", delivery)
            yield Call(path, refused=True)
            yield Call(f"{path}?tenant={OWN}", headers={"X-Tenant": OWN, "Tierdesk-Tenant": OWN}, refused=True)

    return plan


def _set_hook(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call(f"/v1/bridge/{VENDOR}", json.dumps({"url": "https://vendor.example/mine"}).encode(), JSON)


def _outcome(first: First, desk: WholeDesk) -> Iterator[Call]:
    secret = desk.secrets.webhook_secrets(f"vendor.{VENDOR}")[OTHER][0]
    for number, claimed in enumerate((OWN, OTHER)):
        document = OUTCOME | {"tenant": claimed, "subject": first.tickets[1]}
        body = json.dumps(document).encode()
        headers = sign(secret, f"first-outcome-{number}", datetime.now(UTC), body)
        yield Call(f"/v1/bridge/{VENDOR}/outcomes", body, headers | {"Content-Type": "application/cloudevents+json"})


def _policy(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call("/v1/policy", MINE, {"Content-Type": "application/yaml"})
    yield Call("/v1/policy", b"name: broken", {"Content-Type": "application/yaml"})


def _problem(tail: str = "", **body: Any) -> Plan:
    """Something of the first tenant's problem."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        content = json.dumps(body).encode() if body else b""
        for name in first.problems:
            for spelled in (name, name.upper(), name.lower()):
                path = f"/v1/problems/{spelled}{tail}".replace("{ticket}", first.tickets[0])
                yield Call(path, content, JSON, refused=True)

    return plan


def _problems(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=500", f"?after={first.problems[0]}", "?kind=problem&status=open", f"?tenant={OWN}"):
        yield Call(f"/v1/problems{query}")


def _open_problem(first: First, _desk: WholeDesk) -> Iterator[Call]:
    mine = {"title": "Mine", "why": "Mine"}
    yield Call("/v1/problems", json.dumps(mine).encode(), JSON | {"Idempotency-Key": "first"})
    for name in first.tickets:
        yield Call("/v1/problems", json.dumps(mine | {"tickets": [name]}).encode(), JSON)


# Those of people first: further down the other tenant gets work of its own, with words of the first one's in it.
_FIRST = DESK_PLANS | KNOWLEDGE_PLANS | PARKED_PLANS
PLANS: dict[tuple[str, str], Plan] = _FIRST | {
    ("GET", "/v1/problems"): _problems,
    ("POST", "/v1/problems"): _open_problem,
    ("GET", "/v1/problems/{problem}"): _problem(),
    ("PATCH", "/v1/problems/{problem}"): _problem(version=1, root_cause="mine", why="mine"),
    ("POST", "/v1/problems/{problem}/tickets"): _problem("/tickets", tickets=[], why="mine"),
    ("DELETE", "/v1/problems/{problem}/tickets/{ticket}"): _problem("/tickets/{ticket}?why=mine"),
    ("POST", "/v1/problems/{problem}/announcement"): _problem("/announcement", text="mine"),
    ("DELETE", "/v1/problems/{problem}/announcement"): _problem("/announcement?why=mine"),
    ("POST", "/v1/problems/{problem}/resolution"): _problem("/resolution", how="mine"),
    ("GET", "/v1/tickets"): _tickets,
    ("GET", "/v1/tickets/summary"): plain("/v1/tickets/summary"),
    ("GET", "/v1/tickets/{ticket}"): _ticket,
    ("POST", "/v1/tickets/{ticket}/acknowledgement"): _acknowledgement,
    ("POST", "/v1/tickets/{ticket}/merge"): _merge,
    ("POST", "/v1/tickets/{ticket}/split"): _split,
    ("GET", "/v1/vendors"): plain("/v1/vendors"),
    ("GET", "/v1/vendors/{vendor}/scorecard"): _vendors("scorecard"),
    ("GET", "/v1/vendors/{vendor}/refusals"): _vendors("refusals"),
    ("GET", "/v1/bridge/{vendor}"): _hook(),
    ("GET", "/v1/bridge/{vendor}/deliveries"): _hook("/deliveries"),
    ("POST", "/v1/bridge/{vendor}/enable"): _hook("/enable"),
    ("POST", "/v1/bridge/{vendor}/deliveries/{delivery}/retry"): _hook("/deliveries/{delivery}/retry"),
    ("DELETE", "/v1/bridge/{vendor}"): _hook(),
    ("PUT", "/v1/bridge/{vendor}"): _set_hook,
    ("POST", "/v1/bridge/{vendor}/outcomes"): _outcome,
    ("GET", "/v1/policy"): plain("/v1/policy"),
    ("GET", "/v1/policy/versions/{version}"): _policy_versions,
    ("PUT", "/v1/policy"): _policy,
    ("POST", "/v1/events"): _events,
    ("POST", "/v1/events:batch"): _batch,
    ("POST", "/v1/events/attachments"): _attach,
    ("GET", "/v1/events/attachments"): _attachments,
    ("GET", "/v1/events/attachments/{attachment}"): on_one("/v1/events/attachments/{}", "attachments"),
    ("POST", "/v1/phone/generic"): _phone,
    ("GET", "/v1/clocks/summary"): plain("/v1/clocks/summary"),
    ("GET", "/v1/clocks/{ticket}"): _clocks(),
    ("GET", "/v1/clocks/{ticket}/explanation"): _clocks("/explanation"),
    ("GET", "/v1/clocks/{ticket}/timeline.svg"): _clocks("/timeline.svg"),
}
SILENT = {
    ("GET", "/v1/desk/call-guard"),
    ("GET", "/v1/tickets/summary"),
    ("GET", "/v1/clocks/summary"),
    ("GET", "/v1/insight/shift-left"),
    ("GET", "/v1/bridge/{vendor}/deliveries"),
    ("GET", "/v1/community/settings"),
    ("GET", "/v1/desk/changes"),
    ("GET", "/v1/desk/counts"),
    ("GET", "/v1/desk/presence"),
    ("GET", "/v1/desk/audit/verification"),
}
"""Counts and identifiers alone: their answers hold no canary even for the tenant itself. So does the beginning of a stream."""
SIGNED = {"/v1/phone/generic", "/v1/bridge/{vendor}/outcomes"}
"""These ask for a signature, and for no key."""
