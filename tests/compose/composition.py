"""The desk in containers under a name of its own, on whatever engine answers: brought up, disturbed, taken down."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
HEALTHY_SECONDS = 240.0
_KILL = """
import os, pathlib
for one in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if b"\\0tierdesk_%s\\0" in one.read_bytes():
        os.kill(int(one.parent.name), 9)
"""


class CompositionError(AssertionError):
    """A command failed, or something did not come about; the text holds what was said."""


def compose_command() -> list[str]:
    """`docker compose`, else `docker-compose`. Raises `CompositionError` when no engine answers."""
    answer = subprocess.run(["docker", "version"], check=False, capture_output=True, text=True)
    if answer.returncode:
        raise CompositionError(f"no container engine answers; start one, or set DOCKER_HOST: {answer.stderr}")
    plugin = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise CompositionError("neither `docker compose` nor docker-compose is installed")


class Composition:
    """One project. Close it: that removes its containers, networks and volumes."""

    def __init__(self, folder: Path, *, policy: str, overrides: tuple[str, ...] = (), worked: str = "none") -> None:
        """`worked` names the groups that people work at the desk; programs of the test have the others."""
        self.project = f"tierdesk-test-{uuid.uuid4().hex[:8]}"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.vendors_server = f"amqps://localhost:{_free_port()}"
        """Where outside vendors sign in, once the profile `vendors` is up."""
        self._secrets = folder / "secrets"
        policy_file = folder / "policy.yaml"
        policy_file.write_text(policy)
        policy_file.chmod(0o644)
        subprocess.run(["sh", CHECKOUT / "deploy/secrets.sh", self._secrets], check=True)
        self._environment = {
            **os.environ,
            "TIERDESK_DESK_GROUPS": worked,
            "TIERDESK_PUBLISH": f"127.0.0.1:{self.port}",
            "TIERDESK_PUBLISH_VENDORS": self.vendors_server.replace("amqps://localhost", "127.0.0.1"),
            "TIERDESK_SECRETS": str(self._secrets),
            "TIERDESK_POLICY": str(policy_file),
            "TIERDESK_LOG_LEVEL": "warning",
        }
        self._command = [*compose_command(), "--project-name", self.project]
        for name in ("docker-compose.yml", *(f"tests/compose/{override}" for override in overrides)):
            self._command += ["--file", str(CHECKOUT / name)]

    def compose(self, *arguments: str, timeout_seconds: float = 1200.0) -> str:
        """What a compose command prints. Raises `CompositionError`."""
        return _run([*self._command, *arguments], self._environment, timeout_seconds)

    def engine(self, *arguments: str) -> str:
        """What a command of the engine prints. Raises `CompositionError`."""
        return _run(["docker", *arguments], self._environment, 300.0)

    def start(self, **replicas: int) -> None:
        """Build what is missing and start everything; return when all of it is healthy."""
        self.compose("build")
        self.compose("up", "-d", *(f"--scale={name}={number}" for name, number in replicas.items()))
        self.wait_until_healthy(*replicas, "proxy")

    def let_vendors_in(self) -> None:
        """Publish AMQPS, as an operator does; nothing that runs is touched. Returns when the port answers."""
        self.compose("--profile", "vendors", "up", "-d", "--no-deps", "--no-recreate", "vendors")
        self.wait_until_healthy("vendors")

    def scale(self, service: str, replicas: int) -> None:
        """As an operator scales: nothing else is touched. Returns when the new ones are healthy."""
        self.compose("up", "-d", "--no-deps", "--no-recreate", f"--scale={service}={replicas}", service)
        self.wait_until_healthy(service)
        running = len(self.containers(service))
        if running != replicas:
            raise CompositionError(f"{running} containers of {service} run, not {replicas}")

    def roll(self, service: str) -> None:
        """Replace each container of the service by a new one, one after the other, by the script for operators."""
        arguments = ["sh", str(CHECKOUT / "deploy/roll.sh"), service]
        _run(arguments, {**self._environment, "COMPOSE": " ".join(self._command)}, 600.0)

    def kill(self, container: str, service: str) -> None:
        """SIGKILL to the service's process, as if it had crashed: the engine starts the container again."""
        before = self._restarts(container)
        self.engine("exec", container, "python", "-c", _KILL % service)
        self._wait(lambda: self._restarts(container) > before, f"{container} was not started again")

    @contextlib.contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """The containers of this service stand still, for less time than the broker waits for a sign of life."""
        containers = self.containers(service)
        self.engine("pause", *containers)
        try:
            yield
        finally:
            self.engine("unpause", *containers)

    def containers(self, service: str) -> list[str]:
        """The identifiers of the running ones, the oldest first."""
        found = self.engine(
            "ps", "-q", "--no-trunc",
            "--filter", f"label=com.docker.compose.project={self.project}",
            "--filter", f"label=com.docker.compose.service={service}",
            "--filter", "label=com.docker.compose.oneoff=False",
        )  # fmt: skip
        return found.split()[::-1]

    def wait_until_healthy(self, *services: str) -> None:
        """Return when every container of these services is healthy."""
        for service in services:
            self._wait(lambda service=service: self._are_healthy(service), f"{service} is not healthy", of=service)

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        found: dict[str, Any] = json.loads(self.engine("inspect", container))[0]
        return found

    def starts(self) -> dict[str, tuple[str, int]]:
        """When each container that runs was started, and how often again."""
        found = self.engine("ps", "-q", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}")
        states = {container: self.inspect(container) for container in found.split()}
        return {container: (one["State"]["StartedAt"], one["RestartCount"]) for container, one in states.items()}

    @property
    def vendors_certificate(self) -> Path:
        """What an outside vendor must trust."""
        return self._secrets / "vendors.crt"

    def local_key(self) -> str:
        """The key that was made at the first start."""
        text = self.compose(
            "run", "--rm", "-T", "--no-deps", "--entrypoint", "cat", "cli", "/var/lib/tierdesk/local.key"
        )
        return text.split()[-1]

    def database_url(self) -> str:
        """The database as its administrator sees it, from outside."""
        return self._outside("tierdesk_database_url", "postgres", 5432)

    def bus_url(self) -> str:
        """The broker, from outside."""
        return self._outside("tierdesk_amqp_url", "rabbitmq", 5672)

    def logs(self, *services: str) -> str:
        """The last lines of these services."""
        return self.compose("logs", "--no-color", "--tail=60", *services)

    def close(self) -> None:
        """Take everything down, with its data."""
        self.compose(
            "--profile", "demo", "--profile", "vendors", "down", "--volumes", "--remove-orphans", "--timeout", "40"
        )

    def _outside(self, secret: str, service: str, port: int) -> str:
        (container,) = self.containers(service)
        outside = self.engine("port", container, str(port)).split()[0]
        return (self._secrets / secret).read_text().strip().replace(f"{service}:{port}", outside)

    def _restarts(self, container: str) -> int:
        return int(self.inspect(container)["RestartCount"])

    def _are_healthy(self, service: str) -> bool:
        containers = self.containers(service)
        states = [self.inspect(container)["State"] for container in containers]
        return bool(states) and all(state.get("Health", {}).get("Status") == "healthy" for state in states)

    def _wait(self, reached: Callable[[], bool], otherwise: str, *, of: str | None = None) -> None:
        end = time.monotonic() + HEALTHY_SECONDS
        while not reached():
            if time.monotonic() > end:
                raise CompositionError(f"{otherwise} in {HEALTHY_SECONDS:.0f} s:\n{self.logs(*([of] if of else []))}")
            time.sleep(0.5)


def _run(command: list[str], environment: dict[str, str], timeout_seconds: float) -> str:
    done = subprocess.run(
        command, check=False, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=timeout_seconds
    )
    if done.returncode:
        raise CompositionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
