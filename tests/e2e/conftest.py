import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.endpoints import POLICY, Door
from e2e.tenants import COUNTER
from e2e.whole_desk import OTHER, OWN, WholeDesk, migrated_database
from servers.postgres import DatabaseServer


@pytest.fixture(scope="module")
def whole_desk(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeDesk]:
    """All services on one database, which is the bus too, with keys of two tenants; the tests of a module share it."""
    with run_desk(database_server, tmp_path_factory, COUNTER) as desk:
        yield desk


@pytest.fixture(scope="module")
def door(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A desk of the same kind for a module's bad input, with a policy and an article. In the end nothing may be lost."""
    with run_desk(database_server, tmp_path_factory, "front") as desk, desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        door = Door(desk, client)
        yield door
        door.goes_on()


@contextmanager
def run_desk(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory, worked: str
) -> Iterator[WholeDesk]:
    """People work the groups `worked`."""
    with migrated_database(database_server) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERDESK_DESK_GROUPS", worked)
        desk = WholeDesk(tmp_path_factory.mktemp("desk"), url, tenants=(OWN, OTHER))
        desk.start()
        try:
            yield desk
        finally:
            desk.stop()
