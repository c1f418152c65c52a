"""Desks in processes of their own, started and asked as a person at a shell would."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from faults.nursery import Child
from faults.processes import common_nursery, environment_of
from servers.reaper import Reaper

READY_SECONDS = 60.0
STOP_SECONDS = 40.0
_READY = "Ctrl-C stops the desk."


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def check_one_line(self, code: int) -> str:
        """The one line that it failed with: no traceback, nothing that a terminal obeys."""
        assert self.code == code, self
        assert self.err.startswith("tierdesk: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert all(letter.isprintable() or letter == "\n" for letter in self.out + self.err), self
        return self.err.removeprefix("tierdesk: ").rstrip()


def tierdesk(*arguments: str | Path, timeout_seconds: float = 90.0, **settings: str) -> Done:
    """Run a `tierdesk` command to its end, with these settings and none else."""
    return run_program(
        "tierdesk_cli", *arguments, environment=environment_of(**settings), timeout_seconds=timeout_seconds
    )


def run_program(
    module: str, *arguments: str | Path, environment: Mapping[str, str], timeout_seconds: float = 90.0
) -> Done:
    """Run `python -m module` to its end, in this environment, as a child of the nursery."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out.txt"), Path(folder, "err.txt")
        named = [str(argument) for argument in arguments]
        child = common_nursery().start(module, named, environment, out, err)
        try:
            code = child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            raise
        return Done(code, out.read_text(), err.read_text())


class DeskProcess:
    """`tierdesk up` on a folder, where an embedded PostgreSQL must be able to live, with these settings."""

    def __init__(self, folder: Path, *arguments: str, reaper: Reaper, **settings: str) -> None:
        self.folder = folder
        self.output = ""
        self._arguments = arguments
        self._settings = settings
        self._reaper = reaper
        self._process: Child | None = None
        reaper.watch_postgres(folder / "postgres" / "data")

    @property
    def process(self) -> psutil.Process:
        """The desk's own process."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def url(self) -> str:
        """Where it answers, as its banner says."""
        found = re.search(r"is ready at (http://\S+)", self.output)
        assert found is not None, self.output
        return found[1]

    @property
    def curl_line(self) -> str:
        """The line of its banner that posts a first event."""
        (line,) = [line for line in self.output.splitlines() if line.startswith("curl ")]
        return line

    @property
    def server(self) -> psutil.Process | None:
        """The embedded PostgreSQL; None when none runs."""
        try:
            pid = int((self.folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
            return psutil.Process(pid)
        except (OSError, psutil.NoSuchProcess):
            return None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        output = self.folder.with_name(f"{self.folder.name}.out")
        output.write_bytes(b"")
        arguments = ["up", "--data", str(self.folder), *self._arguments]
        self._process = common_nursery().start("tierdesk_cli", arguments, environment_of(**self._settings), output)
        self._reaper.watch_process(self._process.pid)
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            self.output = output.read_text()
            if _READY in self.output:
                return
            assert self._process.poll() is None, f"ended with {self._process.returncode}: {output.read_text()}"
            time.sleep(0.05)
        raise AssertionError(f"not ready in {READY_SECONDS:.0f} s: {self.output}\n{self.log_end()}")

    def kill9(self) -> None:
        """End it as a power cut would; its embedded PostgreSQL goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_SECONDS)

    def ask(self, *arguments: str | Path, **settings: str) -> Done:
        """A `tierdesk` command on this desk's folder."""
        return tierdesk(*arguments, "--data", self.folder, **settings)

    def log_end(self) -> str:
        """The last lines of its log."""
        log = self.folder / "desk.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def log_lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in (self.folder / "desk.log").read_text().splitlines()]
