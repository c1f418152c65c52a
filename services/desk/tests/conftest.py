"""The desk on a real database, its messages given by hand."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select

from servers.postgres import let_in
from tierdesk_bus.port import HOME
from tierdesk_contracts import AnyEnvelope, parse, seal
from tierdesk_contracts.intake import Called
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import CallNoted, KnownRequester, TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_contracts.work import Case, Deadline, Internal, WorkAssigned, WorkOffered
from tierdesk_desk.app import DEFINITION
from tierdesk_desk.board import Board
from tierdesk_desk.callbacks import Callbacks
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.handlers.mails import Mailroom
from tierdesk_desk.handlers.tickets import TicketsHandler
from tierdesk_desk.handlers.work import WorkHandler
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.repairs import Repairs
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.visits import Visits
from tierdesk_policy import Policy, load_policy
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database, Received, ServiceSchema, StoreError, service_url

POLICY = """
name: A desk of people
tiers: [{id: l0}, {id: l1}, {id: l2}, {id: l3}]
groups:
  - {id: self-service, tier: l0}
  - {id: front, tier: l1}
  - {id: networks, tier: l2, skills: [wireless]}
  - {id: clients, tier: l2}
  - {id: makers, tier: l3, vendor: acme}
vendors: [{id: acme, name: Acme, group: makers}]
edges: [[l0, l1], [l1, l2], [l2, l3]]
categories:
  - {id: how-to, tier: l0, group: self-service}
  - {id: hardware, tier: l1, group: front}
  - {id: network, tier: l2, group: networks, skills: [wireless]}
"""
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Desk:
    """The parts of the desk, driven by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = DrivenClock(NOW)
        self.shelf = PolicyShelf()
        self.publisher = Publisher(self.clock, Identifiers(), source="/tierdesk/desk")
        self.board = Board(database, self.shelf, self.publisher)
        self.callbacks = Callbacks(database, self.shelf, self.publisher, self.board)
        self.visits = Visits(database, self.publisher, self.board)
        self.repairs = Repairs(database, self.publisher, self.board)
        self.work = WorkHandler(self.shelf, self.publisher)
        self.mailroom = Mailroom(self.shelf, self.publisher.new_id, self.clock.now)
        self.tickets = TicketsHandler(self.shelf, self.mailroom)

    async def receive(self, handler: Any, *envelopes: AnyEnvelope) -> list[Exception]:
        """Apply these messages as one batch, as the library does; answers what was raised."""
        messages = [Received(envelope, HOME, "queue", 0.0, 0, envelope.traceparent) for envelope in envelopes]
        raised: list[Exception] = []
        async with self.database.transaction() as tx:
            state = await handler.load(tx, messages)
            for one in messages:
                try:
                    handler.decide(state, one)
                except StoreError as error:
                    raised.append(error)
            await handler.save(tx, state)
        return raised

    async def offer(self, envelope: AnyEnvelope) -> UUID:
        """Put an offer on the board; answers its assignment."""
        assert await self.receive(self.work, envelope) == []
        assignment_id: UUID = envelope.data.assignment_id
        return assignment_id

    async def sent(self) -> list[AnyEnvelope]:
        """What stands in the outbox, in order."""
        outbox = self.database.tables.outbox
        async with self.database.read() as connection:
            rows = await connection.execute(select(outbox.c.body).order_by(outbox.c.position))
            return [parse(body) for (body,) in rows]


def message(data: Any, *, subject: str, tenant: str = "main", sequence: int | None = None) -> AnyEnvelope:
    return seal(data, message_id=uuid4(), source="/test", subject=subject, time=NOW, tenant=tenant, sequence=sequence)


def call_told(call: Called, *, sequence: int = 1, at: datetime = NOW) -> TicketChanged:
    """What the router tells of a call."""
    noted = CallNoted(
        sequence=sequence,
        at=at,
        actor=Actor(kind=ActorKind.REQUESTER, id="caller"),
        call_id=call.call_id,
        outcome=call.outcome,
    )
    return TicketChanged(
        reference=call.reference,
        policy_version="v1",
        status=Status.OFFERED,
        first_sequence=sequence,
        sequence=sequence,
        events=(noted,),
        requester=None if call.caller is None else KnownRequester(party=f"tel:{call.caller}", phone=call.caller),
        calls=(call,),
    )


def person_of(name: str, *grants: Grant, tenant: str = "main", **fields: Any) -> Person:
    held = grants or (Grant(Role.AGENT),)
    return Person(tenant, uuid4(), name, name.capitalize(), held, **fields)


@pytest.fixture(scope="session")
def hashing() -> Iterator[PasswordHashing]:
    """Quick and weak: what tests try are not secrets."""
    hashing = PasswordHashing(Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1))
    yield hashing
    hashing.close()


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(POLICY)


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return (DEFINITION.schema,)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    let_in(postgres_url, "desk", "a password")
    database = Database(service_url(postgres_url, "desk", "a password"), schema="desk", name="desk test", pool_size=8)
    yield database
    await database.close()


@pytest.fixture
async def desk(database: Database, policy: Policy) -> Desk:
    """The desk under its policy, for the tenants `main` and `other`."""
    desk = Desk(database)
    for tenant in ("main", "other"):
        data = PolicyApplied(version=policy.version, name=policy.name, document=policy.document(), applied_at=NOW)
        assert await desk.receive(desk.tickets, message(data, subject=policy.version, tenant=tenant)) == []
    return desk


@pytest.fixture
def message_of() -> Callable[..., AnyEnvelope]:
    return message


@pytest.fixture
def told_of() -> Callable[..., TicketChanged]:
    return call_told


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def person() -> Callable[..., Person]:
    return person_of


@pytest.fixture
def about() -> Callable[..., AnyEnvelope]:
    """A message about the work of an offer."""

    def build(offer: AnyEnvelope, data_type: Any, **fields: Any) -> AnyEnvelope:
        named = {"assignment_id": offer.data.assignment_id, "token": offer.data.token}
        return message(data_type(**named | fields), subject=offer.subject, tenant=offer.tenant)

    return build


@pytest.fixture
def assigned(about: Callable[..., AnyEnvelope]) -> Callable[..., AnyEnvelope]:
    """The router's answer to the first acceptance of an offer."""

    def build(offer: AnyEnvelope, worker: str, **fields: Any) -> AnyEnvelope:
        told = {"case": offer.data.case, "internal": offer.data.internal, "last_ordinal": 1} | fields
        return about(offer, WorkAssigned, worker=worker, **told)

    return build


@pytest.fixture
def offered() -> Callable[..., AnyEnvelope]:
    """An offer of work."""

    def build(
        title: str = "The printer smokes",
        *,
        place: tuple[str, str] = ("l1", "front"),
        priority: int = 3,
        due_in_hours: float | None = None,
        category: str = "hardware",
        tenant: str = "main",
        **fields: Any,
    ) -> AnyEnvelope:
        deadlines = ()
        if due_in_hours is not None:
            deadlines = (Deadline(kind="resolution", due_at=NOW + timedelta(hours=due_in_hours)),)
        data = WorkOffered(
            assignment_id=uuid4(),
            token=1,
            tier=place[0],
            group=place[1],
            reason="triage",
            deadlines=deadlines,
            case=Case(reference="TD-TEST-0001", title=title, text="It does.", category=category, priority=priority),
            internal=Internal(
                requester_name="Ann Archer", contact="4711", completeness=0.5, missing_facts=("location",)
            ),
            **fields,
        )
        return message(data, subject=str(uuid4()), tenant=tenant)

    return build
