"""The broker loses its disk; `tierdesk rebuild` brings back what was accepted, and offers anew what nobody has accepted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from e2e.whole_desk import wait_until
from faults.processes import ServiceProcess, environment_of, run_command
from tierdesk_bus import Address, Bus, Message, PublishResult, connect
from tierdesk_cli.services import DEFINITIONS
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import parse, seal
from tierdesk_contracts.names import VENDOR_INBOUND, VENDOR_WORK, event_key, vendor_namespace
from tierdesk_contracts.work import WorkOffered
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets

REPOSITORY = Path(__file__).parents[2]
QUORUM_QUEUE_SECONDS = 3.0
"""RabbitMQ 3.10 needs a moment after a declaration until its queues have a leader."""
TICKETS = 5
PRINTER = "printer-and-copier-machine"


@contextlib.contextmanager
def running_services(folder: Path, settings: dict[str, str]) -> Iterator[dict[str, ServiceProcess]]:
    """Every service in a process of its own."""
    services = {name: ServiceProcess(name, environment_of(**settings), folder / f"{name}.log") for name in DEFINITIONS}
    try:
        for service in services.values():
            service.start()
        for service in services.values():
            service.wait_until_ready()
        time.sleep(QUORUM_QUEUE_SECONDS)
        yield services
    finally:
        for service in services.values():
            service.stop()


def query(url: str, statement: str) -> list[asyncpg.Record]:
    async def fetch() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


class Vendor:
    """The printer vendor: takes an offer from its queue, and answers it."""

    def __init__(self, settings: dict[str, str], namespace: str) -> None:
        self._settings = settings
        self._namespace = namespace
        self._identifiers = Identifiers()

    @contextlib.asynccontextmanager
    async def _connected(self) -> Any:
        bus = await connect(
            self._settings["amqp_url"],
            name="vendor",
            management_url=self._settings["amqp_management_url"],
            namespace_prefix=self._settings["namespace_prefix"],
        )
        try:
            yield bus
        finally:
            await bus.close()

    async def next_offer(self) -> tuple[UUID, WorkOffered]:
        async with self._connected() as bus, asyncio.timeout(30):
            consumer = await bus.consume(VENDOR_WORK, prefetch=1, namespace=self._namespace)
            while True:
                for delivery in await consumer.receive(1, timeout_seconds=5):
                    await consumer.ack([delivery])
                    envelope = parse(delivery.body)
                    if isinstance(envelope.data, WorkOffered):
                        await consumer.close()
                        return UUID(envelope.subject), envelope.data

    async def resolve(self, ticket: UUID, offer: WorkOffered) -> None:
        data = outcomes.WorkResolved(
            assignment_id=offer.assignment_id, token=offer.token, worker="acme", ordinal=1, how="new drum"
        )
        envelope = seal(
            data, message_id=self._identifiers.new(), source="/acme", subject=str(ticket),
            time=datetime.now(UTC), tenant="main",
        )  # fmt: skip
        address = Address(self._namespace, VENDOR_INBOUND, event_key("main", envelope.type))
        message = Message(str(envelope.id), envelope.type, address, envelope.to_bytes())
        async with self._connected() as bus:
            await publish(bus, message)


async def publish(bus: Bus, message: Message) -> None:
    assert await bus.publish([message], timeout_seconds=20) == [PublishResult.CONFIRMED]


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_what_the_broker_lost_is_published_again_and_nothing_is_doubled(private_rabbit, postgres_url, tmp_path):
    private_rabbit.broker.create_vhost("desk")
    settings = {
        "database_url": postgres_url,
        "amqp_url": private_rabbit.broker.amqp_url("desk"),
        "amqp_management_url": private_rabbit.broker.management_url,
        "namespace_prefix": "desk-",
        "secrets_file": str(tmp_path / "secrets.json"),
        "policy_file": str(REPOSITORY / "deploy" / "policy" / "five-tier.yaml"),
        "log_level": "warning",
    }
    run_command(["migrate"], environment_of(**settings))
    key = KeyRing(Secrets.load(tmp_path / "secrets.json")).mint("test", "main", ["events:write", "tickets:read"])
    with (
        running_services(tmp_path, settings) as services,
        httpx2.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=20) as client,
    ):

        def post(title: str, **fields: object) -> str:
            event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": title} | fields
            answer = client.post(f"{services['intake'].url}/v1/events", json=event)
            assert answer.status_code == 202, answer.text
            return answer.json()["ticket"]

        def story(ticket: str) -> list[str]:
            answer = client.get(f"{services['router'].url}/v1/tickets/{ticket}")
            return [event["kind"] for event in answer.json()["log"]] if answer.status_code == 200 else []

        vendor = Vendor(settings, vendor_namespace("main", "printer-vendor"))
        before = [post(f"Before {number}") for number in range(TICKETS)]
        printer = post("The copier jams", category=PRINTER)
        wait_until(lambda: all(map(story, [*before, printer])), "the first tickets are opened")
        ticket, offer = asyncio.run(vendor.next_offer())
        assert str(ticket) == printer
        services["router"].kill9()
        asyncio.run(vendor.resolve(ticket, offer))
        lost = [post(f"Lost {number}") for number in range(TICKETS)]
        waiting = "SELECT count(*) FROM intake.outbox WHERE published_at IS NULL"
        wait_until(lambda: query(postgres_url, waiting)[0][0] == 0, "intake has published them")

        private_rabbit.kill9()
        private_rabbit.wipe_data()
        private_rabbit.start()
        private_rabbit.broker.create_vhost("desk")
        run_command(["migrate"], environment_of(**settings))
        services["router"].start()
        services["router"].wait_until_ready()
        assert not any(map(story, lost)), "the broker has not lost them"

        rebuild = ["rebuild", "--since", "1h", "--data", str(tmp_path)]
        run_command([*rebuild, "--dry-run"], environment_of(**settings))
        assert not any(map(story, lost)), "a dry run publishes"
        run_command(rebuild, environment_of(**settings))
        wait_until(lambda: all(map(story, lost)), "what was lost is published again")
        opened = query(
            postgres_url, "SELECT ticket_id, count(*) FROM router.ticket_log WHERE kind = 'opened' GROUP BY 1"
        )
        assert {str(row["ticket_id"]): row["count"] for row in opened} == dict.fromkeys([*before, printer, *lost], 1)

        # The vendor's answer died with the disk: the first offer comes again, and the one that replaces it.
        assert story(printer)[-3:] == ["offered", "withdrawn", "offered"]
        again, renewed = asyncio.run(vendor.next_offer()), asyncio.run(vendor.next_offer())
        assert again == (ticket, offer)
        assert renewed[1].token > offer.token
        asyncio.run(vendor.resolve(*renewed))
        wait_until(lambda: story(printer)[-1] == "resolved", "the vendor answers the new offer")
        assert [query(postgres_url, f"SELECT count(*) FROM {schema}.parked")[0][0] for schema in DEFINITIONS] == [0] * 4
