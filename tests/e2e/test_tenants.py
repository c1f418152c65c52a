"""No tenant reaches another's data: every endpoint of the desk is called by the one with the other's identifiers.

A path without a plan in `tenant_plans.PLANS` fails the test.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx2
import pytest

from e2e.endpoints import ask, described
from e2e.tenant_desk_plans import DESK, OF_ANYBODY, fill_board
from e2e.tenant_parked_plans import park
from e2e.tenant_plans import PLANS, SIGNED, SILENT
from e2e.tenants import (
    ARTICLE,
    CALL_ID,
    CANARY,
    COUNTER,
    JSON,
    NDJSON,
    OPENED,
    POLICY,
    PROBLEM,
    SOLVED_ID,
    SYNONYMS,
    VENDOR,
    Call,
    First,
)  # fmt: skip
from e2e.whole_desk import OTHER, OWN, WholeDesk, wait_until
from tierdesk_bus import HOME, Address, Message, connect
from tierdesk_contracts import AnyEnvelope, outcome, seal
from tierdesk_contracts.knowledge import ArticleDraft
from tierdesk_contracts.names import OUTCOMES, VENDOR_INBOUND, event_key, vendor_namespace

PROOFS = {"webhook-signature", "Cookie"}
OPEN = {
    "/healthz": "a probe has no key",
    "/readyz": "a probe has no key",
    "/openapi.json": "says what the repository says",
}


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
            written = {name: text for name, text in ARTICLE.items() if name not in {"owner", "review_at"}}
            revised = written | {"body": f"Close the {CANARY} lid", "based_on": 1}
            assert client.put(f"/v1/articles/{article}", json=revised).status_code == 200
        solved = {"id": SOLVED_ID, "article_id": found.articles[0]}
        assert client.post("/v1/suggest/solved", json=solved).status_code == 201
        assert client.put("/v1/synonyms", json=SYNONYMS).status_code == 200
        imported = client.post("/v1/articles/import", json={"articles": {"first": ARTICLE}, "publish": True}).json()
        found.articles.append(imported["articles"]["first"]["id"])
        offer_and_ask(client, found)
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
        fill_board(whole_desk, client, found)
        park(whole_desk, found)
        named = {"ticket": found.tickets[0], "name": f"{CANARY}.txt"}
        attached = client.post(
            "/v1/events/attachments", params=named, content=CANARY, headers={"Idempotency-Key": "first"}
        )
        found.attachments.append(attached.json()["id"])
        asyncio.run(answer_as_vendor(whole_desk.settings.bus))
        found.tickets.append(solve_with_draft(whole_desk, client))
        wait_until(lambda: client.get(f"/v1/vendors/{VENDOR}/refusals").json()["refusals"], "it is refused")
        found.deliveries += hook(whole_desk, client)
        told = OPENED | {"tickets": found.tickets[:1]}
        opened = client.post("/v1/problems", json=told, headers={"Idempotency-Key": "first"}).json()
        found.problems += [opened["id"], opened["reference"]]
        wait_until(
            lambda: whole_desk.query(
                "SELECT 1 FROM kb.like_progress JOIN kb.counter USING (tenant, position) WHERE tenant = $1", OWN
            ),
            "the articles are compared",
        )
        found.cursor = client.get("/v1/tickets?limit=1").json()["next"]
        wait_until(lambda: client.get(f"/v1/articles/search?q={CANARY}").json()["articles"], "the article is found")
        assert client.get(f"/v1/articles/search?q={CANARY}unanswered").json()["articles"] == []
        wait_until(lambda: client.get("/v1/articles/unanswered").json()["questions"], "the question is written down")
        wait_until(lambda: client.get(f"/v1/clocks/{found.tickets[-1]}").status_code == 200, "the clocks run")
    return found


def offer_and_ask(client: httpx2.Client, found: First) -> None:
    """The first tenant judges an article, offers a service, orders it, asks, answers and reports."""
    for number in range(4):
        told = {"helpful": False, "by": f"reader-{number}-{CANARY}", "comment": CANARY}
        assert client.post(f"/v1/articles/{found.articles[0]}/feedback", json=told).status_code == 200
    item = f"laptop-{CANARY}"
    form = {"type": "object", "properties": {"why": {"title": CANARY}}}
    service = {"name": f"Laptop {CANARY}", "form": form, "category": "other", "steps": [CANARY]}
    assert client.put(f"/v1/catalogue/{item}", json=service).status_code == 201
    found.services.append(item)
    order = {"requester": {"party": f"ann-{CANARY}"}, "answers": {"why": CANARY}}
    ordered = client.post(f"/v1/catalogue/{item}/orders", json=order, headers={"Idempotency-Key": "first"})
    found.orders.append(ordered.json()["order"])
    wait_until(lambda: client.get(f"/v1/catalogue/orders/{found.orders[0]}").json()["ticket"], "the ticket is opened")
    assert client.put("/v1/community/settings", json={"hold_first": "none"}).status_code == 200
    post = {"by": f"ann-{CANARY}", "body": CANARY}
    found.questions.append(client.post("/v1/community/questions", json=post | {"title": CANARY}).json()["id"])
    path = f"/v1/community/questions/{found.questions[0]}/answers"
    found.answers.append(client.post(path, json=post).json()["id"])
    told = {"by": f"bob-{CANARY}", "reason": CANARY}
    assert client.post(f"/v1/community/posts/{found.questions[0]}/reports", json=told).status_code == 204


def hook(desk: WholeDesk, client: httpx2.Client) -> list[str]:
    """The vendor takes webhooks, but not now; answers what waits for it. The other tenant has a secret, too."""
    for tenant in (OWN, OTHER):
        desk.secrets.add_webhook_secret(tenant, f"vendor.{VENDOR}")
    put = client.put(f"/v1/bridge/{VENDOR}", json={"url": f"https://vendor.example/{CANARY}"})
    assert put.status_code == 201, put.text
    desk.query("UPDATE bridge.endpoint SET rests_until = now() + interval '1 day' WHERE tenant = $1", OWN)
    path = f"/v1/bridge/{VENDOR}/deliveries"
    wait_until(lambda: len(client.get(path).json()["deliveries"]) >= 2, "the offer and the refusal wait")
    return [one["id"] for one in client.get(path).json()["deliveries"]]


def request(client: httpx2.Client, method: str, call: Call) -> httpx2.Response:
    return ask(client, method, call.path, content=call.content or None, headers=call.headers)


def test_every_endpoint_has_a_plan(whole_desk):
    assert set(described(whole_desk)) == set(PLANS), "say in PLANS how another tenant calls what is new"


def solve_with_draft(desk: WholeDesk, client: httpx2.Client) -> str:
    """A ticket of the first tenant that one of its people resolves with the draft of an article."""
    ticket: str = client.post("/v1/events", json=PROBLEM | {"title": f"Squeaks {CANARY}"}).json()["ticket"]
    query = "SELECT id, token FROM router.assignment WHERE ticket_id = $1"
    (offer,) = wait_until(lambda: desk.query(query, ticket), "it is offered")
    draft = ArticleDraft(title=f"Squeaks {CANARY}", body=f"Oil {CANARY}")
    solved = outcome.WorkResolved(
        assignment_id=offer["id"],
        token=offer["token"],
        worker=f"lea {CANARY}",
        ordinal=1,
        how=f"Oil {CANARY}",
        draft=draft,
    )
    envelope = seal(solved, message_id=uuid4(), source="/test", subject=ticket, time=datetime.now(UTC), tenant=OWN)
    asyncio.run(say(desk.settings.bus, envelope, Address(HOME, OUTCOMES, event_key(OWN, envelope.type))))
    wait_until(lambda: client.get("/v1/articles/proposed").json()["articles"], "its draft is listed")
    return ticket


async def answer_as_vendor(bus_url: str) -> None:
    """What the first tenant's vendor says of work that it was never offered."""
    told = outcome.WorkResolved(assignment_id=uuid4(), token=1, worker=f"rob {CANARY}", ordinal=1, how="Mine")
    envelope = seal(told, message_id=uuid4(), source="/test", subject=str(uuid4()), time=datetime.now(UTC), tenant=OWN)
    address = Address(vendor_namespace(OWN, VENDOR), VENDOR_INBOUND, event_key(OWN, envelope.type))
    await say(bus_url, envelope, address)


