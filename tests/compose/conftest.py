from collections.abc import Iterator

import pytest

from faults.workers import POLICY

from .composition import Composition


def pytest_configure(config):
    config.addinivalue_line("markers", "compose: builds and starts the containers; needs an engine (minutes)")


@pytest.fixture
def overrides() -> tuple[str, ...]:
    """Compose files on top of the one for operators."""
    return ("reachable.yml",)


@pytest.fixture
def policy() -> str:
    """The policy that the desk starts with."""
    return POLICY


@pytest.fixture
def worked() -> str:
    """The groups that people work at the desk."""
    return "none"


@pytest.fixture
def desk(tmp_path, policy, overrides, worked) -> Iterator[Composition]:
    """A desk in containers, not started yet; taken down with its data."""
    desk = Composition(tmp_path, policy=policy, overrides=overrides, worked=worked)
    try:
        yield desk
    finally:
        desk.close()
