from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from servers.postgres import DatabaseServer, let_in
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.logs import configure_logging
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings

sys.path.insert(0, str(Path(__file__).parent / "notes_desk"))

from notes import SCHEMA  # found by the line above


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets.create(tmp_path / "secrets.json", services=["notes"])


@pytest.fixture
def ring(secrets: Secrets) -> KeyRing:
    return KeyRing(secrets)


@pytest.fixture
def settings(secrets: Secrets) -> Settings:
    """Settings of a desk whose database and bus are nowhere."""
    return Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        bus_url="postgresql://nobody@127.0.0.1:1/none",
        secrets_file=secrets.path,
        body_limit_bytes=10_000,
        http_port=0,
        drain_seconds=5,
    )


@pytest.fixture
def desk(settings: Settings, secrets: Secrets, database_server: DatabaseServer) -> Iterator[Settings]:
    """Settings of a desk with a migrated database, which also carries the bus."""
    with database_server.fresh_database(SCHEMA) as url:
        let_in(url, "notes", secrets.database_password("notes"))
        yield settings.model_copy(update={"database_url": url, "bus_url": url})


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    """What this process logs, while the test runs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure_logging("info", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
