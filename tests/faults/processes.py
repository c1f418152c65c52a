"""Every service as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2

READY_SECONDS = 60.0


class ServiceProcess:
    """One service in one process, always on the same port."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**environment, "TIERDESK_HTTP_PORT": str(self.port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tierdesk_cli", "serve", self.name],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self._process.returncode}: {self.log_end()}")
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=5.0, trust_env=False).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{self.name} was not ready in {READY_SECONDS:.0f} s: {self.log_end()}")

    def kill9(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and the exit code of the drain; SIGKILL and -9 when it does not end."""
        if self._process is None or self._process.poll() is not None:
            return 0 if self._process is None else self._process.returncode
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill9()
            return -9

    def log_end(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""


def run_command(arguments: list[str], environment: dict[str, str]) -> None:
    """Run a `tierdesk` command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tierdesk_cli", *arguments],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def environment_of(**settings: str) -> dict[str, str]:
    """The surroundings of a service: ours, without any setting of ours, and these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIERDESK_")}
    return inherited | {f"TIERDESK_{name.upper()}": value for name, value in settings.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
