"""No tenant reaches another's data: every endpoint of the desk is called by the one with the other's identifiers.

The first tenant writes a canary into every text that it posts. The plans below say, for each path and method of the
OpenAPI document, how the second tenant calls it; a path without a plan fails the test.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx2
import pytest

from e2e.whole_desk import OTHER, OWN, WholeDesk, wait_until
from tierdesk_cli.services import DEFINITIONS
from tierdesk_store import service_url

CANARY = f"canary{secrets.token_hex(6)}"
CALL_ID = f"call-{secrets.token_hex(6)}"
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
OPEN = {
    "/healthz": "a probe has no key",
    "/readyz": "a probe has no key",
    "/openapi.json": "says what the repository says",
}
WITHOUT_TENANT = {"alembic_version", "attempts", "inbox"}
"""Tables that hold numbers and digests of messages, and nothing of a tenant."""

POLICY = {
    "name": f"Desk {CANARY}",
    "tiers": [{"id": "l0"}, {"id": "l1", "name": CANARY}, {"id": "l4"}],
    "groups": [
        {"id": "self-service", "tier": "l0"},
        {"id": f"front-{CANARY}", "tier": "l1"},
        {"id": "vendor", "tier": "l4", "vendor": "printer"},
    ],
    "edges": [["l0", "l1"], ["l1", "l4"]],
    "categories": [
        {"id": "other", "tier": "l1", "group": f"front-{CANARY}"},
        {"id": f"cat-{CANARY}", "tier": "l0", "group": "self-service"},
        {"id": "printer", "tier": "l4", "group": "vendor"},
    ],
    "default_category": "other",
    "vendors": [{"id": "printer", "name": f"Vendor {CANARY}", "group": "vendor", "covers": ["printer"]}],
    "targets": [{"kind": "first_response", "within": "6h"}, {"kind": "resolution", "within": "2d"}],
}
ARTICLE = {"title": f"Unjam {CANARY}", "body": f"Open the {CANARY} lid", "keywords": [CANARY], "audience": "requester"}
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
        return [CANARY, *self.tickets, *self.references, *self.articles, self.policy_version]


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


def _clocks(first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield from (Call(f"/v1/clocks/{name}", refused=True) for name in first.names)


def follow_ups(first: First) -> list[dict[str, Any]]:
    """Words on the first tenant's tickets, all that there are."""
    kinds = (
        {"type": "requester_replied", "text": "x"},
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


def _policy(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    mine = json.dumps(POLICY).replace(CANARY, "mine").encode()
    yield Call("/v1/policy", mine, {"Content-Type": "application/yaml"})
    yield Call("/v1/policy", b"name: broken", {"Content-Type": "application/yaml"})


def _article(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for article in first.articles:
        for name in (article, article.upper(), article.replace("-", ""), f"{article}?published=true"):
            yield Call(f"/v1/articles/{name}", refused=True)


def _revise(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"title": "Mine", "body": "Mine", "based_on": 1}).encode()
    yield from (Call(f"/v1/articles/{article}", body, JSON, refused=True) for article in first.articles)


def _on_article(verb: str) -> Plan:
    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        yield from (Call(f"/v1/articles/{article}/{verb}", refused=True) for article in first.articles)

    return plan


def _found(path: str) -> Plan:
    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        for query in (f"q={CANARY}", "q=Unjam", "q=lid&limit=20", f"q={CANARY}&audience=requester", "q="):
            yield Call(f"{path}?{query}")

    return plan


def _write(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call("/v1/articles", json.dumps({"title": "Unjam", "body": "Open the lid"}).encode(), JSON)


PLANS: dict[tuple[str, str], Plan] = {
    ("get", "/v1/tickets"): _tickets,
    ("get", "/v1/tickets/summary"): plain("/v1/tickets/summary"),
    ("get", "/v1/tickets/{ticket}"): _ticket,
    ("get", "/v1/policy"): plain("/v1/policy"),
    ("put", "/v1/policy"): _policy,
    ("post", "/v1/events"): _events,
    ("post", "/v1/events:batch"): _batch,
    ("post", "/v1/phone/generic"): _phone,
    ("get", "/v1/clocks/summary"): plain("/v1/clocks/summary"),
    ("get", "/v1/clocks/{ticket}"): _clocks,
    ("get", "/v1/articles"): _found("/v1/articles"),
    ("post", "/v1/articles"): _write,
    ("get", "/v1/articles/{article_id}"): _article,
    ("put", "/v1/articles/{article_id}"): _revise,
    ("post", "/v1/articles/{article_id}/publish"): _on_article("publish"),
    ("post", "/v1/articles/{article_id}/retire"): _on_article("retire"),
    ("get", "/v1/suggest"): _found("/v1/suggest"),
}
SILENT = {("get", "/v1/tickets/summary"), ("get", "/v1/clocks/summary")}
"""Counts alone: their answers hold no canary even for the tenant itself."""


def described(desk: WholeDesk) -> list[tuple[str, str]]:
    """Every method and path that the desk describes."""
    with desk.client() as nobody:
        paths = nobody.get("/openapi.json").json()["paths"]
    return [(method, path) for path, item in paths.items() for method in item if method != "parameters"]


@pytest.fixture(scope="module")
def first(whole_desk: WholeDesk) -> First:
    """What the first tenant has: a policy, tickets of every kind, a call, clocks, articles."""
    found = First()
    with whole_desk.client(OWN) as client:
        applied = client.put("/v1/policy", content=json.dumps(POLICY))
        assert applied.status_code == 200, applied.text
        found.policy_version = applied.json()["version"]
        for publish in (True, False):
            article = client.post("/v1/articles", json=ARTICLE).json()["id"]
            found.articles.append(article)
            if publish:
                assert client.post(f"/v1/articles/{article}/publish").status_code == 200
        category = f"cat-{CANARY}"
        known = {"json": PROBLEM | {"category": category}}
        wait_until(lambda: client.post("/v1/events", **known).status_code == 202, "intake knows the policy")
        for event in (PROBLEM, PROBLEM | {"category": "printer"}):
            posted = client.post(
                "/v1/events", json=event, headers={"Idempotency-Key": "first"} if event is PROBLEM else {}
            )
            found.tickets.append(posted.json()["ticket"])
            found.references.append(posted.json()["reference"])
        line = json.dumps({"key": "line-first", "event": PROBLEM})
        posted = json.loads(client.post("/v1/events:batch", content=line, headers=NDJSON).text)
        found.tickets.append(posted["ticket"])
        found.references.append(posted["reference"])
        for kind in ("answer", "hangup"):
            body = json.dumps(
                {"event": kind, "direction": "in", "callId": CALL_ID, "from": f"+44{CANARY}", "user": CANARY}
            ).encode()
            headers = JSON | whole_desk.signed(OWN, body, f"first-{kind}")
            called = client.post("/v1/phone/generic", content=body, headers=headers).json()
        found.tickets.append(called["ticket"])
        found.references.append(called["reference"])
        wait_until(lambda: len(client.get("/v1/tickets").json()["tickets"]) >= 5, "the tickets are opened")
        found.cursor = client.get("/v1/tickets?limit=1").json()["next"]
        wait_until(lambda: client.get(f"/v1/articles?q={CANARY}").json()["articles"], "the article is found")
        wait_until(lambda: client.get(f"/v1/clocks/{found.tickets[-1]}").status_code == 200, "the clocks run")
    return found


def request(client: httpx2.Client, method: str, call: Call) -> httpx2.Response:
    return client.request(method, call.path, content=call.content or None, headers=call.headers)


def test_every_endpoint_has_a_plan(whole_desk):
    assert set(described(whole_desk)) == set(PLANS), "say in PLANS how another tenant calls what is new"


def test_no_endpoint_gives_or_changes_anything_of_another_tenant(whole_desk, first):
    before = whole_desk.settle(OWN)
    assert all(before[table] for table in ("intake.call", "router.ticket", "router.party", "sla.clock", "kb.revision"))
    calls = 0
    with whole_desk.client(OTHER) as client:
        for (method, path), plan in PLANS.items():
            for call in plan(first, whole_desk):
                answer = request(client, method, call)
                calls += 1
                told = answer.text + str(answer.headers)
                leaked = [canary for canary in first.canaries if canary in told]
                assert not leaked, (method, call, answer.status_code, told)
                assert answer.status_code < 500, (method, path, call, told)
                assert not call.refused or answer.status_code in {404, 422}, (method, call, told)
                if path == "/v1/events:batch":
                    statuses = [json.loads(line)["status"] for line in answer.text.splitlines()]
                    assert statuses.count(202) == 2  # its own two problems
                    assert set(statuses[:-2]) <= {404, 422}
    assert calls > 80
    after = whole_desk.settle(OWN)
    changed = {table: (before[table], after[table]) for table in before if before[table] != after[table]}
    assert not changed


def test_the_tenant_itself_gets_what_the_other_was_denied(whole_desk, first):
    """The control: without it, a desk that answers nothing at all would pass."""
    with whole_desk.client(OWN) as client:
        for (method, path), plan in PLANS.items():
            if method != "get" or (method, path) in SILENT:
                continue
            answers = [request(client, method, call) for call in plan(first, whole_desk)]
            found = [answer for answer in answers if answer.status_code == 200 and CANARY in answer.text]
            assert found or path == "/v1/clocks/{ticket}", (method, path)
            assert any(answer.status_code == 200 for answer in answers), (method, path)


def test_what_the_other_tenant_got_is_its_own(whole_desk, first):
    with whole_desk.client(OTHER) as client:
        tickets = client.get("/v1/tickets?limit=500").json()["tickets"]
        assert tickets
        assert {ticket["tenant"] for ticket in tickets} == {OTHER}
    assert not {ticket["id"] for ticket in tickets} & set(first.tickets)
    parties = whole_desk.query(
        "SELECT tenant, count(*) FROM router.party WHERE external = $1 GROUP BY 1", f"ann-{CANARY}"
    )
    assert {row["tenant"]: row["count"] for row in parties} == {OWN: 1, OTHER: 1}


def test_nothing_is_open_without_a_key(whole_desk, first):
    with whole_desk.client() as nobody, whole_desk.client(Authorization="Bearer tierdesk_local_nobody") as stranger:
        for client in (nobody, stranger):
            for (method, path), plan in PLANS.items():
                for call in list(plan(first, whole_desk))[:3]:
                    headers = {name: value for name, value in call.headers.items() if name != "webhook-signature"}
                    answer = request(client, method, Call(call.path, call.content, headers))
                    assert answer.status_code == 401, (method, path, answer.text)
                    assert answer.headers["content-type"] == "application/problem+json"
            assert client.get("/metrics").status_code == 401
            assert client.get("/nothing").status_code == 404
            for path, reason in OPEN.items():
                assert client.get(path).status_code == 200, (path, reason)
                assert CANARY not in client.get(path).text


def test_a_key_without_the_scope_gets_nowhere(whole_desk, first):
    with whole_desk.client(Authorization=f"Bearer {whole_desk.metrics_key}") as client:
        for (method, path), plan in PLANS.items():
            if path == "/v1/phone/generic":  # signed, not keyed
                continue
            answer = request(client, method, next(plan(first, whole_desk)))
            assert answer.status_code == 403, (method, path, answer.text)
        metrics = client.get("/metrics").text
    assert "tierdesk_http_requests_total" in metrics
    assert not [canary for canary in first.canaries if canary in metrics]


def test_the_tenant_stands_in_every_table(whole_desk):
    without = {table.partition(".")[2] for table, columns in whole_desk.tables().items() if "tenant" not in columns}
    assert without == WITHOUT_TENANT


def test_no_service_can_read_the_schema_of_another(whole_desk):
    """Each signs in as its own role; next door it is refused."""

    async def refused(service: str, schema: str) -> bool:
        url = service_url(whole_desk.database_url, service, whole_desk.secrets.database_password(service))
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(f"SELECT * FROM {schema}.outbox LIMIT 1")
        except asyncpg.InsufficientPrivilegeError:
            return True
        finally:
            await connection.close()
        return False

    told = {(one, other): asyncio.run(refused(one, other)) for one in DEFINITIONS for other in DEFINITIONS}
    assert told == {(one, other): one != other for one in DEFINITIONS for other in DEFINITIONS}
