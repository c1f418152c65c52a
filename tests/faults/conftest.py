"""What every fault test says, and where its desk stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .field import Ground


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line although the test goes well: the ledger is what these tests are for."""

    def print_line(line: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {line}")

    return print_line


@pytest.fixture
def ground(tmp_path, postgres_url, amqp_url, broker) -> Ground:
    """The shared servers, a fresh database and a fresh virtual host."""
    return Ground(tmp_path, postgres_url, amqp_url, broker)
