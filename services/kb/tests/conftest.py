"""The knowledge base on a real database, with its sample articles."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import select

from servers.postgres import DatabaseServer, let_in
from tierdesk_bus.port import HOME
from tierdesk_contracts import AnyEnvelope, parse, seal
from tierdesk_contracts import ticket as events
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, Status, StepTried
from tierdesk_contracts.work import Case, WorkOffered, WorkUpdated
from tierdesk_kb.app import DEFINITION
from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.handlers.self_service import SelfServiceHandler
from tierdesk_kb.handlers.tickets import TicketsHandler
from tierdesk_kb.handlers.unanswered import UnansweredQuestions
from tierdesk_kb.http.articles import article_routes
from tierdesk_kb.http.catalogue import catalogue_routes
from tierdesk_kb.http.community import community_routes
from tierdesk_kb.http.deflection import deflection_routes
from tierdesk_kb.http.feedback import feedback_routes
from tierdesk_kb.http.moderation import moderation_routes
from tierdesk_kb.http.orders import order_routes
from tierdesk_kb.http.proposals import proposal_routes
from tierdesk_kb.http.search import search_routes
from tierdesk_kb.http.shift_left import shift_left_routes
from tierdesk_kb.http.synonyms import synonym_routes
from tierdesk_kb.samples import load_samples
from tierdesk_kb.search.library import Library
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_policy import Policy, load_policy
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.http import create_app
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database, Received, ServiceSchema, StoreError, service_url

POLICY = """
name: A desk with self-service
tiers: [{id: l0}, {id: l1}, {id: l2}]
groups:
  - {id: self-service, tier: l0}
  - {id: front, tier: l1}
  - {id: engineers, tier: l2}
edges: [[l0, l1], [l1, l2]]
categories:
  - {id: how-to, tier: l0, group: self-service}
  - {id: hardware, tier: l2, group: engineers}
knowledge: {group: front, threshold: 0.7}
"""
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PASSWORD = "reset-a-forgotten-password"


class Base:
    """The parts of the knowledge base, driven by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = DrivenClock(NOW)
        self.identifiers = Identifiers()
        self.library = Library()
        self.shelf = PolicyShelf()
        self.publisher = Publisher(self.clock, self.identifiers, source="/tierdesk/kb")
        self.follower = IndexFollower(database, self.library)
        self.tickets = TicketsHandler(self.library, self.shelf, self.publisher, self.follower.poke)
        self.unanswered = UnansweredQuestions(database, self.publisher)
        self.worker = SelfServiceHandler(self.library, self.shelf, self.publisher)

    async def samples(self, tenant: str = "main") -> int:
        return await load_samples(self.database, self.clock, self.identifiers, tenant=tenant)

    async def index(self) -> None:
        """Find all that is committed now."""
        await self.follower.catch_up()
        self.library.ready.set()

    async def receive(self, handler: Any, *envelopes: AnyEnvelope) -> list[Exception]:
        """Apply these messages as one batch, as the library does; answers what was raised."""
        messages = [Received(envelope, HOME, "queue", 0.0, 0, envelope.traceparent) for envelope in envelopes]
        raised: list[Exception] = []
        async with self.database.transaction() as tx:
            state = await handler.load(tx, messages)
            for message in messages:
                try:
                    handler.decide(state, message)
                except StoreError as error:
                    raised.append(error)
            await handler.save(tx, state)
        return raised

    async def sent(self, *types: str) -> list[AnyEnvelope]:
        """What stands in the outbox, in order: all, or those whose type begins with one of these words."""
        outbox = self.database.tables.outbox
        async with self.database.read() as connection:
            rows = await connection.execute(select(outbox.c.body).order_by(outbox.c.position))
            envelopes = [parse(body) for (body,) in rows]
        return [envelope for envelope in envelopes if not types or envelope.type.startswith(types)]


def message(data: Any, *, subject: str, tenant: str = "main", sequence: int | None = None) -> AnyEnvelope:
    return seal(data, message_id=uuid4(), source="/test", subject=subject, time=NOW, tenant=tenant, sequence=sequence)


def policy_message(policy: Policy, *, tenant: str = "main", at: datetime = NOW) -> AnyEnvelope:
    data = PolicyApplied(version=policy.version, name=policy.name, document=policy.document(), applied_at=at)
    return message(data, subject=policy.version, tenant=tenant)


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(POLICY)


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return (DEFINITION.schema,)


