"""A running bridge: the real service on real HTTP, a real PostgreSQL, and the bus on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2

from servers.postgres import let_in
from servers.thread import ServingThread
from tierdesk_bridge.app import DEFINITION
from tierdesk_bus.connecting import connect
from tierdesk_bus.port import Address, Binding, Exchange, Message, Queue, Topology
from tierdesk_contracts import outcome, parse, seal
from tierdesk_contracts.names import VENDOR_INBOUND, VENDOR_OFFERS, VENDOR_WORK, vendor_namespace
from tierdesk_contracts.work import WorkWithdrawn
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_runtime.signatures import sign

TLS = ssl.create_default_context()  # made once: it takes longer than a request
PATIENCE_SECONDS = 30.0
VENDOR = "printers"
TENANTS = ("main", "other")
CLOUDEVENT = {"Content-Type": "application/cloudevents+json"}


class Bridge(ServingThread):
    """One replica in a thread of its own, and what a test asks of it."""

    def __init__(self, database_url: str, secrets: Secrets, keys: dict[str, str]) -> None:
        self.database_url = database_url
        self.secrets = secrets
        self.keys = keys
        settings = Settings(database_url=database_url, bus_url=database_url, secrets_file=secrets.path, http_port=0)
        super().__init__([DEFINITION], settings, SystemClock())

    def client(self, tenant: str = "main") -> httpx2.Client:
        """A client with the key of this tenant's operator."""
        headers = {"Authorization": f"Bearer {self.keys[tenant]}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30, verify=TLS, trust_env=False)

    def ask(self, method: str, path: str, *, tenant: str = "main", **options: Any) -> httpx2.Response:
        with self.client(tenant) as client:
            return client.request(method, f"/v1/bridge/{path}", **options)

    def set_url(self, url: str, *, tenant: str = "main", vendor: str = VENDOR) -> httpx2.Response:
        answer = self.ask("PUT", vendor, tenant=tenant, json={"url": url})
        assert answer.status_code in {200, 201}, answer.text
        return answer

    def endpoint(self, vendor: str = VENDOR) -> Any:
        """The view of an endpoint."""
        return self.ask("GET", vendor).json()

    def deliveries(self, *, vendor: str = VENDOR, **query: Any) -> Any:
        """The newest of a vendor."""
        answer = self.ask("GET", f"{vendor}/deliveries", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["deliveries"]

    def secret(self, tenant: str = "main", vendor: str = VENDOR) -> str:
        self.secrets.refresh()
        return self.secrets.webhook_secrets(f"vendor.{vendor}")[tenant][-1]

    def offer(self, *subjects: str, tenant: str = "main", vendor: str = VENDOR) -> list[UUID]:
        """As `offer` below."""
        return offer(self.database_url, *subjects, tenant=tenant, vendor=vendor)

    def metrics(self) -> dict[tuple[str, str], float]:
        """The bridge's own metrics, by name and result."""
        headers = {"Authorization": f"Bearer {self.keys['metrics']}"}
        told = httpx2.get(f"{self.url}/metrics", headers=headers, verify=TLS, trust_env=False).text
        found = re.findall(
            r'^(tierdesk_bridge_\w+){(?:result="(\w+)",)?service="bridge"(?:,result="(\w+)")?} (\S+)$',
            told,
            re.MULTILINE,
        )
        return {(name, one or other): float(value) for name, one, other, value in found}

    def consumes(self, tenant: str = "main", vendor: str = VENDOR) -> bool:
        """Whether it reads the queue of this vendor."""
        checks = httpx2.get(f"{self.url}/readyz", verify=TLS, trust_env=False, timeout=30).text
        return f"{vendor_namespace(tenant, vendor)}/{VENDOR_WORK}" in checks

    def hurry(self) -> None:
        """Let the pauses be over: what failed is due, and no endpoint rests."""
        self.query("UPDATE bridge.delivery SET due_at = now() WHERE state = 'pending' AND lease IS NULL")
        self.query("UPDATE bridge.endpoint SET rests_until = NULL")

    def wait_until(self, look: Callable[[], Any], what: str, *, hurry: bool = False) -> Any:
        """The first true answer of `look`; with `hurry`, no pause is waited for."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:.0f} s: {what}; {self.query(SHOWN)}"
            if hurry:
                self.hurry()
            time.sleep(0.05)
        return found

    def wait_for_state(self, state: str, number: int, *, hurry: bool = False) -> None:
        """So many deliveries are in this state."""
        count = "SELECT count(*) AS number FROM bridge.delivery WHERE state = $1"
        self.wait_until(lambda: self.query(count, state)[0]["number"] == number, f"{number} {state}", hurry=hurry)

    def call_back(
        self,
        body: bytes,
        *,
        webhook_id: str | None = None,
        vendor: str = VENDOR,
        secret: str | None = None,
        **more: str,
    ) -> httpx2.Response:
        """What the vendor posts, signed."""
        headers = sign(secret or self.secret(vendor=vendor), webhook_id or str(uuid4()), datetime.now(UTC), body)
        with httpx2.Client(base_url=self.url, timeout=30, verify=TLS, trust_env=False) as client:
            return client.post(f"/v1/bridge/{vendor}/outcomes", content=body, headers=CLOUDEVENT | headers | more)

    def inbound(self, number: int, *, tenant: str = "main", vendor: str = VENDOR) -> list[Any]:
        """The next envelopes that the router would read of this vendor."""
        return asyncio.run(read(self.database_url, vendor_namespace(tenant, vendor), number))


SHOWN = "SELECT subject, state, attempts, due_at, lease, last_detail FROM bridge.delivery ORDER BY position"


def offer(url: str, *subjects: str, tenant: str = "main", vendor: str = VENDOR) -> list[UUID]:
    """The desk tells the vendor something of each of these tickets, in this order; answers the identifiers."""
    messages = []
    for subject in subjects:
        data = WorkWithdrawn(assignment_id=uuid4(), token=1, reason="test")
        envelope = seal(
            data,
            message_id=uuid4(),
            source="/tierdesk/router",
            subject=subject,
            time=datetime.now(UTC),
            tenant=tenant,
        )
        address = Address(vendor_namespace(tenant, vendor), VENDOR_OFFERS, "")
        messages.append(Message(str(envelope.id), envelope.type, address, envelope.to_bytes()))
    asyncio.run(publish(url, messages))
    return [UUID(message.id) for message in messages]


async def publish(url: str, messages: list[Message]) -> None:
    bus = await connect(url, name="desk")
    try:
        assert set(await bus.publish(messages, timeout_seconds=20)) <= {"confirmed"}
    finally:
        await bus.close()


async def read(url: str, namespace: str, number: int) -> list[Any]:
    bus = await connect(url, name="router")
    try:
        consumer = await bus.consume(VENDOR_INBOUND, prefetch=100, namespace=namespace)
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found) < number:
                deliveries = await consumer.receive(100, timeout_seconds=0.5)
                found += [parse(delivery.body) for delivery in deliveries]
                await consumer.ack(deliveries)
        await consumer.close()
        return found
    finally:
        await bus.close()


async def declare(url: str, *namespaces: str) -> None:
    """What the router declares for vendors."""
    bus = await connect(url, name="router")
    parts = {VENDOR_OFFERS: VENDOR_WORK, VENDOR_INBOUND: VENDOR_INBOUND}
    for namespace in namespaces:
        topology = Topology(
            exchanges=tuple(Exchange(name, "fanout", namespace) for name in parts),
            queues=(Queue(VENDOR_WORK, namespace, single_active=True), Queue(VENDOR_INBOUND, namespace)),
            bindings=tuple(Binding(queue, exchange, "", namespace) for exchange, queue in parts.items()),
        )
        await bus.declare(topology)
    await bus.close()


def outcome_body(kind: Any = outcome.WorkAccepted, *, message_id: UUID | None = None, **fields: Any) -> bytes:
    """An outcome as a vendor writes it."""
    told = {"assignment_id": uuid4(), "token": 1, "worker": "rob", "ordinal": 1} | fields
    envelope = seal(
        kind.model_validate(told),
        message_id=message_id or uuid4(),
        source="/claimed",
        subject=str(uuid4()),
        time=datetime.now(UTC),
        tenant="claimed",
    )
    return envelope.to_bytes()


def changed(body: bytes, **changes: Any) -> bytes:
    return json.dumps(json.loads(body) | changes).encode()


class Ground:
    """The queues of vendors and secrets, at a database with the schema of the bridge; replicas stand on it."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url = database_url
        self.secrets = Secrets.create(folder / "secrets.json")
        ring = KeyRing(self.secrets)
        self.keys = {tenant: ring.mint("operator", tenant, ["policy:write"]) for tenant in TENANTS}
        self.keys["metrics"] = ring.mint("metrics", "main", ["metrics:read"])
        for tenant in TENANTS:
            self.secrets.add_webhook_secret(tenant, f"vendor.{VENDOR}")
        let_in(database_url, "bridge", self.secrets.database_password("bridge"))
        asyncio.run(declare(database_url, *(vendor_namespace(tenant, VENDOR) for tenant in TENANTS)))

    def replica(self) -> Bridge:
        return Bridge(self.database_url, self.secrets, self.keys)

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        """A replica in a process of its own, once it has its connections."""
        settings = {
            "TIERDESK_DATABASE_URL": self.database_url,
            "TIERDESK_BUS_URL": self.database_url,
            "TIERDESK_SECRETS_FILE": str(self.secrets.path),
            "TIERDESK_HTTP_PORT": "0",
        }
        process = subprocess.Popen([sys.executable, "-m", "tierdesk_bridge"], env=os.environ | settings)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def running(self) -> Iterator[Bridge]:
        bridge = self.replica()
        bridge.start()
        try:
            yield bridge
        finally:
            bridge.stop()
