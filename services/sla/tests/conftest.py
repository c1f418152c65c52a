"""A policy with clocks of every kind, and a way to tell the story of a ticket."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from servers.postgres import let_in
from tierdesk_bus.connecting import connect
from tierdesk_bus.port import HOME, Bus
from tierdesk_contracts import AnyEnvelope, parse, seal
from tierdesk_contracts import ticket as events
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import TicketChanged, TicketEvent
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, Status
from tierdesk_policy import Policy, load_policy
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_sla.app import DEFINITION, TOPOLOGY
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.handlers.ticket_changes import QUEUE, Followed, TicketChangesHandler
from tierdesk_sla.handlers.watcher import SpokenMetrics, Watcher
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.wakeups import WakeUps
from tierdesk_store import Database, Received, ServiceSchema, StoreError, service_url

POLICY = """
name: Clocks of every kind
tiers: [{id: l1}, {id: l2}, {id: l4}]
groups:
  - {id: front, tier: l1}
  - {id: second, tier: l1}
  - {id: engineers, tier: l2}
  - {id: printer-vendor, tier: l4, vendor: printers}
edges: [[l1, l2], [l1, l4], [l2, l4], [l4, l2]]
vendors: [{id: printers, group: printer-vendor}]
categories:
  - {id: usage, tier: l1, group: front}
  - {id: hardware, tier: l2, group: engineers}
calendars:
  - id: office
    tz: Europe/Lisbon
    weekly: {mon: ["09:00-17:00"], tue: ["09:00-17:00"], wed: ["09:00-17:00"], thu: ["09:00-17:00"], fri: ["09:00-17:00"]}
targets:
  - {kind: first_response, within: 1h, priorities: [1], warn_at: [0.5, 0.75]}
  - {kind: first_response, within: 6h}
  - {kind: resolution, within: 4h, priorities: [1]}
  - {kind: resolution, within: 8h, priorities: [2], calendar: office, warn_at: [0.5]}
  - {kind: resolution, within: 1d, priorities: [3]}
  - {kind: acceptance, within: 20m, tiers: [l1], warn_at: []}
  - {kind: acceptance, within: 2h, vendors: [printers]}
pauses:
  requester: [first_response, resolution]
  change: [resolution]
