"""How each endpoint of the desk is called by one tenant with the identifiers of another.

The first tenant writes a canary into every text that it posts.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from e2e.endpoints import OUTCOME
from e2e.whole_desk import OTHER, OWN, WholeDesk
from tierdesk_runtime.signatures import sign

CANARY = f"canary{secrets.token_hex(6)}"
VENDOR = f"vendor-{secrets.token_hex(6)}"
"""Without the canary: queues are named after it, and so are metrics of theirs."""
CALL_ID = f"call-{secrets.token_hex(6)}"
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
POLICY = {
    "name": f"Desk {CANARY}",
    "tiers": [{"id": "l0"}, {"id": "l1", "name": CANARY}, {"id": "l4"}],
    "groups": [
        {"id": "self-service", "tier": "l0"},
        {"id": f"front-{CANARY}", "tier": "l1"},
        {"id": "vendor", "tier": "l4", "vendor": VENDOR},
    ],
    "edges": [["l0", "l1"], ["l1", "l4"]],
    "categories": [
        {"id": "other", "tier": "l1", "group": f"front-{CANARY}"},
        {"id": f"cat-{CANARY}", "tier": "l0", "group": "self-service"},
        {"id": "printer", "tier": "l4", "group": "vendor"},
    ],
    "default_category": "other",
    "vendors": [{"id": VENDOR, "name": f"Vendor {CANARY}", "group": "vendor", "covers": ["printer"]}],
    "targets": [{"kind": "first_response", "within": "6h"}, {"kind": "resolution", "within": "2d"}],
    "vips": [f"boss-{CANARY}"],
    "rules": [{"id": "boss", "vip": True, "priority": 1, "because": f"Because of {CANARY}"}],
}
OPENED = {"title": f"Jams {CANARY}", "why": f"Seen by {CANARY}", "environment": CANARY}
SOLVED_ID = "01890000-0000-7000-8000-0000000000a1"
SYNONYMS = {"based_on": 0, "languages": {"en": [[CANARY, "lever"]]}}
ARTICLE = {
    "title": f"Unjam {CANARY}",
    "body": f"Open the {CANARY} lid",
    "keywords": [CANARY],
    "audience": "requester",
    "kind": "how-to",
    "steps": [f"Lift the {CANARY}"],
    "attachments": [{"name": f"Picture {CANARY}", "url": f"https://files.example/{CANARY}"}],
    "video": f"https://films.example/{CANARY}",
    "owner": CANARY,
    "review_at": "2026-01-02T09:00:00Z",
}
PROBLEM = {
    "type": "problem_reported",
    "requester": {
        "party": f"ann-{CANARY}",
        "name": f"Ann {CANARY}",
        "email": f"ann@{CANARY}.example",
        "phone": f"+44 {CANARY}",
    },
    "title": f"Jam {CANARY}",
    "text": f"Text {CANARY}",
    "location": f"Room {CANARY}",
    "contact": f"Desk {CANARY}",
    "affected": f"All of {CANARY}",
    "asset": f"P-{CANARY}",
    "steps_tried": [{"step": f"Pulled {CANARY}", "result": CANARY}],
}


@dataclass
class First:
    """What the first tenant has."""

    tickets: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    articles: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """A problem's identifier, and its reference."""
    deliveries: list[str] = field(default_factory=list)
    """What waits for its vendor."""
    cursor: str = ""
    policy_version: str = ""

    @property
    def names(self) -> list[str]:
        """Every way to write the identifiers of its tickets."""
        ticket = self.tickets[0]
        spelled = [ticket.upper(), ticket.replace("-", ""), f"urn:uuid:{ticket}", f"{{{ticket}}}"]
        return [*self.tickets, *self.references, self.references[0].lower(), *spelled]

    @property
    def canaries(self) -> list[str]:
        """What must not come back to anybody else."""
        return [
            CANARY,
            *self.tickets,
            *self.references,
            *self.articles,
            *self.services,
            *self.orders,
            *self.questions,
            *self.answers,
            *self.problems,
            *self.deliveries,
            self.policy_version,
        ]


@dataclass(frozen=True)
class Call:
    """One request."""

    path: str
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    refused: bool = False
    """Whether it names what is another's, and so must be answered as what does not exist."""


Plan = Callable[[First, WholeDesk], Iterator[Call]]


def plain(path: str) -> Plan:
    """A request that names nothing."""

    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        yield Call(path)

    return plan


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
    mine = json.dumps(POLICY).replace(CANARY, "mine").replace(VENDOR, "mine").encode()
    yield Call("/v1/policy", mine, {"Content-Type": "application/yaml"})
    yield Call("/v1/policy", b"name: broken", {"Content-Type": "application/yaml"})


