"""A small desk: three tiers in house and a vendor on top."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from servers.postgres import let_in
from tierdesk_bus import Address, Bus, Consumer, Message, connect
from tierdesk_contracts import intake, parse, seal
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS, OUTCOMES, event_key
from tierdesk_contracts.vocabulary import Contract
from tierdesk_policy import Policy, load_policy
from tierdesk_router.app import DEFINITION, TOPOLOGY
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import Service, build_parts
from tierdesk_runtime.settings import Settings
from tierdesk_store import ServiceSchema

DESK = """
name: test desk
tiers:
  - {id: l0, name: Self-service, hands_on_incomplete: true}
  - {id: l1, name: Generalists}
  - {id: l2, name: Specialists}
  - {id: l4, name: Vendors}
groups:
  - {id: self-service, tier: l0, name: Self-service}
  - {id: service-desk, tier: l1, name: Service desk, offer: {accept_within: 15m, attempts: 2}, fallback: duty}
  - {id: duty, tier: l1, name: Duty}
  - {id: workplace, tier: l2, name: Workplace}
  - {id: network, tier: l2, name: Network}
  - {id: printer-vendor, tier: l4, name: Printer vendor, vendor: printer}
edges: [[l0, l1], [l1, l2], [l1, l4], [l2, l4], [l2, l1], [l4, l2], [l4, l1]]
categories:
  - {id: usage, name: Usage, tier: l1, group: service-desk, description_facts: [requester, contact, location]}
  - {id: how-to, name: How to, tier: l0, group: self-service}
  - {id: laptop, name: Laptop, tier: l2, group: workplace}
  - {id: printer, name: Printer machine, tier: l4, group: printer-vendor}
  - {id: crisis, name: Crisis, tier: l1, group: service-desk, mode: swarm}
  - {id: trusted, name: Trusted, tier: l1, group: service-desk, mode: carry_through}
default_category: usage
departments:
  - {id: networks, name: Networks, group: network, overrides: true}
vendors:
  - {id: printer, name: Printer Ltd, group: printer-vendor, covers: [printer, trusted], contract: {reference: C-1, ends: 2099-12-31}}
targets:
  - {kind: first_response, within: 6h}
  - {kind: resolution, within: 2d}
knowledge: {group: service-desk, threshold: 0.7}
close_after: 5d
reopen_within: 14d
"""


sys.path.insert(0, str(Path(__file__).parent / "playing"))


@pytest.fixture
def desk(policy: Policy) -> Any:
    """A ticket in memory."""
    return importlib.import_module("ticket_desk").TicketDesk(policy)


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(DESK)


class RunningRouter:
    """The router on a real database and bus, and the other side of its queues."""

    def __init__(self, url: str, bus: Bus, http: httpx2.AsyncClient, keys: dict[str, str], service: Service) -> None:
        self.url = url
        self.bus = bus
        self.service = service
        self._http = http
        self._keys = keys
        self._identifiers = Identifiers()
        self._consumers: dict[str, Consumer] = {}

    async def request(self, method: str, path: str, *, tenant: str = "main", **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self._keys[tenant]}"} | options.pop("headers", {})
        return await self._http.request(method, path, headers=headers, **options)

    async def send(
        self, exchange: str, data: Contract, subject: UUID, *, tenant: str = "main", namespace: str = "",
        sequence: int | None = None, message_id: UUID | None = None, at: datetime | None = None,
    ) -> UUID:  # fmt: skip
        envelope = seal(
            data, message_id=message_id or self._identifiers.new(), source="/test", subject=str(subject),
            time=at or datetime.now(UTC), tenant=tenant, sequence=sequence,
        )  # fmt: skip
        address = Address(namespace, exchange, event_key(tenant, envelope.type))
        message = Message(str(envelope.id), envelope.type, address, envelope.to_bytes())
        assert await self.bus.publish([message], timeout_seconds=10) == ["confirmed"]
        return envelope.id

    async def report(self, *, ticket: UUID | None = None, tenant: str = "main", **fields: Any) -> UUID:
        ticket = ticket or self._identifiers.new()
        told = {"reference": self._identifiers.reference(), "requester": {"party": "ann"}, "title": "Broken"} | fields
        await self.send(EVENTS, intake.ProblemReported.model_validate(told), ticket, tenant=tenant, sequence=1)
        return ticket

    async def next_work(self, queue: str, *, namespace: str = "") -> Any:
        """The next message of a work queue."""
        name = f"{namespace}/{queue}"
        if name not in self._consumers:
            self._consumers[name] = await self.bus.consume(queue, prefetch=50, namespace=namespace)
        async with asyncio.timeout(15):
            while True:
                for delivery in await self._consumers[name].receive(1, timeout_seconds=5):
                    await self._consumers[name].ack([delivery])
                    return parse(delivery.body).data

    async def act(self, kind: type[outcomes.Outcome], offer: Any, ticket: UUID, **fields: Any) -> UUID:
        """Publish an outcome as a party in house."""
        message_id, tenant = fields.pop("message_id", None), fields.pop("tenant", "main")
        told = {"assignment_id": offer.assignment_id, "token": offer.token, "worker": "bob", "ordinal": 1} | fields
        if kind is outcomes.WorkEscalated:
            told = {"override": "a test tells no facts"} | told
        return await self.send(OUTCOMES, kind.model_validate(told), ticket, message_id=message_id, tenant=tenant)

    async def story(self, ticket: UUID, *, until: str, tenant: str = "main") -> list[dict[str, Any]]:
        """The log, once its last but one or last event is of the kind `until`."""
        async with asyncio.timeout(20):
            while True:
                answer = await self.request("GET", f"/v1/tickets/{ticket}", tenant=tenant)
                if answer.status_code == 200 and any(event["kind"] == until for event in answer.json()["log"]):
                    return answer.json()["log"]
                await asyncio.sleep(0.05)

    async def fetch(self, statement: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return (DEFINITION.schema,)


@pytest.fixture
async def router(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningRouter]:
    # Nobody here hears of policies, so that the outbox is never empty at the end; each test would wait a second for it.
    monkeypatch.setattr("tierdesk_runtime.service._FLUSH_STANDSTILL_SECONDS", 0.05)
    monkeypatch.setattr("tierdesk_store.consumer.RECEIVE_SECONDS", 0.1)
    secrets = Secrets.create(tmp_path / "secrets.json")
    ring = KeyRing(secrets)
    keys = {
        tenant: ring.mint("test", tenant, ["tickets:read", "tickets:write", "policy:write", "problems:write"])
        for tenant in ("main", "other")
    }
    let_in(postgres_url, DEFINITION.name, secrets.database_password(DEFINITION.name))
    settings = Settings(database_url=postgres_url, bus_url=postgres_url, secrets_file=secrets.path)
    service = await DEFINITION.build(await build_parts(DEFINITION, settings))
    await service.start()
    bus = await connect(postgres_url, name="test")
    await bus.declare(TOPOLOGY)
    transport = httpx2.ASGITransport(app=service.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://router") as http:
        running = RunningRouter(postgres_url, bus, http, keys, service)
        for tenant in keys:
            assert (await running.request("PUT", "/v1/policy", tenant=tenant, content=DESK)).status_code == 200
        yield running
    await bus.close()
    await service.drain()
