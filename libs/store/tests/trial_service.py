"""A service that follows messages by writing one note each, without a natural key: what happens twice shows twice."""

import asyncio
import itertools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uuid_utils
from sqlalchemy import text

from tierdesk_bus.port import HOME, Address, Bus, Consumer, Delivery, Message, PublishResult
from tierdesk_contracts import AnyEnvelope, seal
from tierdesk_contracts.intake import RequesterReplied
from tierdesk_contracts.notice import KnowledgeMatched
from tierdesk_contracts.ticket import Replied, TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_store import Database, Received, ServiceSchema, Transaction
from tierdesk_store.application import Application
from tierdesk_store.arrival import Arrival, read_arrival

SCHEMA = ServiceSchema("trial", Path(__file__).parent / "versions", log_tables=("log",))
PASSWORD = 'it\'s "quoted" %41 \\ :/@'
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVENTS = "trial.events"


def new_id() -> uuid.UUID:
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)


def ordered(subject: str, sequence: int, word: str | None = None) -> AnyEnvelope:
    """Message `sequence` of the subject's intake stream."""
    return seal(
        RequesterReplied(text=word if word is not None else str(sequence)),
        message_id=new_id(),
        source="intake",
        subject=subject,
        time=NOON,
        tenant="main",
        sequence=sequence,
    )


def changed(subject: str, first: int, last: int) -> AnyEnvelope:
    """A message that covers several sequences of the subject's ticket stream."""
    actor = Actor(kind=ActorKind.DESK, id="router")
    data = TicketChanged(
        reference="TD-1",
        policy_version="p",
        status=Status.NEW,
        first_sequence=first,
        sequence=last,
        events=tuple(Replied(sequence=n, at=NOON, actor=actor, text="x") for n in range(first, last + 1)),
    )
    return seal(data, message_id=new_id(), source="router", subject=subject, time=NOON, tenant="main", sequence=last)


def unordered(subject: str, word: str) -> AnyEnvelope:
    """A message that is known by its identifier alone."""
    return seal(
        KnowledgeMatched(article_id="a", title=word, score=0.5, documented=False),
        message_id=new_id(),
        source="kb",
        subject=subject,
        time=NOON,
        tenant="main",
    )


def word_of(envelope: AnyEnvelope) -> str:
    data = envelope.data
    if isinstance(data, RequesterReplied):
        return data.text
    return data.title if isinstance(data, KnowledgeMatched) else f"{data.first_sequence}-{data.sequence}"


@dataclass
class Notes:
    """A handler. `rule` may raise for a message; `saving` may raise for what is to be saved."""

    name: str = "trial"
    accepts: frozenset[str] = frozenset({"intake.requester_replied.v1", "knowledge.matched.v1", "ticket.changed.v1"})
    rule: Callable[[Received, list[tuple[str, str]]], None] = lambda received, state: None
    saving: Callable[[list[tuple[str, str]]], None] = lambda state: None
    batches: list[int] = field(default_factory=list)
    answers: bool = False
    received: list[Received] = field(default_factory=list)

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> list[tuple[str, str]]:
        self.batches.append(len(messages))
        return []

    def decide(self, state: list[tuple[str, str]], message: Received) -> None:
        self.received.append(message)
        self.rule(message, state)
        state.append((message.envelope.subject, word_of(message.envelope)))

    async def save(self, tx: Transaction, state: list[tuple[str, str]]) -> None:
        self.saving(state)
        await tx.execute(
            text("INSERT INTO note (subject, word) SELECT * FROM unnest(CAST(:s AS text[]), CAST(:w AS text[]))"),
            {"s": [s for s, _ in state], "w": [w for _, w in state]},
        )
        if self.answers:
            for subject, word in state:
                tx.send(unordered(subject, f"re {word}"), Address(HOME, EVENTS, "answer"))


def refuse(word: str, error: Exception) -> Callable[[Received, object], None]:
    """A rule that raises `error` for the message of this word."""

    def rule(received: Received, state: object) -> None:
        if word_of(received.envelope) == word:
            raise error

    return rule


async def rows(database: Database, query: str, **parameters: object) -> list[tuple]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(text(query), parameters)]


