import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from bus.operators import remove_vhosts, vhost_of
from e2e.desks import DeskProcess, Done
from faults.processes import environment_of, run_command
from servers.postgres import DatabaseServer
from servers.rabbitmq import Broker
from servers.reaper import Reaper
from tierdesk_cli import main
from tierdesk_cli.examples import sample_policy

from .gate import Gate, Vendor


@pytest.fixture
def tierdesk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Done]]:
    """Runs a command that starts no desk, in this process: it ends as it would in one of its own."""

    logs, handlers, level = structlog.get_config(), logging.getLogger().handlers[:], logging.getLogger().level

    def run(*arguments: str | Path, **settings: str) -> Done:
        for name, value in settings.items():
            monkeypatch.setenv(f"TIERDESK_{name.upper()}", value)
        monkeypatch.setattr(sys, "argv", ["tierdesk", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.run()
        printed = capsys.readouterr()
        return Done(ended.value.code or 0, printed.out, printed.err)

    yield run
    structlog.configure(**logs)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture(scope="module")
def desk(server_folder: Path, reaper: Reaper, request: pytest.FixtureRequest) -> Iterator[DeskProcess]:
    """A desk that nobody works, neither people nor simulated ones; the tests of a module share it."""
    folder = server_folder / f"desk-{request.module.__name__}"
    desk = DeskProcess(folder, "--port", "0", reaper=reaper, desk_groups="none")
    desk.start()
    yield desk
    assert desk.stop() == 0


@pytest.fixture(scope="module")
def gate(database_server: DatabaseServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Intake and router at work on RabbitMQ, by the five-tier policy."""
    folder = tmp_path_factory.mktemp("desk")
    with database_server.fresh_database() as database_url, broker.fresh_vhost() as amqp_url:
        settings = {
            "database_url": database_url,
            "amqp_url": amqp_url,
            "amqp_management_url": broker.management_url,
            "namespace_prefix": f"{vhost_of(amqp_url)}-",
            "secrets_file": str(folder / "secrets.json"),
            "first_policy_file": str(sample_policy()),
        }
        run_command(["migrate"], environment_of(**settings))
        gate = Gate(settings, folder, broker)
        try:
            gate.start()
            ticket = gate.post()
            gate.has_status(ticket, "offered")
            yield gate
        finally:
            gate.stop()
            gate.remove_users()
            remove_vhosts(broker.management_url, prefix=gate.prefix)
            gate.api.close()


@pytest.fixture
def vendor(gate: Gate, tierdesk: Callable[..., Done], tmp_path: Path) -> Iterator[Vendor]:
    """Runs `tierdesk vendor`; no vendor has access before or after."""

    def run(*arguments: str | Path, **settings: str) -> Done:
        data = () if arguments[0] == "conformance" else ("--data", tmp_path)
        return tierdesk("vendor", *arguments, *data, **(gate.settings | settings))

    yield run
    gate.remove_users()