async def publish_samples(url: str) -> None:
    database = Database(url, schema="kb", name="kb test")
    await Base(database).samples()
    await database.close()


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """A database with the samples of the tenant `main`."""
    with database_server.fresh_database(DEFINITION.schema, fill=publish_samples) as url:
        let_in(url, "kb", "a password")
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(service_url(database_url, "kb", "a password"), schema="kb", name="kb test")
    yield database
    await database.close()


@pytest.fixture
async def base(database: Database, policy: Policy) -> Base:
    """The knowledge base with the samples of the tenant `main` and its policy."""
    base = Base(database)
    await base.index()
    assert await base.receive(base.tickets, policy_message(policy)) == []
    return base


@pytest.fixture
def applied() -> Callable[..., AnyEnvelope]:
    return policy_message


@pytest.fixture
def opened(policy: Policy) -> Callable[..., AnyEnvelope]:
    """The message of a ticket that is opened with this title and text."""

    def build(
        title: str,
        text: str = "",
        *,
        tenant: str = "main",
        version: str = "",
        channel: Channel = Channel.PORTAL,
        tried: tuple[StepTried, ...] = (),
    ) -> AnyEnvelope:
        event = events.Opened(
            sequence=1,
            at=NOW,
            actor=Actor(kind=ActorKind.REQUESTER, id="somebody"),
            channel=channel,
            requester_id=uuid4(),
            title=title,
            text=text,
            steps_tried=tried,
        )
        data = events.TicketChanged(
            reference="TD-TEST-0001",
            policy_version=version or policy.version,
            status=Status.NEW,
            first_sequence=1,
            sequence=1,
            events=(event,),
        )
        return message(data, subject=str(uuid4()), tenant=tenant, sequence=1)

    return build


@pytest.fixture
def offered() -> Callable[..., AnyEnvelope]:
    """An offer of work to the self-service group."""

    def build(title: str, text: str = "", *, tenant: str = "main", tried: tuple[StepTried, ...] = ()) -> AnyEnvelope:
        case = Case(reference="TD-TEST-0001", title=title, text=text, category="how-to", priority=3)
        data = WorkOffered(
            assignment_id=uuid4(),
            token=1,
            tier="l0",
            group="self-service",
            reason="triage",
            steps_tried=tried,
            case=case,
        )
        return message(data, subject=str(uuid4()), tenant=tenant)

    return build


@pytest.fixture
def follow_up() -> Callable[..., AnyEnvelope]:
    """A message about the work of an offer."""

    def build(offer: AnyEnvelope, data_type: Any = WorkUpdated, **fields: Any) -> AnyEnvelope:
        data = data_type(assignment_id=offer.data.assignment_id, token=offer.data.token, **fields)
        return message(data, subject=offer.subject, tenant=offer.tenant)

    return build


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(Secrets.create(tmp_path / "secrets.json"))


@pytest.fixture
def key_of(ring: KeyRing) -> Callable[..., dict[str, str]]:
    def mint(tenant: str = "main", *scopes: str) -> dict[str, str]:
        key = ring.mint("ana", tenant, scopes or ("articles:read", "articles:write"))
        return {"Authorization": f"Bearer {key}"}

    return mint


@pytest.fixture
def app(base: Base, ring: KeyRing, database_url: str, tmp_path: Path) -> FastAPI:
    settings = Settings(database_url=database_url, secrets_file=tmp_path / "secrets.json")
    app = create_app(title="knowledge", ring=ring, settings=settings)
    app.include_router(search_routes(base.database, base.library, base.unanswered.note))
    app.include_router(deflection_routes(base.database, base.publisher))
    app.include_router(synonym_routes(base.database, base.publisher, base.follower.poke))
    app.include_router(feedback_routes(base.database, base.publisher.now, stale_after=timedelta(days=365)))
    app.include_router(proposal_routes(base.database))
    app.include_router(shift_left_routes(base.database, base.shelf, base.clock))
    app.include_router(article_routes(base.database, base.publisher, base.identifiers, base.follower.poke))
    app.include_router(order_routes(base.database, base.publisher, base.identifiers))
    app.include_router(catalogue_routes(base.database, base.shelf, base.publisher.now))
    app.include_router(community_routes(base.database, base.identifiers, base.publisher.now))
    app.include_router(moderation_routes(base.database, base.identifiers, base.publisher.now))
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://desk") as client:
        yield client
