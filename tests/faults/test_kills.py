"""Services are killed with SIGKILL under load; the ledger afterwards says what was lost, doubled or put out of order."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.rabbitmq import Broker
from tierdesk_cli.services import DEFINITIONS
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets

from .ledger import Ledger, draw_up, is_settled
from .load import Book, post_all
from .processes import ServiceProcess, environment_of, run_command
from .workers import POLICY, run_workers

SEED = 20261122
SETTLE_SECONDS = 90.0
QUORUM_QUEUE_SECONDS = 3.0
"""RabbitMQ 3.10 needs a moment after a declaration until its queues have a leader."""


@dataclass(slots=True)
class Field:
    """All services running as processes, and what reaches them."""

    services: dict[str, ServiceProcess]
    database_url: str
    bus_url: str
    namespace_prefix: str
    key: str

    def url(self, name: str) -> str:
        return self.services[name].url


@contextlib.asynccontextmanager
async def running_field(
    tmp_path: Path, database_url: str, amqp_url: str, broker: Broker, unsafe: dict[str, str]
) -> AsyncIterator[Field]:
    """Every service in a process; `unsafe` names, by service, the safety rules that are switched off there."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    prefix = f"{amqp_url.rsplit('/', 1)[1].lower()}-"
    settings = {
        "database_url": database_url,
        "amqp_url": amqp_url,
        "amqp_management_url": broker.management_url,
        "namespace_prefix": prefix,
        "secrets_file": str(tmp_path / "secrets.json"),
        "policy_file": str(policy),
        "log_level": "warning",
    }
    await asyncio.to_thread(run_command, ["migrate"], environment_of(**settings))
    services = {
        name: ServiceProcess(
            name,
            environment_of(**settings, **({"unsafe": unsafe[name]} if name in unsafe else {})),
            tmp_path / f"{name}.log",
        )
        for name in DEFINITIONS
    }
    key = KeyRing(Secrets.load(tmp_path / "secrets.json")).mint("portal", "main", ["events:write"])
    try:
        for service in services.values():
            service.start()
        for service in services.values():
            await asyncio.to_thread(service.wait_until_ready)
        await asyncio.sleep(QUORUM_QUEUE_SECONDS)
        yield Field(services, database_url, amqp_url, prefix, key)
    finally:
        for service in services.values():
            await asyncio.to_thread(service.stop)
        with contextlib.suppress(Exception):
            broker.delete_vhost(f"{prefix}v-main.printer")


async def run_with_kills(
    field: Field, *, tickets: int, kills: int, victims: tuple[str, ...], per_second: float
) -> tuple[Ledger, Book]:
    """Post tickets while services die; wait until all is settled; draw up the ledger."""
    dice = random.Random(SEED)
    book, stop = Book(), asyncio.Event()
    workers = asyncio.create_task(run_workers(field.bus_url, field.namespace_prefix, stop))
    posting = asyncio.create_task(
        post_all(field.url("intake"), field.key, tickets, book, clients=20, seed=SEED, per_second=per_second)
    )
    try:
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(0.1, 1.0))
            victim = field.services[dice.choice(victims)]
            await asyncio.to_thread(victim.kill9)
            victim.start()
            await asyncio.to_thread(victim.wait_until_ready)
            if workers.done():
                await workers
        await posting
        end = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end and not await is_settled(field.database_url, tickets):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.5)
        return await draw_up(field.database_url, book), book
    finally:
        posting.cancel()
        stop.set()
        await asyncio.gather(posting, workers, return_exceptions=True)


async def _lose_nothing(field: Field, *, tickets: int, kills: int, per_second: float) -> None:
    started = time.monotonic()
    ledger, book = await run_with_kills(
        field, tickets=tickets, kills=kills, victims=tuple(DEFINITIONS), per_second=per_second
    )
    line = ledger.line(tickets, kills, SEED)
    print(f"{line} ({book.repeats} posts repeated, {time.monotonic() - started:.0f} s)")
    assert line.startswith("0 lost / 0 duplicated / 0 reordered"), f"{line}\n{ledger.examples()}"
    assert ledger.parked == []
    assert len(book.tickets) == tickets


@pytest.mark.timeout(400)
async def test_nothing_is_lost_doubled_or_reordered_when_services_are_killed(tmp_path, postgres_url, amqp_url, broker):
    async with running_field(tmp_path, postgres_url, amqp_url, broker, {}) as field:
        await _lose_nothing(field, tickets=300, kills=5, per_second=40)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_nothing_is_lost_in_two_thousand_tickets_and_twenty_kills(tmp_path, postgres_url, amqp_url, broker):
    async with running_field(tmp_path, postgres_url, amqp_url, broker, {}) as field:
        await _lose_nothing(field, tickets=2000, kills=20, per_second=50)


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_with_acknowledgement_before_commit_the_ledger_shows_the_loss(tmp_path, postgres_url, amqp_url, broker):
    """The negative control: the same run with one safety rule off must lose, or the ledger proves nothing."""
    unsafe = {"router": "ack_before_commit"}
    async with running_field(tmp_path, postgres_url, amqp_url, broker, unsafe) as field:
        ledger, _ = await run_with_kills(field, tickets=1000, kills=12, victims=("router",), per_second=100)
    print(f"with ack before commit: {ledger.line(1000, 12, SEED)}")
    assert ledger.lost
