"""Every service as a process of its own, to be killed, frozen, stopped and started again."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

from .nursery import Child, Nursery

READY_SECONDS = 90.0
COMMAND_SECONDS = 120.0
TESTS = Path(__file__).parents[1]
SERVE = ("-m", "tierdesk_cli", "serve")
DIED_AT_FAILPOINT = 137


class ServiceProcess:
    """One replica of a service in one process, always on the same port. `command` is what Python is to run: `-m`, a
    module and its arguments. With a `nursery` the process is its child, else an interpreter of its own.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: dict[str, str], log: Path, nursery: Nursery | None = None
    ) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = command
        self.environment = {**environment, "TIERDESK_HTTP_PORT": str(self.port)}
        self._log = log
        self._nursery = nursery
        self._process: Child | subprocess.Popen[bytes] | None = None

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        assert self._process is not None
        return self._process.poll()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, failpoint: str | None = None) -> None:
        """Start it; with `failpoint` it will die there."""
        environment = self.environment | ({"TIERDESK_FAILPOINT": failpoint} if failpoint else {})
        if self._nursery is not None:
            _, module, *arguments = self._command
            self._process = self._nursery.start(module, arguments, environment, self._log)
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def is_ready(self) -> bool:
        """Whether it answers, and says that it is ready."""
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5.0, trust_env=False, verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    def wait_until_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.exit_code is not None:
                raise AssertionError(f"{self.name} ended with {self.exit_code}: {self.log_end()}")
            if self.is_ready():
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} was not ready in {READY_SECONDS:.0f} s: {self.log_end()}")

    def kill9(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def freeze(self) -> None:
        """Stop it as a machine does that swaps or migrates: it runs no more and knows nothing of it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM, and the exit code of the drain; SIGKILL and -9 when it does not end."""
        if self._process is None:
            return 0
        if (code := self._process.poll()) is not None:
            return code
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            return self._process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill9()
            return -9

    def end(self) -> None:
        """End it at once, whether it runs or not."""
        if self._process is not None:
            self.kill9()

    def log_end(self) -> str:
        return self.log_text()[-2000:]

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


async def start_all(processes: Sequence[ServiceProcess]) -> None:
    """Start them at once and wait until each is ready."""
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.wait_until_ready)


@functools.cache
def common_nursery() -> Nursery:
    """The one for whoever asks for a process now and then; it ends with the tests' process."""
    nursery = Nursery(environment_of())
    atexit.register(nursery.close)
    return nursery


def run_command(arguments: list[str], environment: dict[str, str], nursery: Nursery | None = None) -> int:
    """Run a `tierdesk` command to its end, which is well or at a failpoint; as a child of `nursery` or of the common one."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said.txt")
        child = (nursery or common_nursery()).start("tierdesk_cli", arguments, environment, said)
        code = child.wait(COMMAND_SECONDS)
        assert code in {0, DIED_AT_FAILPOINT}, said.read_text(errors="replace")
    return code


def environment_of(**settings: str) -> dict[str, str]:
    """The surroundings of a process: ours, without any setting of ours, and these; it finds the tests' own modules.

    People work no group at the desk, unless these say so: a queue has one consumer, and that is a test's.
    """
    settings = {"desk_groups": "none"} | settings
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIERDESK_")}
    return (
        inherited | {"PYTHONPATH": str(TESTS)} | {f"TIERDESK_{name.upper()}": text for name, text in settings.items()}
    )


def free_port() -> int:
    """A free port; below those of outgoing connections, where a client that retries could be connected to itself."""
    for candidate in range(_FIRST_PORT, 32_000):
        if candidate in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
        _given.add(candidate)
        return candidate
    raise RuntimeError(f"no free port between {_FIRST_PORT} and 32000 on 127.0.0.1")


# Workers of one test run keep apart: the port of a process that is about to start again must not be given away meanwhile.
_FIRST_PORT = 20_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4 * 3000 + os.getpid() % 97 * 12
_given: set[int] = set()
