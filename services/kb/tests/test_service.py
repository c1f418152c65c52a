"""The knowledge base as it runs: it matches tickets and works level 0 from the bus, and is searched over HTTP."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from servers.postgres import let_in
from tierdesk_bus.connecting import connect
from tierdesk_bus.port import HOME, Address, Binding, BusError, Message, Queue, Topology
from tierdesk_contracts import parse
from tierdesk_contracts.names import EVENTS, OUTCOMES, WORK, event_key, event_pattern, work_key
from tierdesk_kb.app import DEFINITION, TOPOLOGY
from tierdesk_kb.samples import load_samples
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import Parts, build_parts
from tierdesk_runtime.settings import Settings


class RunningBase:
    """The service on a real database and bus, and the other side of its queues."""

    def __init__(self, bus, heard, http, parts: Parts) -> None:
        self.bus = bus
        self.heard = heard
        self.http = http
        self.parts = parts

    async def send(self, envelope, exchange=EVENTS, key="") -> None:
        address = Address(HOME, exchange, key or event_key(envelope.tenant, envelope.type))
        message = Message(str(envelope.id), envelope.type, address, envelope.to_bytes())
        assert await self.bus.publish([message], timeout_seconds=10) == ["confirmed"]

    async def hear(self, count: int):
        told = []
        async with asyncio.timeout(20):
            while len(told) < count:
                deliveries = await self.heard.receive(10, timeout_seconds=1)
                await self.heard.ack(deliveries)
                told += [parse(delivery.body) for delivery in deliveries]
        return told

    async def search(self, words: str) -> list[str]:
        """The titles found, once any are."""
        async with asyncio.timeout(15):
            while True:
                answer = await self.http.get("/v1/articles/search", params={"q": words})
                if answer.status_code == 200 and answer.json()["articles"]:
                    return [one["title"] for one in answer.json()["articles"]]
                await asyncio.sleep(0.05)


@pytest.fixture
async def running(postgres_url, tmp_path) -> AsyncIterator[RunningBase]:
    secrets = Secrets.create(tmp_path / "secrets.json")
    key = KeyRing(secrets).mint("test", "main", ["articles:read", "articles:write"])
    let_in(postgres_url, "kb", secrets.database_password("kb"))
    settings = Settings(database_url=postgres_url, bus_url=postgres_url, secrets_file=secrets.path)
    parts = await build_parts(DEFINITION, settings)
    service = await DEFINITION.build(parts)
    bus = await connect(postgres_url, name="test")
    listening = Topology(
        queues=(Queue("heard"),),
        bindings=(Binding("heard", EVENTS, event_pattern("knowledge.matched.v1")), Binding("heard", OUTCOMES, "#")),
    )
    await bus.declare(TOPOLOGY + listening)
    await service.start()
    heard = await bus.consume("heard", prefetch=20)
    transport = httpx2.ASGITransport(app=service.app)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://kb", headers=headers) as http:
        yield RunningBase(bus, heard, http, parts)
        assert (await service.ready()).ready
    await bus.close()
    await service.drain()


async def test_a_ticket_is_matched_and_an_offer_of_level_0_is_worked(
    running, applied, policy, opened, offered, follow_up
):
    await load_samples(running.parts.database, running.parts.clock, running.parts.identifiers, tenant="main")
    assert "Reset a forgotten password" in await running.search("forgotten password")
    ticket = opened("I forgot my password")
    await running.send(ticket)
    await running.send(applied(policy))
    (match,) = await running.hear(1)
    assert (match.subject, match.data.documented) == (ticket.subject, True)

    offer, key = offered("I forgot my password"), work_key("main", "l0", "self-service")
    async with asyncio.timeout(15):
        while not await is_declared(running.bus):  # noqa: ASYNC110 - the service declares it when it knows the policy
            await asyncio.sleep(0.05)
    await running.send(offer, WORK, key)
    assert [one.type for one in await running.hear(3)] == [
        "outcome.accepted.v1", "outcome.progressed.v1", "outcome.paused.v1",
    ]  # fmt: skip
    await running.send(follow_up(offer, reply="Yes, thanks!"), WORK, key)
    (resolved,) = await running.hear(1)
    assert (resolved.type, resolved.data.ordinal) == ("outcome.resolved.v1", 4)


async def test_an_article_is_found_soon_after_it_is_published(running):
    answer = await running.http.post("/v1/articles", json={"title": "Okapi on the line", "body": "Lead it away."})
    path = answer.headers["location"]
    assert (await running.http.post(f"{path}/publish")).status_code == 200
    assert await running.search("okapi") == ["Okapi on the line"]


async def is_declared(bus) -> bool:
    try:
        await bus.depth("work.main.l0.self-service")
    except BusError:
        return False
    return True
