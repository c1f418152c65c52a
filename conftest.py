"""The real servers behind the tests, each started when the first test asks for it; the broker is one for all workers.

PostgreSQL: `TIERDESK_TEST_DATABASE_URL` if set, else an embedded server.
OpenLDAP: a private one of a local slapd, for the tests of the LDAP directory.
RabbitMQ: `TIERDESK_TEST_AMQP_URL` (with `TIERDESK_TEST_AMQP_MANAGEMENT_URL`) if set, else a container if a Docker engine answers
and has the image, else a private node of a local rabbitmq-server. If nothing can be had, the run stops; nothing is skipped.
"""

import gc
import os
import secrets
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent / "tests"))

from servers.containers import RabbitContainer, has_image
from servers.installation import find_rabbitmq_server, find_slapd
from servers.postgres import DatabaseServer, make_reachable_folder
from servers.rabbitmq import Broker, BrokerError, RabbitNode
from servers.reaper import Reaper
from servers.sharing import AnyBroker, SharedBroker, ask_for_broker
from tierdesk_runtime.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tierdesk_store import ServiceSchema

# The tests' own workers have the groups; a test of people at work names those that they have.
os.environ["TIERDESK_DESK_GROUPS"] = "none"
_NO_SERVER = 3  # exit code when a server cannot be had
_LAST = ("libs/contracts/", "libs/policy/")  # they wait for nothing, and each file takes seconds
_GARBAGE_OBJECTS = 20_000
_USED = pytest.StashKey[list[str]]()
_SHARED = pytest.StashKey[SharedBroker]()
_FAST_BUT_CRASH_SAFE = {
    "fsync": "off",  # processes die in tests, the machine does not
    "max_wal_size": "256MB",
    "scram_iterations": "1",  # else each connection of a service takes thousands of rounds, and there are thousands
}


def _stop(reason: str) -> NoReturn:
    """End the run. A worker of pytest-xdist must say why by itself: its controller sees no more than that it is gone."""
    os.write(2, f"{reason}\n".encode())
    pytest.exit(reason, returncode=_NO_SERVER)


class _Tellings:
    """Prints, as each test ends, what it has to say although it went well: its property `told`.

    A report carries that from a worker of pytest-xdist to the controller; what a test prints itself gets lost there.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and report.when == "call":
            for name, line in report.user_properties:
                if name == "told":
                    terminal.ensure_newline()
                    terminal.write_line(f"{report.nodeid.rpartition('::')[2]}: {line}")


def pytest_configure(config: pytest.Config) -> None:
    _begin_elsewhere(config)
    config.stash[_USED] = []
    config.pluginmanager.register(_Tellings(config))


def _begin_elsewhere(config: pytest.Config) -> None:
    """Has each worker of pytest-xdist begin to collect at another path, where all are collected.

    In a new checkout each file is compiled first, which takes four times as long as to collect it: all workers began with the
    same one, and each compiled all. What one has compiled, the others find.
    """
    worker = getattr(config, "workerinput", {}).get("workerid", "gw0")
    if sorted(config.args) == sorted(config.getini("testpaths")):
        begin = int(worker.removeprefix("gw")) % len(config.args)
        config.args = config.args[begin:] + config.args[:begin]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tells a worker of pytest-xdist where to ask for the broker that all share."""
    stash = node.config.stash  # type: ignore[attr-defined]  # xdist's controller has one
    if _SHARED not in stash:
        stash[_SHARED] = SharedBroker(_start_broker)
    node.workerinput["broker_folder"] = str(stash[_SHARED].folder)  # type: ignore[attr-defined]  # as above


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SHARED in config.stash:
        config.stash[_SHARED].close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Has the garbage collector pass over what collection makes: thousands of modules and tests, which stay to the end.

    To look through them again and again took a third of the time of collecting, and a tenth of that of the tests. It then looks as
    seldom as in a service that runs (`tierdesk_runtime.serving`), which takes another tenth off the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS, 20, 20)
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves what is short and keeps a processor busy to the end, so that no worker is left there with a long file.

    Wherever collecting began, the order is the same.
    """
    places = {path: place for place, path in enumerate(config.getini("testpaths"))}

    def place_of(item: pytest.Item) -> tuple[bool, int]:
        return item.nodeid.startswith(_LAST), places.get(item.nodeid.partition("/")[0], 0)

    items.sort(key=place_of)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Installs RabbitMQ and OpenLDAP, where they are needed and that is possible, outside of any test's time limit."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    chosen = wanted & {"broker", "private_rabbit"}
    own_node = "private_rabbit" in wanted or not (os.environ.get("TIERDESK_TEST_AMQP_URL") or has_image())
    if session.config.option.collectonly:
        return
    for is_needed, find in ((chosen and own_node, find_rabbitmq_server), ("slapd" in wanted, find_slapd)):
        try:
            if is_needed:
                find()
        except BrokerError as error:
            _stop(str(error))


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tierdesk_used"] = session.config.stash[_USED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Takes over what a worker of pytest-xdist tested against."""
    used = getattr(node, "workeroutput", {}).get("tierdesk_used", [])
    stash = node.config.stash[_USED]  # type: ignore[attr-defined]  # xdist's controller has one
    stash += [line for line in used if line not in stash]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_USED]:
        terminalreporter.write_line(f"tested against {line}")


