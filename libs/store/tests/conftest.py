"""A service with a schema of its own, in a fresh database of the real server, and a bus of either kind."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from trial_service import EVENTS, PASSWORD, SCHEMA, Intake, Notes

from servers.postgres import let_in
from tierdesk_bus import connect
from tierdesk_bus.port import Binding, Bus, Exchange, Queue, Topology
from tierdesk_store import Database, ServiceSchema, service_url

TOPOLOGY = Topology(
    exchanges=(Exchange(EVENTS),),
    queues=(Queue("all"), Queue("some"), Queue("notes")),
    bindings=(
        Binding("all", EVENTS, "#"),
        Binding("some", EVENTS, "some.#"),
        Binding("notes", EVENTS, "notes.#"),
    ),
)


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return (SCHEMA,)


@pytest.fixture
def service(postgres_url: str) -> str:
    """The URL of the login role of a migrated service."""
    let_in(postgres_url, SCHEMA.name, PASSWORD)
    return service_url(postgres_url, SCHEMA.name, PASSWORD)


@pytest.fixture
async def database(service: str) -> AsyncIterator[Database]:
    database = Database(service, schema=SCHEMA.name, name="trial")
    yield database
    await database.close()


@pytest.fixture
async def postgres_bus(postgres_url: str) -> AsyncIterator[Bus]:
    bus = await connect(postgres_url, name="trial")
    await bus.declare(TOPOLOGY)
    yield bus
    await bus.close()


@pytest.fixture
async def amqp_bus(amqp_url: str, amqp_management_url: str) -> AsyncIterator[Bus]:
    bus = await connect(amqp_url, name="trial", management_url=amqp_management_url)
    await bus.declare(TOPOLOGY)
    yield bus
    await bus.close()


@pytest.fixture(params=["postgres_bus", "amqp_bus"])
def bus(request: pytest.FixtureRequest) -> Bus:
    """A real bus of either kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def intake(database: Database, notes: Notes) -> Intake:
    return Intake(database, notes)