"""

OPENED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DESK = Actor(kind=ActorKind.DESK, id="router")
TICKET = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Story:
    """Events of one ticket, told in order; times are minutes after the opening, or instants."""

    def __init__(self, ticket_id: UUID = TICKET, opened_at: datetime = OPENED_AT) -> None:
        self.ticket_id = ticket_id
        self.opened_at = opened_at
        self.events: list[TicketEvent] = []

    def at(self, when: float | datetime) -> datetime:
        return when if isinstance(when, datetime) else self.opened_at + timedelta(minutes=when)

    def assignment(self, name: str) -> UUID:
        return uuid5(self.ticket_id, name)

    def tell(self, event_type: type[TicketEvent], when: float | datetime, **fields: Any) -> "Story":
        if "assignment" in fields:
            fields["assignment_id"] = self.assignment(fields.pop("assignment"))
        sequence = len(self.events) + 1
        self.events.append(event_type(sequence=sequence, at=self.at(when), actor=DESK, **fields))
        return self

    def opened(self) -> "Story":
        requester = uuid5(self.ticket_id, "requester")
        return self.tell(
            events.Opened, 0, channel=Channel.PORTAL, requester_id=requester, title="It is broken", text=""
        )

    def triaged(self, when: float = 0, *, priority: int = 1, category: str = "usage") -> "Story":
        return self.tell(
            events.Triaged,
            when,
            category=category,
            impact=1,
            urgency=1,
            priority=priority,
            tier="l1",
            group="front",
            completeness=1.0,
            explanation=events.Explanation(rule="entry", because=(), policy_version="v"),
        )

    def offered(self, when: float = 0, *, tier: str = "l1", group: str = "front", **fields: Any) -> "Story":
        fields = {"token": 1, "reason": "triage", "assignment": "first"} | fields
        return self.tell(events.Offered, when, tier=tier, group=group, **fields)

    def accepted(self, when: float, *, assignment: str = "first") -> "Story":
        return self.tell(events.Accepted, when, assignment=assignment, worker="ana")

    def answered(self, when: float, *, assignment: str = "first") -> "Story":
        return self.tell(events.Progressed, when, assignment=assignment, answer="Have you tried the other socket?")

    def paused(self, when: float | datetime, party: str = "requester", *, assignment: str = "first") -> "Story":
        return self.tell(events.Paused, when, assignment=assignment, party=party)

    def resumed(self, when: float | datetime, *, assignment: str = "first") -> "Story":
        return self.tell(events.Resumed, when, assignment=assignment)

    def resolved(self, when: float | datetime, *, assignment: str = "first") -> "Story":
        return self.tell(events.Resolved, when, assignment=assignment, how="Another socket.")

    def reprioritised(self, when: float, priority: int) -> "Story":
        return self.tell(events.Reprioritised, when, impact=1, urgency=1, priority=priority)

    def begun(self, *, priority: int = 1) -> "Story":
        """Opened, triaged, offered to the front desk and accepted after a minute."""
        return self.opened().triaged(priority=priority).offered().accepted(1)


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(POLICY)


@pytest.fixture
def messages_of(policy: Policy) -> Callable[..., list[AnyEnvelope]]:
    def build(story: Story, **options: Any) -> list[AnyEnvelope]:
        return changes(story, policy, **options)

    return build


@pytest.fixture
def applied_message() -> Callable[..., AnyEnvelope]:
    return applied


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture(scope="session")
def tell() -> Callable[..., Story]:
    return Story


@pytest.fixture
def timeline_of(policy: Policy) -> Callable[[Story], Timeline]:
    def build(story: Story) -> Timeline:
        timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", policy.version)
        for event in story.events:
            timeline = fold(timeline, event, policy)
        return timeline

    return build


@pytest.fixture
def clock_of(timeline_of: Callable[[Story], Timeline]) -> Callable[..., Clock]:
    """The clock of a kind after a story, the first of its kind unless told otherwise."""

    def find(story: Story, kind: str, nth: int = 1) -> Clock:
        return [clock for clock in timeline_of(story).clocks if clock.kind == kind][nth - 1]

    return find


def changes(
    story: Story, policy: Policy, *, tenant: str = "main", sizes: tuple[int, ...] = (), first: int = 0
) -> list[AnyEnvelope]:
    """The story's events from `first` on as messages, one for each of `sizes` and one for the rest."""
    envelopes, at = [], first
    for size in (*sizes, len(story.events)):
        part = story.events[at : at + size]
        at += size
        if part:
            data = TicketChanged(
                reference="TD-TEST-0001",
                policy_version=policy.version,
                status=Status.ACCEPTED,
                first_sequence=part[0].sequence,
                sequence=part[-1].sequence,
                events=tuple(part),
            )
            envelopes.append(sealed(data, str(story.ticket_id), part[-1].at, tenant, part[-1].sequence))
    return envelopes


def sealed(data: Any, subject: str, at: datetime, tenant: str, sequence: int | None = None) -> AnyEnvelope:
    return seal(data, message_id=uuid4(), source="/test", subject=subject, time=at, tenant=tenant, sequence=sequence)


def applied(policy: Policy, tenant: str = "main") -> AnyEnvelope:
    data = PolicyApplied(version=policy.version, name=policy.name, document=policy.document(), applied_at=OPENED_AT)
    return sealed(data, policy.version, OPENED_AT, tenant)


