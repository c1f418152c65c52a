"""What every fault test says, and where its desk stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from .field import Ground
from .nursery import Nursery
from .processes import environment_of


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Have a line printed although the test goes well: the ledger is what these tests are for."""
    return partial(record_property, "told")


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """What the processes of the experiments come from."""
    with Nursery(environment_of()) as nursery:
        yield nursery


@pytest.fixture
def cold_ground(tmp_path, postgres_url, amqp_url, broker) -> Ground:
    """The shared servers, a fresh database and a fresh virtual host; each process is started by its command."""
    return Ground(tmp_path, postgres_url, amqp_url, broker)


@pytest.fixture
def ground(cold_ground, nursery) -> Ground:
    """The same, and processes that have imported everything when they start."""
    return replace(cold_ground, nursery=nursery)


@pytest.fixture
def own_ground(tmp_path, postgres_url, private_rabbit, nursery) -> Iterator[Ground]:
    """A broker of this test alone, and the shared database server."""
    with private_rabbit.broker.fresh_vhost() as url:
        yield Ground(tmp_path, postgres_url, url, private_rabbit.broker, nursery=nursery)