def _article(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for article in first.articles:
        for name in (article, article.upper(), article.replace("-", ""), f"{article}?published=true"):
            yield Call(f"/v1/articles/{name}", refused=True)


def _revise(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"title": "Mine", "body": "Mine", "based_on": 1}).encode()
    yield from (Call(f"/v1/articles/{article}", body, JSON, refused=True) for article in first.articles)


def _care(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"owner": "mine"}).encode()
    yield from (Call(f"/v1/articles/{article}", body, JSON, refused=True) for article in first.articles)


def _send_back(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"reason": "mine"}).encode()
    yield from (Call(f"/v1/articles/{article}/send-back", body, JSON, refused=True) for article in first.articles)


def _import(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    mine = {"title": "Unjam", "body": "Open the lid"}
    yield Call("/v1/articles/import", json.dumps({"articles": {"first": mine}, "publish": True}).encode(), JSON)
    broken = {"articles": {"first": mine | {"title": ""}}}
    yield Call("/v1/articles/import", json.dumps(broken).encode(), JSON)


def _worklist(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=500", "?state=draft", f"?owner={CANARY}", "?overdue=true", f"?tenant={OWN}"):
        yield Call(f"/v1/articles/worklist{query}")
    yield from (Call(f"/v1/articles/worklist?after={article}") for article in first.articles)


def _on_article(verb: str) -> Plan:
    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        yield from (Call(f"/v1/articles/{article}/{verb}", refused=True) for article in first.articles)

    return plan


def _found(path: str) -> Plan:
    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        for query in (f"q={CANARY}", "q=Unjam", "q=lid&limit=20", f"q={CANARY}&audience=requester", "q="):
            yield Call(f"{path}?{query}")

    return plan


def _proposed(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=500", f"?after={first.tickets[-1]}", "?after=ffffffff-ffff-ffff-ffff-ffffffffffff"):
        yield Call(f"/v1/articles/proposed{query}")


def _write(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call("/v1/articles", json.dumps({"title": "Unjam", "body": "Open the lid"}).encode(), JSON)


def _solve(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for article in first.articles:
        body = json.dumps({"id": SOLVED_ID, "article_id": article}).encode()
        yield Call("/v1/suggest/solved", body, JSON, refused=True)


def _synonyms(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"based_on": 0, "languages": {"en": [["mine", "own"]]}}).encode()
    yield Call("/v1/synonyms", body, JSON)


def _on_one(path: str, names: str, **body: Any) -> Plan:
    """Something of what the first tenant has of this name; `{}` in the path stands for each."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        content = json.dumps(body).encode() if body else b""
        for name in getattr(first, names):
            yield Call(path.replace("{}", name), content, JSON, refused=True)
            yield Call(path.replace("{}", name.upper()), content, JSON | {"X-Tenant": OWN}, refused=True)

    return plan


def _own(path: str, **body: Any) -> Plan:
    """A request of the other tenant's own, which may be taken."""

    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        yield Call(path, json.dumps(body).encode(), JSON)

    return plan


def _accept(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"by": f"ann-{CANARY}", "answer": first.answers[0]}).encode()
    for name in first.questions:
        yield Call(f"/v1/community/questions/{name}/acceptance", body, JSON, refused=True)


def _order(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"requester": {"party": f"ann-{CANARY}"}, "answers": {}}).encode()
    for name in first.services:
        yield Call(f"/v1/catalogue/{name}/orders", body, JSON | {"Idempotency-Key": "first"}, refused=True)


def _pages(path: str, names: str) -> Plan:
    """Lists, from their beginning and from what the first tenant has."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        for query in ("", "?limit=200", f"?after={getattr(first, names)[0]}", f"?tenant={OWN}"):
            yield Call(f"{path}{query}")

    return plan


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


PLANS: dict[tuple[str, str], Plan] = {
    # First: what the other tenant itself looks for in vain further down stands there afterwards.
    ("GET", "/v1/articles/unanswered"): plain("/v1/articles/unanswered?limit=500"),
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
    ("POST", "/v1/phone/generic"): _phone,
    ("GET", "/v1/clocks/summary"): plain("/v1/clocks/summary"),
    ("GET", "/v1/clocks/{ticket}"): _clocks(),
    ("GET", "/v1/clocks/{ticket}/explanation"): _clocks("/explanation"),
    ("GET", "/v1/clocks/{ticket}/timeline.svg"): _clocks("/timeline.svg"),
    ("GET", "/v1/articles/search"): _found("/v1/articles/search"),
    ("POST", "/v1/articles"): _write,
    ("GET", "/v1/articles/proposed"): _proposed,
    ("GET", "/v1/insight/shift-left"): plain("/v1/insight/shift-left"),
    ("GET", "/v1/articles/{article_id}"): _article,
    ("PUT", "/v1/articles/{article_id}"): _revise,
    ("PATCH", "/v1/articles/{article_id}"): _care,
    ("GET", "/v1/articles/worklist"): _worklist,
    ("POST", "/v1/articles/import"): _import,
    ("GET", "/v1/articles/{article_id}/revisions"): _on_article("revisions"),
    ("GET", "/v1/articles/{article_id}/revisions/{revision}"): _on_article("revisions/1"),
    ("GET", "/v1/articles/{article_id}/diff"): _on_article("diff?from=1&to=2"),
    ("POST", "/v1/articles/{article_id}/submit"): _on_article("submit"),
    ("POST", "/v1/articles/{article_id}/withdraw"): _on_article("withdraw"),
    ("POST", "/v1/articles/{article_id}/send-back"): _send_back,
    ("POST", "/v1/articles/{article_id}/publish"): _on_article("publish"),
    ("POST", "/v1/articles/{article_id}/retire"): _on_article("retire"),
    ("GET", "/v1/suggest"): _found("/v1/suggest"),
    ("POST", "/v1/suggest/solved"): _solve,
    ("GET", "/v1/insight/deflection"): plain("/v1/insight/deflection"),
    ("GET", "/v1/synonyms"): plain("/v1/synonyms"),
    ("PUT", "/v1/synonyms"): _synonyms,
    ("GET", "/v1/articles/attention"): _pages("/v1/articles/attention", "articles"),
    ("GET", "/v1/articles/{article_id}/record"): _on_one("/v1/articles/{}/record", "articles"),
    ("POST", "/v1/articles/{article_id}/feedback"): _on_one(
        "/v1/articles/{}/feedback", "articles", helpful=False, by=f"ann-{CANARY}"
    ),
    ("GET", "/v1/catalogue"): _pages("/v1/catalogue", "services"),
    ("GET", "/v1/catalogue/{item}"): _on_one("/v1/catalogue/{}", "services"),
    ("PUT", "/v1/catalogue/{item}"): _own("/v1/catalogue/mine", name="Mine", form={"type": "object"}, category="other"),
    ("POST", "/v1/catalogue/{item}/orders"): _order,
    ("GET", "/v1/catalogue/orders/{order_id}"): _on_one("/v1/catalogue/orders/{}", "orders"),
    ("GET", "/v1/community/questions"): _pages("/v1/community/questions", "questions"),
    ("POST", "/v1/community/questions"): _own("/v1/community/questions", by="ann", title="Mine", body="Mine"),
    ("GET", "/v1/community/questions/{question_id}"): _on_one("/v1/community/questions/{}", "questions"),
    ("GET", "/v1/community/questions/{question_id}/answers"): _on_one(
        "/v1/community/questions/{}/answers", "questions"
    ),
    ("POST", "/v1/community/questions/{question_id}/answers"): _on_one(
        "/v1/community/questions/{}/answers", "questions", by="ann", body="Mine"
    ),
    ("PUT", "/v1/community/questions/{question_id}/acceptance"): _accept,
    ("POST", "/v1/community/questions/{question_id}/promote"): _on_one(
        "/v1/community/questions/{}/promote", "questions"
    ),
    ("PUT", "/v1/community/posts/{post_id}/vote"): _on_one("/v1/community/posts/{}/vote", "answers", by="zoe", up=True),
    ("POST", "/v1/community/posts/{post_id}/reports"): _on_one(
        "/v1/community/posts/{}/reports", "answers", by="zoe", reason="Mine"
    ),
    ("POST", "/v1/community/posts/{post_id}/approve"): _on_one("/v1/community/posts/{}/approve", "answers"),
    ("POST", "/v1/community/posts/{post_id}/remove"): _on_one(
        "/v1/community/posts/{}/remove", "answers", reason="Mine"
    ),
    ("GET", "/v1/community/posts/{post_id}/log"): _on_one("/v1/community/posts/{}/log", "questions"),
    ("GET", "/v1/community/moderation"): _pages("/v1/community/moderation", "questions"),
    ("GET", "/v1/community/settings"): plain("/v1/community/settings"),
    ("PUT", "/v1/community/settings"): _own("/v1/community/settings", hold_first="none"),
}
SILENT = {
    ("GET", "/v1/tickets/summary"),
    ("GET", "/v1/clocks/summary"),
    ("GET", "/v1/insight/shift-left"),
    ("GET", "/v1/bridge/{vendor}/deliveries"),
    ("GET", "/v1/community/settings"),
}
"""Counts and identifiers alone: their answers hold no canary even for the tenant itself."""
SIGNED = {"/v1/phone/generic", "/v1/bridge/{vendor}/outcomes"}
"""These ask for a signature, and for no key."""