async def say(bus_url: str, envelope: AnyEnvelope, address: Address) -> None:
    bus = await connect(bus_url, name="test")
    message = Message(str(envelope.id), envelope.type, address, envelope.to_bytes())
    assert await bus.publish([message], timeout_seconds=10) == ["confirmed"]
    await bus.close()


def test_no_endpoint_gives_or_changes_anything_of_another_tenant(whole_desk, first):
    before = whole_desk.settle(OWN)
    assert all(
        before[table]
        for table in ("intake.call", "router.ticket", "router.party", "sla.clock", "kb.revision", "bridge.delivery")
    )
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
            if method != "GET" or (method, path) in SILENT:
                continue
            answers = [request(client, method, call) for call in plan(first, whole_desk)]
            found = [answer for answer in answers if answer.status_code == 200 and CANARY in answer.text]
            assert found or path == "/v1/clocks/{ticket}", (method, path)
            assert any(answer.status_code == 200 for answer in answers), (method, path)


def test_what_changes_is_told_to_the_own_tenant_alone(whole_desk, first):
    with (
        whole_desk.client(OWN) as own,
        whole_desk.client(OTHER) as other,
        own.stream("GET", f"{DESK}/changes") as told,
        other.stream("GET", f"{DESK}/changes") as told_other,
    ):
        lines, lines_of_other = told.iter_lines(), told_other.iter_lines()
        assert "event: look" in {next(lines), next(lines)}  # from now on it hears
        assert "event: look" in {next(lines_of_other), next(lines_of_other)}
        said = own.post(f"{DESK}/works/{first.works[0]}/progress", json={"note": "Told"})
        assert said.status_code == 200, said.text
        event = PROBLEM | {"title": "Afterwards", "category": COUNTER}
        assert other.post("/v1/events", json=event).status_code == 202
        heard = list(itertools.takewhile(lambda line: first.works[0] not in line, lines))
        heard_by_other = list(itertools.takewhile(lambda line: "Afterwards" not in line, lines_of_other))
    assert "Afterwards" not in "".join(heard)
    assert not [canary for canary in first.canaries if canary in "".join(heard_by_other)]