@pytest.fixture(scope="session")
def reaper() -> Iterator[Reaper]:
    """Ends servers and removes their folders when the session is over, however it ends."""
    reaper = Reaper()
    yield reaper
    reaper.close()


@pytest.fixture(scope="session")
def server_folder(reaper: Reaper) -> Path:
    """A folder for the servers of this test run, which the server's own user can enter."""
    folder = make_reachable_folder(in_memory=True)
    reaper.watch_folder(folder)
    return folder


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """The PostgreSQL of this test run."""
    named = os.environ.get("TIERDESK_TEST_DATABASE_URL")
    if named:
        server = DatabaseServer("the PostgreSQL of TIERDESK_TEST_DATABASE_URL", named)
        request.config.stash[_USED].append(server.description)
        yield server
        server.close()
        return
    postgres = EmbeddedPostgres(request.getfixturevalue("server_folder") / "postgres", settings=_FAST_BUT_CRASH_SAFE)
    try:
        postgres.start()
    except EmbeddedPostgresError as error:
        _stop(f"no PostgreSQL to test against: {error}")
    request.getfixturevalue("reaper").watch_postgres(postgres.data_directory)
    server = DatabaseServer("an embedded PostgreSQL", postgres.url())
    request.config.stash[_USED].append(server.description)
    yield server
    server.close()
    postgres.stop()


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """The RabbitMQ of this test run, which all workers share."""
    folder = getattr(request.config, "workerinput", {}).get("broker_folder")
    try:
        server: AnyBroker = ask_for_broker(Path(folder)) if folder is not None else _own_broker(request)
    except BrokerError as error:
        _stop(str(error))
    broker = server if isinstance(server, Broker) else server.broker
    request.config.stash[_USED].append(broker.description)
    yield broker
    server.close()


def _own_broker(request: pytest.FixtureRequest) -> AnyBroker:
    return _start_broker(request.getfixturevalue("server_folder") / "rabbitmq", request.getfixturevalue("reaper"))


def _start_broker(folder: Path, reaper: Reaper) -> AnyBroker:
    named = os.environ.get("TIERDESK_TEST_AMQP_URL")
    if named:
        parts = urlsplit(named)
        credentials = parts.netloc.rpartition("@")[0] or "guest:guest"
        management = os.environ.get("TIERDESK_TEST_AMQP_MANAGEMENT_URL", f"http://{credentials}@{parts.hostname}:15672")
        return Broker("the RabbitMQ of TIERDESK_TEST_AMQP_URL", f"{parts.scheme}://{parts.netloc}", management)
    if has_image():
        container = RabbitContainer(reaper)
        container.wait_until_ready()
        return container
    node = RabbitNode(folder, find_rabbitmq_server(), reaper)
    node.start()
    return node


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    """The schemas that stand in a fresh database: none, unless a package or a module says otherwise."""
    return ()


@pytest.fixture
def postgres_url(database_server: DatabaseServer, schemas: tuple[ServiceSchema, ...]) -> Iterator[str]:
    """`postgresql://…` of a fresh database with `schemas`; the user may create roles and schemas. Dropped after the test."""
    with database_server.fresh_database(*schemas) as url:
        yield url


@pytest.fixture
def amqp_url(broker: Broker) -> Iterator[str]:
    """`amqp://…` of a fresh virtual host, removed after the test."""
    with broker.fresh_vhost() as url:
        yield url


@pytest.fixture(scope="session")
def amqp_management_url(broker: Broker) -> str:
    """`http://user:password@host:port` of the broker's management API."""
    return broker.management_url


@pytest.fixture
def private_rabbit(server_folder: Path, reaper: Reaper) -> Iterator[RabbitNode]:
    """A started RabbitMQ of this test alone (some 8 s), which it may stop, kill, wipe and start again."""
    node = RabbitNode(server_folder / f"rabbitmq-{secrets.token_hex(4)}", find_rabbitmq_server(), reaper)
    node.start()
    yield node
    node.close()


@pytest.fixture
def private_postgres(server_folder: Path, reaper: Reaper) -> Iterator[EmbeddedPostgres]:
    """A started PostgreSQL of this test alone (some 1 s), which it may stop, kill and start again."""
    postgres = EmbeddedPostgres(server_folder / f"postgres-{secrets.token_hex(4)}", settings=_FAST_BUT_CRASH_SAFE)
    reaper.watch_postgres(postgres.data_directory)
    postgres.start()
    yield postgres
    postgres.kill()
