"""The way down on a whole desk: an article is published, and what it fits goes down, or its owner hears of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from e2e.desks import tierdesk
from e2e.whole_desk import OWN, WholeDesk, wait_until
from tierdesk_tier import Job, serve_tier

POLICY = {
    "name": "Way down",
    "tiers": [{"id": "l1"}, {"id": "l2"}],
    "groups": [
        {"id": "front", "tier": "l1"},
        {"id": "engineers", "tier": "l2"},
        {"id": "builders", "tier": "l2"},
    ],
    "edges": [["l1", "l2"], ["l2", "l1"]],
    "categories": [
        {"id": "plotter", "tier": "l2", "group": "engineers"},
        {"id": "built", "tier": "l2", "group": "builders"},
        {"id": "usage", "tier": "l1", "group": "front"},
    ],
    "default_category": "usage",
    "knowledge": {"group": "front", "threshold": 0.7},
    "likeness": {"repeat": {"within": "1d"}},
}
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def client(whole_desk: WholeDesk) -> Iterator[httpx2.Client]:
    with whole_desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        known = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "Hello", "category": "usage"}
        wait_until(lambda: client.post("/v1/events", json=known).status_code == 202, "intake knows the policy")
        yield client


def post(client: httpx2.Client, **told: Any) -> str:
    event = {"type": "problem_reported", "requester": {"party": "ann"}} | told
    answer = client.post("/v1/events", json=event)
    assert answer.status_code == 202, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


def story(client: httpx2.Client, ticket: str, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """The events of this kind, once there are so many."""

    def read() -> list[dict[str, Any]]:
        log = client.get(f"/v1/tickets/{ticket}").json().get("log", [])
        found = [event for event in log if event["kind"] == kind]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = wait_until(read, f"{kind} stands in the log")
    return found


def publish(client: httpx2.Client, title: str, keywords: list[str]) -> str:
    written = client.post("/v1/articles", json={"title": title, "body": "Do this.", "keywords": keywords})
    assert client.post(f"{written.headers['location']}/publish").status_code == 200
    article: str = written.json()["id"]
    return article


@asynccontextmanager
async def at_work(desk: WholeDesk, group: str, tier: str, work: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    serving = asyncio.create_task(
        serve_tier(desk.database_url, tenant=OWN, tier=tier, group=group, worker="lea", work=work, stop=stop)
    )
    try:
        yield
    finally:
        stop.set()
        await serving


async def test_what_nobody_has_accepted_goes_down_with_the_article(whole_desk, client):
    ticket = await asyncio.to_thread(post, client, title="Zebra plotter clogs", category="plotter")
    (first,) = await asyncio.to_thread(story, client, ticket, "offered")
    assert first["tier"] == "l2"
    wait = asyncio.to_thread(kept, whole_desk, ticket)
    await wait
    article = await asyncio.to_thread(publish, client, "Zebra plotter clogs", ["nozzle"])
    _, second = await asyncio.to_thread(story, client, ticket, "offered", 2)
    assert (second["tier"], second["group"], second["reason"]) == ("l1", "front", "knowledge")
    (matched,) = await asyncio.to_thread(story, client, ticket, "matched")
    assert (matched["article_id"], matched["new_article"]) == (article, True)
    offered: asyncio.Queue[Job] = asyncio.Queue()

    async def solve(job: Job) -> None:
        offered.put_nowait(job)
        await job.resolve("As the article says.")

    async with at_work(whole_desk, "front", "l1", solve), asyncio.timeout(PATIENCE_SECONDS):
        while (job := await offered.get()).case.title != "Zebra plotter clogs":
            continue
    assert job.internal is not None
    assert (job.internal.article_id, job.internal.article_title) == (article, "Zebra plotter clogs")
    assert job.internal.explanation[-1].startswith("A new article 'Zebra plotter clogs' documents it")


async def test_its_owner_hears_of_the_article_and_hands_it_down_with_findings(whole_desk, client):
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def own(job: Job) -> None:
        async for update in job.updates:
            if update.article_id is not None:
                heard.put_nowait(update)
                await job.escalate("findings", findings="It is as the article says.", to_tier="l1")
                return

    ticket = await asyncio.to_thread(post, client, title="Yak scanner jams", category="built")
    async with at_work(whole_desk, "builders", "l2", own), asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.to_thread(story, client, ticket, "accepted")
        await asyncio.to_thread(kept, whole_desk, ticket)
        article = await asyncio.to_thread(publish, client, "Yak scanner jams", [])
        told = await heard.get()
        assert (told.article_id, told.article_title) == (article, "Yak scanner jams")
        *_, last = await asyncio.to_thread(story, client, ticket, "offered", 2)
    assert (last["tier"], last["reason"]) == ("l1", "escalation")
    assert not [
        one for one in await asyncio.to_thread(story, client, ticket, "offered") if one["reason"] == "knowledge"
    ]


async def test_a_ticket_that_is_split_by_hand_goes_on_as_two(whole_desk, client):
    ticket = await asyncio.to_thread(post, client, title="Gnu and ibex printers fail", category="usage")
    await asyncio.to_thread(story, client, ticket, "offered")
    reference = client.get(f"/v1/tickets/{ticket}").json()["ticket"]["reference"]
    arguments = (
        "split",
        reference,
        "--title",
        "Ibex printer fails",
        "--category",
        "plotter",
        "--reason",
        "Two matters.",
    )
    done = tierdesk(*arguments, url=whole_desk.url, api_key=whole_desk.keys[OWN])
    assert (done.code, done.err) == (0, "")
    assert f"is split off {reference}; it stands at tier l2, group engineers" in done.out
    (named,) = story(client, ticket, "split")
    assert named["reference"] in done.out
    part = named["ticket"]
    told = {"type": "requester_replied", "ticket": part, "text": "And it smokes."}
    wait_until(lambda: client.post("/v1/events", json=told).status_code == 202, "intake knows the new ticket")
    (replied,) = story(client, part, "replied")
    assert replied["text"] == "And it smokes."
    assert client.post("/v1/events", json=told | {"text": "Still."}).status_code == 202
    story(client, part, "replied", 2)
    clocks = wait_until(lambda: client.get(f"/v1/clocks/{part}").json().get("clocks"), "its clocks run")
    assert {clock["started_at"] for clock in clocks if clock["kind"] != "acceptance"} == {
        story(client, part, "opened")[0]["at"]
    }
    again = tierdesk(*arguments, url=whole_desk.url, api_key=whole_desk.keys[OWN])
    assert again.out == done.out


def kept(desk: WholeDesk, ticket: str) -> None:
    """Wait until the knowledge base has read of the ticket."""
    wait_until(lambda: desk.query("SELECT FROM kb.open_ticket WHERE id = $1", ticket), "its words are kept")