async def words(database: Database, subject: str) -> list[str]:
    """What was noted of the subject, in order."""
    found = await rows(database, "SELECT word FROM note WHERE subject = :s ORDER BY id", s=subject)
    return [word for (word,) in found]


async def waiting(database: Database) -> list[tuple[str, str]]:
    """The waiting messages' subjects and causes."""
    return await rows(database, "SELECT subject, cause FROM waiting ORDER BY position")


async def parked(database: Database) -> list[tuple[str, str]]:
    """The open parked messages' subjects and reasons."""
    return await rows(database, "SELECT subject, reason FROM parked WHERE resolution IS NULL ORDER BY parked_at")


async def make_due(database: Database) -> None:
    """As if two minutes went by."""
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE waiting SET due_at = due_at - interval '2 minutes'"))


class Intake:
    """Hands messages to an `Application` as a consumer does, and notes which it may acknowledge."""

    def __init__(self, database: Database, handler: Notes) -> None:
        self.application = Application(database, handler)
        self.handler = handler
        self.acknowledged: list[bytes] = []
        self.stop = asyncio.Event()

    async def take(self, *messages: AnyEnvelope | bytes, namespace: str = HOME) -> None:
        """One batch."""
        bodies = [m if isinstance(m, bytes) else m.to_bytes() for m in messages]
        arrivals = [
            read_arrival(body, order=(1, index), namespace=namespace, queue="q", accepts=self.handler.accepts)
            for index, body in enumerate(bodies)
        ]

        async def done(part: Sequence[Arrival]) -> None:
            self.acknowledged.extend(arrival.body for arrival in part)

        left = await self.application.apply(arrivals, self.stop, done=done)
        assert not left or self.stop.is_set()

    async def sweep(self) -> None:
        """Sweep until nothing more is due."""
        while await self.application.sweep(200, self.stop):
            pass


class FaultyBus:
    """A real bus behind a fault injector: `fault` says for each publish of a message what is to happen to it.

    None lets it pass; `NACKED` and `RETURNED` keep it from the bus; `UNKNOWN` loses either the message ("lost") or
    only the answer ("stored").
    """

    def __init__(self, bus: Bus, fault: Callable[[Message], PublishResult | str | None]) -> None:
        self.bus = bus
        self.fault = fault
        self.attempts: list[Message] = []
        self.stored: list[Message] = []

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float) -> list[PublishResult]:
        self.attempts.extend(batch)
        faults = [self.fault(message) for message in batch]
        passing = [m for m, fault in zip(batch, faults, strict=True) if fault in {None, "stored"}]
        results = iter(await self.bus.publish(passing, timeout_seconds=timeout_seconds))
        answers = []
        for message, fault in zip(batch, faults, strict=True):
            if fault in {None, "stored"}:
                result = next(results)
                if result is PublishResult.CONFIRMED:
                    self.stored.append(message)
                answers.append(PublishResult.UNKNOWN if fault == "stored" else result)
            else:
                answers.append(PublishResult.UNKNOWN if fault == "lost" else fault)
        return answers

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> Consumer:
        return await self.bus.consume(queue, prefetch=prefetch, namespace=namespace)

    async def depth(self, queue: str, *, namespace: str = HOME) -> int:
        return await self.bus.depth(queue, namespace=namespace)


async def drain(bus: Bus, queue: str, *, wanted: int, seconds: float = 10.0) -> list[Delivery]:
    """Take and acknowledge `wanted` messages, then make sure that no further one is there."""
    consumer = await bus.consume(queue, prefetch=1000)
    taken: list[Delivery] = []
    async with asyncio.timeout(seconds):
        while len(taken) < wanted:
            deliveries = await consumer.receive(1000, timeout_seconds=1)
            await consumer.ack(deliveries)
            taken += deliveries
    taken += await consumer.receive(1000, timeout_seconds=0.3)
    await consumer.close()
    return taken


async def until(condition: Callable[[], object], *, seconds: float = 15.0) -> None:
    """Wait for a condition, which may be a coroutine function."""
    async with asyncio.timeout(seconds):
        for _ in itertools.count():
            answer = condition()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.02)
