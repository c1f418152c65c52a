import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from e2e.desks import DeskProcess, Done
from servers.reaper import Reaper
from tierdesk_cli import main


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
    """A desk without simulated people that the tests of a module share."""
    desk = DeskProcess(server_folder / f"desk-{request.module.__name__}", "--port", "0", reaper=reaper)
    desk.start()
    yield desk
    assert desk.stop() == 0
