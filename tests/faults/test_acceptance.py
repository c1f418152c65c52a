"""Many workers accept the same offer at the same moment: one of them owns the work, and each other is told so."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tierdesk_bus import Address, Bus, Message, connect
from tierdesk_contracts import AnyEnvelope, intake, parse, seal, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS, OUTCOMES, event_key, work_queue
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_policy import load_policy
from tierdesk_router.app import DEFINITION, TOPOLOGY
from tierdesk_router.handlers.policies import WorkQueues, apply_policy
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import build_parts
from tierdesk_runtime.settings import Settings
from tierdesk_store import migrate

from .scale import SEED

WORKERS = 50
ROUTERS = 2
POLICY = """
name: One group
tiers: [{id: l1}]
groups: [{id: desk, tier: l1}]
categories: [{id: other, tier: l1, group: desk}]
"""
QUEUE = work_queue("main", "l1", "desk")


@dataclass
class Race:
    """Two routers, and the bus on which workers answer them."""

    bus: Bus
    database_url: str
    identifiers: Identifiers

    async def publish(self, exchange: str, envelopes: list[AnyEnvelope]) -> None:
        messages = [
            Message(str(one.id), one.type, Address("", exchange, event_key("main", one.type)), one.to_bytes())
            for one in envelopes
        ]
        for start in range(0, len(messages), 1_000):
            fates = await self.bus.publish(messages[start : start + 1_000], timeout_seconds=30)
            assert set(fates) == {"confirmed"}

    def report(self, number: int) -> AnyEnvelope:
        told = intake.ProblemReported(
            reference=self.identifiers.reference(), requester=intake.Requester(party="ann"), title=f"Problem {number}"
        )
        return self._seal(told, self.identifiers.new(), sequence=1)

    def acceptance(self, ticket: str, offer: work.WorkOffered, worker: int) -> AnyEnvelope:
        accepted = outcomes.WorkAccepted(
            assignment_id=offer.assignment_id, token=offer.token, worker=f"worker-{worker}", ordinal=1
        )
        return self._seal(accepted, UUID(ticket))

    def _seal(self, data: intake.ProblemReported | outcomes.WorkAccepted, ticket: UUID, **told: int) -> AnyEnvelope:
        return seal(
            data,
            message_id=self.identifiers.new(),
            source="/test",
            subject=str(ticket),
            time=datetime.now(UTC),
            tenant="main",
            **told,
        )


@pytest.fixture
async def race(postgres_url: str, amqp_url: str, amqp_management_url: str, tmp_path: Path) -> AsyncIterator[Race]:
    secrets = Secrets.create(tmp_path / "secrets.json")
    await asyncio.to_thread(
        migrate, postgres_url, DEFINITION.schema, password=secrets.database_password(DEFINITION.name)
    )
    settings = Settings(
        database_url=postgres_url,
        amqp_url=amqp_url,
        amqp_management_url=amqp_management_url,
        secrets_file=secrets.path,
    )
    async with contextlib.AsyncExitStack() as stack:
        bus = await connect(amqp_url, name="workers", management_url=amqp_management_url)
        stack.push_async_callback(bus.close)
        await bus.declare(TOPOLOGY)
        for _ in range(ROUTERS):
            parts = await build_parts(DEFINITION, settings)
            service = await DEFINITION.build(parts)
            await service.start()
            stack.push_async_callback(service.drain)
        await apply_policy(parts, WorkQueues(bus), "main", load_policy(POLICY))
        yield Race(bus, postgres_url, Identifiers())


@pytest.mark.parametrize("rounds", [20, pytest.param(1_000, marks=[pytest.mark.faults, pytest.mark.timeout(600)])])
async def test_of_fifty_workers_who_accept_one_offer_one_owns_it_and_the_others_are_told(race, rounds, tell):
    await race.publish(EVENTS, [race.report(number) for number in range(rounds)])
    offers: dict[str, work.WorkOffered] = {}
    owners: Counter[str] = Counter()
    losers: dict[str, set[str]] = {}
    consumer = await race.bus.consume(QUEUE, prefetch=1_000)
    async with asyncio.timeout(120 + rounds / 2):
        while len(offers) < rounds:
            deliveries = await consumer.receive(500, timeout_seconds=5)
            for envelope in map(parse, (one.body for one in deliveries)):
                assert isinstance(envelope.data, work.WorkOffered)
                offers[envelope.subject] = envelope.data
            await consumer.ack(deliveries)
        acceptances = [
            race.acceptance(ticket, offer, worker) for ticket, offer in offers.items() for worker in range(WORKERS)
        ]
        random.Random(SEED).shuffle(acceptances)
        publishing = asyncio.create_task(race.publish(OUTCOMES, acceptances))
        while owners.total() + sum(map(len, losers.values())) < len(acceptances):
            deliveries = await consumer.receive(500, timeout_seconds=5)
            for envelope in map(parse, (one.body for one in deliveries)):
                answer = envelope.data
                if isinstance(answer, work.WorkAssigned):
                    owners[envelope.subject] += 1
                else:
                    assert isinstance(answer, work.OutcomeRejected)
                    assert answer.reason is RejectReason.NOT_OWNER
                    losers.setdefault(envelope.subject, set()).add(answer.worker)
            await consumer.ack(deliveries)
        await publishing
    await consumer.close()
    assert set(owners.values()) == {1}
    assert len(owners) == rounds
    assert {len(workers) for workers in losers.values()} == {WORKERS - 1}
    connection = await asyncpg.connect(race.database_url)
    accepted = await connection.fetchval("SELECT count(*) FROM router.ticket_log WHERE kind = 'accepted'")
    await connection.close()
    assert accepted == rounds
    told = sum(map(len, losers.values()))
    tell(
        f"{rounds} offers, {WORKERS} acceptances of each: {len(owners)} owners, {told} told that they are none, seed={SEED}"
    )
