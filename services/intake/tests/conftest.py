"""A running intake: the real service on real HTTP, a real PostgreSQL, and the bus on PostgreSQL."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from servers.postgres import DatabaseServer, let_in
from servers.thread import ServingThread
from tierdesk_bus.connecting import connect
from tierdesk_bus.port import Address, Binding, Exchange, Message, Queue, Topology
from tierdesk_contracts import AnyEnvelope, parse, seal
from tierdesk_contracts.names import EVENTS, event_key
from tierdesk_contracts.notice import PolicyApplied, TicketAdded
from tierdesk_intake.app import DEFINITION
from tierdesk_intake.store.terms import FRESH_SECONDS
from tierdesk_runtime.clock import Clock, SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_runtime.signatures import sign
from tierdesk_store import ServiceSchema

SINK = "sink"
TLS = ssl.create_default_context()  # made once: it takes longer than a request
PAYLOADS = Path(__file__).parents[4] / "shared" / "data" / "payloads" / "payloads.json"
collect_ignore = [] if PAYLOADS.exists() else ["test_reference_payloads.py"]


class RunningIntake(ServingThread):
    """The service in a thread of its own, on a database with its schema, and what a test asks of it."""

    def __init__(
        self, database_url: str, folder: Path, clock: Clock | None = None, *, bus_url: str | None = None
    ) -> None:
        self.database_url = database_url
        self.secrets = Secrets.create(folder / "secrets.json")
        ring = KeyRing(self.secrets)
        self.keys = {tenant: ring.mint("portal", tenant, ["events:write"]) for tenant in ("main", "other")}
        self.reader_keys = {tenant: ring.mint("reader", tenant, ["tickets:read"]) for tenant in ("main", "other")}
        self.reader_key = self.reader_keys["main"]
        self.phone_secrets = {tenant: self.secrets.add_webhook_secret(tenant, "pbx") for tenant in ("main", "other")}
        self.settings = Settings(
            database_url=database_url, bus_url=bus_url or database_url, secrets_file=self.secrets.path, http_port=0
        )
        super().__init__([DEFINITION], self.settings, clock or SystemClock())
        self.pbx = httpx2.Client(timeout=30, verify=TLS)

    def start(self) -> None:
        let_in(self.database_url, "intake", self.secrets.database_password("intake"))
        if self.settings.bus == self.database_url:
            asyncio.run(self._declare_sink())
        super().start()

    def stop(self) -> None:
        self.pbx.close()
        super().stop()

    def client(self, tenant: str = "main", **options: Any) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.keys[tenant]}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30, verify=TLS, **options)

    def reader(self, tenant: str = "main", **options: Any) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.reader_keys[tenant]}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30, verify=TLS, **options)

    def count(self, table: str) -> int:
        return self.query(f"SELECT count(*) FROM intake.{table}")[0][0]

    def stored(self) -> dict[str, int]:
        """How many rows every table has that a request can write to."""
        tables = ("raw_event", "idempotency_key", "ticket", "call", "call_event", "outbox")
        tables += ("attachment", "attachment_piece", "attachment_day")
        (row,) = self.query(
            "SELECT " + ", ".join(f"(SELECT count(*) FROM intake.{table}) AS {table}" for table in tables)
        )
        return dict(row)

    def messages(self, count: int) -> list[AnyEnvelope]:
        """What intake published, as it came over the bus; waits until there are `count`."""
        return asyncio.run(self._receive(count))

    def apply_policy(
        self,
        *,
        tenant: str = "main",
        applied_at: datetime | None = None,
        document: dict[str, Any] | None = None,
        **parts: list[str],
    ) -> None:
        """Publish a policy with these names on the bus."""
        document = document or {part: [{"id": name} for name in names] for part, names in parts.items()}
        at = applied_at or datetime.now(UTC)
        data = PolicyApplied(version=f"v{at.timestamp()}", name="test", document=document, applied_at=at)
        envelope = seal(
            data, message_id=Identifiers().new(), source="/test", subject=data.version, time=at, tenant=tenant
        )
        asyncio.run(self._publish(envelope))

    def add_ticket(self, ticket: UUID, reference: str, *, tenant: str = "main") -> None:
        """Publish on the bus that the desk itself has opened a ticket."""
        envelope = seal(
            TicketAdded(reference=reference), message_id=Identifiers().new(), source="/test", subject=str(ticket),
            time=datetime.now(UTC), tenant=tenant,
        )  # fmt: skip
        asyncio.run(self._publish(envelope))

    def publish(self, envelope: AnyEnvelope) -> None:
        """Publish this on the bus."""
        asyncio.run(self._publish(envelope))

    def wait_for_terms(self, tenants: int) -> None:
        """Wait until the policies of so many tenants are known, and what was read before them is forgotten."""
        deadline = time.monotonic() + 20
        while self.count("policy_terms") < tenants:
            assert time.monotonic() < deadline, "no policy within 20 seconds"
            time.sleep(0.05)
        time.sleep(FRESH_SECONDS)

    def post_call(
        self, body: bytes, *, tenant: str = "main", webhook_id: str, content_type: str = "application/json"
    ) -> httpx2.Response:
        """Post what a telephone system posts, signed as it signs."""
        headers = sign(self.phone_secrets[tenant], webhook_id, datetime.now(UTC), body)
        headers |= {"Tierdesk-Source": "pbx", "Content-Type": content_type}
        return self.pbx.post(f"{self.url}/v1/phone/generic", content=body, headers=headers)

    async def _declare_sink(self) -> None:
        bus = await connect(self.database_url, name="test")
        await bus.declare(Topology((Exchange(EVENTS),), (Queue(SINK),), (Binding(SINK, EVENTS, "*.intake.#"),)))
        await bus.close()

    async def _publish(self, envelope: AnyEnvelope) -> None:
        bus = await connect(self.database_url, name="test")
        address = Address("", EVENTS, event_key(envelope.tenant, envelope.type))
        message = Message(str(envelope.id), envelope.type, address, envelope.to_bytes())
        async with asyncio.timeout(20):
            # A service is ready, though degraded, before its queues are declared.
            while await bus.publish([message], timeout_seconds=10) == ["returned"]:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)
        await bus.close()

    async def _receive(self, count: int) -> list[AnyEnvelope]:
        bus = await connect(self.database_url, name="test")
        consumer = await bus.consume(SINK, prefetch=max(count, 1) * 2)
        found: list[AnyEnvelope] = []
        async with asyncio.timeout(20):
            while len(found) < count:
                deliveries = await consumer.receive(count, timeout_seconds=5)
                found += [parse(delivery.body) for delivery in deliveries]
                await consumer.ack(deliveries)
        await consumer.close()
        await bus.close()
        return found


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return (DEFINITION.schema,)


@pytest.fixture(scope="session")
def start_intake() -> Callable[..., RunningIntake]:
    """Starts an intake that the test stops."""

    def start(database_url: str, folder: Path, **options: Any) -> RunningIntake:
        intake = RunningIntake(database_url, folder, **options)
        intake.start()
        return intake

    return start


@contextmanager
def _running(server: DatabaseServer, folder: Path, clock: Clock | None = None) -> Iterator[RunningIntake]:
    with server.fresh_database(DEFINITION.schema) as url:
        intake = RunningIntake(url, folder, clock)
        intake.start()
        try:
            yield intake
        finally:
            intake.stop()


@pytest.fixture(scope="session")
def reference_payloads() -> Path:
    """The reference data beside the checkout; where they are not, the tests that read them are not collected."""
    return PAYLOADS


@pytest.fixture(scope="session")
def running() -> Callable[..., AbstractContextManager[RunningIntake]]:
    """Starts an intake for as long as the caller wants."""
    return _running


@pytest.fixture
def intake(database_server: DatabaseServer, tmp_path: Path) -> Iterator[RunningIntake]:
    """A running intake that this test has to itself."""
    with _running(database_server, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared_intake(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIntake]:
    """A running intake that the tests of a module share: for tests that must leave nothing behind."""
    with _running(database_server, tmp_path_factory.mktemp("intake")) as running:
        yield running


@pytest.fixture
def run_intake(database_server: DatabaseServer, tmp_path: Path) -> Iterator[Callable[[Clock], RunningIntake]]:
    """Starts an intake on a clock of the test's choice."""
    stacks = []

    def run(clock: Clock) -> RunningIntake:
        manager = _running(database_server, tmp_path, clock)
        stacks.append(manager)
        return manager.__enter__()

    yield run
    for manager in stacks:
        manager.__exit__(None, None, None)
