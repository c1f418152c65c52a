from collections.abc import Iterator

import pytest

from e2e.whole_desk import WholeDesk
from servers.postgres import DatabaseServer

OWN, OTHER = "acme", "other"


@pytest.fixture(scope="module")
def whole_desk(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeDesk]:
    """All services on one database, which is the bus too, with keys of two tenants; the tests of a module share it."""
    with database_server.fresh_database() as url:
        desk = WholeDesk(tmp_path_factory.mktemp("desk"), url, tenants=(OWN, OTHER))
        desk.start()
        try:
            yield desk
        finally:
            desk.stop()
