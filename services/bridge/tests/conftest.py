from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.bridges import Bridge, Ground
from servers.postgres import DatabaseServer
from servers.webhooks import Receiver
from tierdesk_bridge.app import DEFINITION
from tierdesk_store import ServiceSchema


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return (DEFINITION.schema,)


@pytest.fixture
def ground(database_server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("TIERDESK_BRIDGE_PRIVATE_NETWORKS", "127.0.0.0/8")
    # What is due shows at once: a test of ten attempts would wait ten seconds.
    monkeypatch.setattr("tierdesk_bridge.handlers.deliverer._LOOK_SECONDS", 0.1)
    monkeypatch.setattr("tierdesk_bridge.app.LOOK_SECONDS", 0.1)
    with database_server.fresh_database(DEFINITION.schema) as url:
        yield Ground(url, tmp_path)


@pytest.fixture
def bridge(ground: Ground) -> Iterator[Bridge]:
    with ground.running() as bridge:
        yield bridge


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