class Desk:
    """The watcher's parts on a real database, with a clock that the test drives."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self.database = database
        self.policy = policy
        self.clock = DrivenClock(OPENED_AT)
        self.identifiers = Identifiers()
        self.shelf = PolicyShelf()
        self.followed = Followed()
        self.wakeups = WakeUps(database)
        self.metrics = CollectorRegistry()
        self.spoken = SpokenMetrics(self.metrics)
        self.handler = TicketChangesHandler(self.shelf, self.clock, self.identifiers, self.followed)

    async def receive(self, *envelopes: AnyEnvelope) -> list[Exception]:
        """Apply these messages as one batch, as the library does; answers what was raised."""
        messages = [Received(envelope, HOME, QUEUE, 0.0, 0) for envelope in envelopes]
        raised: list[Exception] = []
        async with self.database.transaction() as tx:
            state = await self.handler.load(tx, messages)
            for message in messages:
                try:
                    self.handler.decide(state, message)
                except StoreError as error:
                    raised.append(error)
            await self.handler.save(tx, state)
        return raised

    async def tell(self, story: Story, *, tenant: str = "main", sizes: tuple[int, ...] = (), first: int = 0) -> None:
        for envelope in changes(story, self.policy, tenant=tenant, sizes=sizes, first=first):
            assert await self.receive(envelope) == []

    def watcher(self, bus: Any = None, *, settle_seconds: float = 0.0, batch: int = 50) -> Watcher:
        return Watcher(
            self.database,
            bus,
            self.clock,
            self.identifiers,
            self.followed,
            wakeups=self.wakeups,
            settle_seconds=settle_seconds,
            spoken=self.spoken,
            batch=batch,
        )

    async def say_due(self, minutes: float) -> None:
        """Let time pass until so many minutes after the opening, and say what is due."""
        until = OPENED_AT + timedelta(minutes=minutes)
        self.clock.advance_to(max(until, self.clock.now()))
        while await self.watcher().say_due(until):
            pass

    async def sent(self) -> list[AnyEnvelope]:
        """What stands in the outbox, in order."""
        outbox = self.database.tables.outbox
        async with self.database.read() as connection:
            rows = await connection.execute(select(outbox.c.body).order_by(outbox.c.position))
            return [parse(body) for (body,) in rows]

    async def words(self) -> list[tuple[str, str, float]]:
        """What was said: the word, the kind of clock, and the share or the minute that it was due at."""
        words = []
        for envelope in await self.sent():
            data = envelope.data
            due = (data.due_at - OPENED_AT) / timedelta(minutes=1)
            word = envelope.type.removeprefix("clock.").removesuffix(".v1")
            words.append((word, data.kind, getattr(data, "share", due)))
        return words


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return (DEFINITION.schema,)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    let_in(postgres_url, "sla", "a password")
    database = Database(service_url(postgres_url, "sla", "a password"), schema="sla", name="sla test")
    yield database
    await database.close()


@pytest.fixture
async def owner(postgres_url: str) -> AsyncIterator[Database]:
    """The schema, as the administrator of the database."""
    owner = Database(postgres_url, schema="sla", name="sla test", pool_size=2)
    yield owner
    await owner.close()


@pytest.fixture
async def desk(database: Database, policy: Policy) -> Desk:
    """The watcher, with the policy applied to the tenant `main`."""
    desk = Desk(database, policy)
    assert await desk.receive(applied(policy)) == []
    return desk


@pytest.fixture
async def bus(postgres_url: str) -> AsyncIterator[Bus]:
    """A bus on which the watcher's queue is declared."""
    bus = await connect(postgres_url, name="sla test")
    await bus.declare(TOPOLOGY)
    yield bus
    await bus.close()


class Standstill:
    """A function of the service that stands still once it is done, with its transaction open."""

    def __init__(self, function: Callable[..., Any], when: Callable[..., bool]) -> None:
        self._function, self._when = function, when
        self._reached, self._go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, *given: Any) -> Any:
        done = await self._function(*given)
        if self._when(*given):
            self._reached.set()
            await self._go_on.wait()
        return done

    async def reached(self) -> None:
        """Wait until it stands still."""
        await asyncio.wait_for(self._reached.wait(), 10)

    def go_on(self) -> None:
        """Let it return."""
        self._go_on.set()


@pytest.fixture
def stand_still(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Standstill]:
    """Have a function, named as its callers have it, stand still when it was called with what fits."""

    def put(module: str, name: str, when: Callable[..., bool] = lambda *_: True) -> Standstill:
        standstill = Standstill(getattr(importlib.import_module(module), name), when)
        monkeypatch.setattr(f"{module}.{name}", standstill)
        return standstill

    return put