def test_what_the_other_tenant_got_is_its_own(whole_desk, first):
    with whole_desk.client(OTHER) as client:
        tickets = client.get("/v1/tickets?limit=500").json()["tickets"]
        assert tickets
        assert {ticket["tenant"] for ticket in tickets} == {OTHER}
        counts = client.get(f"{DESK}/counts").json()["groups"]
    assert not {ticket["id"] for ticket in tickets} & set(first.tickets)
    assert counts == [{"tier": "l1", "group": COUNTER, "offered": 1, "claiming": 0, "owned": 0, "paused": 0}]
    parties = whole_desk.query(
        "SELECT tenant, count(*) FROM router.party WHERE external = $1 GROUP BY 1", f"ann-{CANARY}"
    )
    assert {row["tenant"]: row["count"] for row in parties} == {OWN: 1, OTHER: 1}


def test_nothing_is_open_without_a_key(whole_desk, first):
    with whole_desk.client() as nobody, whole_desk.client(Authorization="Bearer tierdesk_local_nobody") as stranger:
        for client in (nobody, stranger):
            for (method, path), plan in PLANS.items():
                for call in list(plan(first, whole_desk))[:3]:
                    headers = {name: value for name, value in call.headers.items() if name not in PROOFS}
                    answer = request(client, method, Call(call.path, call.content, headers))
                    assert answer.status_code == 401, (method, path, answer.text)
                    assert answer.headers["content-type"] == "application/problem+json"
            assert client.get("/metrics").status_code == 401
            assert client.get("/nothing").status_code == 404
            for path, reason in OPEN.items():
                assert client.get(path).status_code == 200, (path, reason)
                assert CANARY not in client.get(path).text


def test_a_key_is_no_session(whole_desk, first):
    with whole_desk.client(Authorization=f"Bearer {whole_desk.keys[OWN]}") as client:
        for (method, path), plan in PLANS.items():
            if path.startswith(DESK):
                call = next(plan(first, whole_desk))
                answer = request(client, method, Call(call.path, call.content, call.headers | {"Cookie": ""}))
                assert answer.status_code == 401, (method, path, answer.text)


def test_who_lacks_the_scope_or_the_grant_gets_nowhere(whole_desk, first):
    with whole_desk.client(OWN) as client:
        ned = client.post(f"{DESK}/accounts", json={"name": "ned"}).json()["account"]["id"]
    whole_desk.query("UPDATE desk.account SET must_change_password = false WHERE id = $1", UUID(ned))
    headers = whole_desk.new_session(OWN, ned) | {"Authorization": f"Bearer {whole_desk.metrics_key}"}
    with whole_desk.client(**headers) as client:
        for (method, path), plan in PLANS.items():
            if path in SIGNED or path in OF_ANYBODY:
                continue
            answer = request(client, method, next(plan(first, whole_desk)))
            assert answer.status_code == 403, (method, path, answer.text)
            expected = "Not granted" if path.startswith(DESK) else "Scope missing"
            assert answer.json()["title"] == expected, (method, path, answer.text)
        metrics = client.get("/metrics").text
    assert "tierdesk_http_requests_total" in metrics
    assert not [canary for canary in first.canaries if canary in metrics]
