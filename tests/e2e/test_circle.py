"""The circle of knowledge on a whole desk: what is solved at the top is written down, then solved below, then by its reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from e2e.whole_desk import OTHER, OWN, WholeDesk, wait_until
from tierdesk_contracts.knowledge import ArticleDraft
from tierdesk_tier import Job, serve_tier

POLICY: dict[str, Any] = {
    "name": "Circle",
    "tiers": [{"id": "l0", "hands_on_incomplete": True}, {"id": "l1"}, {"id": "l2"}, {"id": "l3"}],
    "groups": [
        {"id": "self-service", "tier": "l0"},
        {"id": "front", "tier": "l1"},
        {"id": "specialists", "tier": "l2"},
        {"id": "builders", "tier": "l3"},
    ],
    "edges": [["l0", "l1"], ["l1", "l2"], ["l2", "l3"], ["l3", "l2"], ["l3", "l1"]],
    "categories": [
        {"id": "terminal", "tier": "l3", "group": "builders"},
        {"id": "how-to", "tier": "l0", "group": "self-service", "description_facts": ["requester"]},
        {"id": "usage", "tier": "l1", "group": "front"},
        {"id": "device", "tier": "l2", "group": "specialists"},
    ],
    "default_category": "usage",
    "knowledge": {"group": "front", "threshold": 0.6, "owed_from": "l3"},
}
TITLE, TEXT = "Walrus terminal shows a grey screen", "The screen of the walrus terminal is grey."
FIX = "Hold the walrus key for ten seconds."
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def client(whole_desk: WholeDesk) -> Iterator[httpx2.Client]:
    with whole_desk.client(OWN) as client:
        apply(client, POLICY)
        yield client


def apply(client: httpx2.Client, policy: dict[str, Any]) -> None:
    applied = client.put("/v1/policy", content=json.dumps(policy))
    assert applied.status_code == 200, applied.text
    known = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "Hello", "category": "usage"}
    wait_until(lambda: client.post("/v1/events", json=known).status_code == 202, "intake knows the policy")


def post(client: httpx2.Client, who: str, category: str, title: str = TITLE, text: str = TEXT) -> str:
    event = {
        "type": "problem_reported", "requester": {"party": who}, "title": title, "text": text, "category": category,
    }  # fmt: skip
    answer = client.post("/v1/events", json=event)
    assert answer.status_code == 202, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


def story(client: httpx2.Client, ticket: str, *, until: str) -> list[dict[str, Any]]:
    """The log, once an event of this kind stands in it."""

    def read() -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = client.get(f"/v1/tickets/{ticket}").json().get("log", [])
        return log if any(event["kind"] == until for event in log) else []

    found: list[dict[str, Any]] = wait_until(read, f"{until} stands in the log")
    return found


def only(log: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in log if event["kind"] == kind]


@asynccontextmanager
async def at_work(desk: WholeDesk, group: str, tier: str, work: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    serving = asyncio.create_task(
        serve_tier(desk.database_url, tenant=OWN, tier=tier, group=group, worker=f"of-{group}", work=work, stop=stop)
    )
    try:
        yield
    finally:
        stop.set()
        await serving


async def test_what_is_solved_at_the_top_is_solved_below_and_then_by_its_reader(whole_desk, client):
    first = await asyncio.to_thread(post, client, "ann", "terminal")
    await solve_at_the_top(whole_desk, client, first)
    article = await asyncio.to_thread(publish_draft, client, first)
    second = await asyncio.to_thread(post, client, "bob", "terminal")
    await solve_below(whole_desk, client, second, article)
    third = await asyncio.to_thread(post, client, "cid", "how-to")
    await asyncio.to_thread(solve_by_reading, client, third, article)
    await asyncio.to_thread(read_figures, client)


async def solve_at_the_top(desk: WholeDesk, client: httpx2.Client, ticket: str) -> None:
    """A fix alone is refused there; with a draft it is taken."""
    refusals: list[str] = []

    async def build(job: Job) -> None:
        if job.refused is None:
            await job.resolve(FIX)
            return
        refusals.append(job.refused.reason)
        await job.resolve(FIX, draft=ArticleDraft(title=TITLE, body=FIX, keywords=("kiosk",), audience="requester"))

    async with at_work(desk, "builders", "l3", build), asyncio.timeout(PATIENCE_SECONDS):
        log = await asyncio.to_thread(story, client, ticket, until="resolved")
    assert refusals == ["undocumented"]
    (resolved,) = only(log, "resolved")
    assert (resolved["tier"], resolved["draft"]["title"], resolved["actor"]["id"]) == ("l3", TITLE, "of-builders")


def publish_draft(client: httpx2.Client, ticket: str) -> str:
    """An author finds the draft of the ticket, reads it, and publishes it. Until then nobody finds it."""

    def listed() -> list[dict[str, Any]]:
        page = client.get("/v1/articles/proposed").json()
        return [one for one in page["articles"] if one["origin"]["ticket"] == ticket]

    (proposed,) = wait_until(listed, "the draft is listed")
    path = f"/v1/articles/{proposed['id']}"
    draft = client.get(path).json()
    assert (draft["state"], draft["title"], draft["body"], draft["author"]) == ("draft", TITLE, FIX, "of-builders")
    assert client.get("/v1/articles/search", params={"q": "walrus"}).json()["articles"] == []
    assert client.post(f"{path}/publish").status_code == 200
    found = wait_until(
        lambda: client.get("/v1/suggest", params={"q": "walrus termin"}).json()["suggestions"], "it is found"
    )
    assert [one["id"] for one in found] == [proposed["id"]]
    assert listed() == []
    article: str = proposed["id"]
    return article


async def solve_below(desk: WholeDesk, client: httpx2.Client, ticket: str, article: str) -> None:
    """The next like ticket enters at the top by its category, and goes down with the article before anybody takes it."""

    async def follow_article(job: Job) -> None:
        assert job.internal is not None
        await job.resolve("As the article says.", article_id=job.internal.article_id)

    async with at_work(desk, "front", "l1", follow_article), asyncio.timeout(PATIENCE_SECONDS):
        log = await asyncio.to_thread(story, client, ticket, until="resolved")
    assert [(offer["tier"], offer["reason"]) for offer in only(log, "offered")] == [
        ("l3", "triage"),
        ("l1", "knowledge"),
    ]
    (resolved,) = only(log, "resolved")
    assert (resolved["tier"], resolved["article_id"], resolved["actor"]["id"]) == ("l1", article, "of-front")


def solve_by_reading(client: httpx2.Client, ticket: str, article: str) -> None:
    """The one after is answered by the knowledge base; a reply that confirms solves it, and nobody was asked."""
    log = story(client, ticket, until="paused")
    (answered,) = [event for event in only(log, "progressed") if event["answer"]]
    assert FIX in answered["answer"]
    told = {"type": "requester_replied", "ticket": ticket, "text": "Yes, it works now. Thank you!"}
    assert client.post("/v1/events", json=told).status_code == 202
    log = story(client, ticket, until="resolved")
    (resolved,) = only(log, "resolved")
    assert (resolved["tier"], resolved["article_id"], resolved["actor"]["id"]) == ("l0", article, "knowledge-base")
    assert [offer["tier"] for offer in only(log, "offered")] == ["l0"]


def read_figures(client: httpx2.Client) -> None:
    """What the top resolved could be closed below now, and what was solved by reading could not."""

    def shares() -> dict[tuple[str, str], tuple[int, int]]:
        report = client.get("/v1/insight/shift-left").json()
        told = {(one["tier"], one["category"]): (one["resolved"], one["documented"]) for one in report["shares"]}
        return told if ("l0", "how-to") in told and told["l3", "terminal"][1] and told["l1", "terminal"][1] else {}

    told = wait_until(shares, "the figures count it")
    assert told["l3", "terminal"] == told["l1", "terminal"] == (1, 1)
    assert told["l0", "how-to"] == (1, 0)


def test_who_does_not_say_whether_it_helped_is_handed_on_with_the_article_tried(whole_desk):
    with whole_desk.client(OTHER) as client:
        apply(client, POLICY | {"knowledge": POLICY["knowledge"] | {"wait": "1s"}})
        written = client.post("/v1/articles", json={"title": TITLE, "body": FIX})
        assert client.post(f"{written.headers['location']}/publish").status_code == 200
        article = written.json()["id"]
        wait_until(lambda: client.get("/v1/articles/search", params={"q": "walrus"}).json()["articles"], "it is found")
        ticket = post(client, "ann", "how-to")
        log = story(client, ticket, until="escalated")
        (escalated,) = only(log, "escalated")
        assert (escalated["reason"], escalated["to_tier"]) == ("overdue", "l1")
        assert [step["article_id"] for step in escalated["steps_tried"]] == [article]
        late = {"type": "requester_replied", "ticket": ticket, "text": "Yes, it works now."}
        assert client.post("/v1/events", json=late).status_code == 202
        log = story(client, ticket, until="replied")
        assert not only(log, "resolved")
