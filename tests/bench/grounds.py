"""Where the benchmarks run: a RabbitMQ and a PostgreSQL of their own, with the durability of production, and the desk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from faults.nursery import Nursery
from faults.processes import SERVE, ServiceProcess, environment_of, free_port, run_command
from servers.installation import find_rabbitmq_server
from servers.postgres import DatabaseServer, make_reachable_folder
from servers.rabbitmq import Broker, RabbitNode
from servers.reaper import Reaper
from tierdesk_runtime.embedded_postgres import EmbeddedPostgres
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets

from .client import Load

TESTS = Path(__file__).parents[1]
QUEUES = tuple(
    f"work.main.{tier}.{group}" for tier, group in (("l1", "desk"), ("l2", "pc"), ("l3", "net"), ("l4", "print"))
)
WAL_FILES = 60
"""Of 16 MB: what `min_wal_size` keeps."""
POLICY = """
name: benchmark
tiers:
  - {id: l1, name: Generalists}
  - {id: l2, name: Specialists}
  - {id: l3, name: Builders}
  - {id: l4, name: Vendors}
groups:
  - {id: desk, tier: l1, name: Service desk}
  - {id: pc, tier: l2, name: Workplace}
  - {id: net, tier: l3, name: Network}
  - {id: print, tier: l4, name: Printers}
edges: [[l1, l2], [l2, l3], [l3, l4], [l4, l3]]
categories:
  - {id: usage, name: Usage, tier: l1, group: desk}
  - {id: laptop, name: Laptop, tier: l2, group: pc}
  - {id: network, name: Network, tier: l3, group: net}
  - {id: printer, name: Printer, tier: l4, group: print}
default_category: usage
targets:
  - {kind: first_response, within: 6h}
  - {kind: resolution, within: 2d}
offer: {accept_within: 8h, attempts: 3}
close_after: 5d
"""


@dataclass(slots=True)
class Grounds:
    """The running servers. `pids` names the processes whose time is part of the price of a ticket."""

    broker: Broker
    database: DatabaseServer
    folder: Path
    pids: dict[str, int] = field(default_factory=dict)
    nursery: Nursery | None = None
    """Where the desk's processes are born, if not each as an interpreter of its own, which is what is measured."""


@contextlib.contextmanager
def running_grounds() -> Iterator[Grounds]:
    """Start both servers, and end them and remove what they stored."""
    reaper = Reaper()
    folder = make_reachable_folder()
    reaper.watch_folder(folder)
    postgres = EmbeddedPostgres(folder / "postgres", settings={"min_wal_size": "1GB"})
    rabbit = RabbitNode(folder / "rabbitmq", find_rabbitmq_server(), reaper)
    try:
        postgres.start()
        reaper.watch_postgres(postgres.data_directory)
        asyncio.run(fill_wal(postgres.url()))
        rabbit.start()
        database = DatabaseServer("the embedded PostgreSQL", postgres.url())
        pids = {"postgresql": postmaster_pid(postgres.data_directory), "rabbitmq": rabbit.pid}
        yield Grounds(rabbit.broker, database, folder, pids)
        database.close()
    finally:
        rabbit.close()
        postgres.stop()
        reaper.close()


async def fill_wal(url: str) -> None:
    """Make the files of the write-ahead log beforehand, as those of a server that has run for an hour are there and used anew.

    A new file of 16 MB is written twice: with zeros first. A server that was just made does so for all that is measured,
    which takes a tenth of the rate.
    """
    connection = await asyncpg.connect(url)
    try:
        for _ in range(WAL_FILES):
            # An empty file is not switched from.
            await connection.execute("SELECT pg_logical_emit_message(false, 'bench', ''), pg_switch_wal()")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def postmaster_pid(data_directory: Path) -> int:
    """The server's first process; it answers each connection with a child of its own."""
    return int((data_directory / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])


@dataclass(slots=True)
class Desk:
    """What serves tickets, on a fresh database and a fresh virtual host: the desk, or the raw pipeline in its place."""

    pids: dict[str, int]
    url: str
    database_url: str
    amqp_url: str
    key: str
    folder: Path
    """Where its policy and its secrets file are."""
    own: tuple[int, ...] = ()
    """Its own processes, without the servers."""

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Its processes stand still meanwhile: what another is compared with must not pay for its idling."""
        for pid in self.own:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self.own:
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def running_desk(
    grounds: Grounds, *, names: tuple[str, ...] = ("intake", "router", "sla", "kb"), stays: bool = True
) -> Iterator[Desk]:
    """Migrate and start the services of these names. Without `stays` they are stopped again: what they made is there."""
    with grounds.database.fresh_database() as database_url, grounds.broker.fresh_vhost() as amqp_url:
        folder = grounds.folder / database_url.rpartition("/")[2]
        folder.mkdir()
        (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        settings = {
            "database_url": database_url,
            "amqp_url": amqp_url,
            "amqp_management_url": grounds.broker.management_url,
            "secrets_file": str(folder / "secrets.json"),
            "policy_file": str(folder / "policy.yaml"),
            "log_level": "warning",
        }
        run_command(["migrate"], environment_of(**settings))
        key = KeyRing(Secrets.load(folder / "secrets.json")).mint("bench", "main", ["events:write"])
        services = {
            name: ServiceProcess(
                name, (*SERVE, name), environment_of(**settings), folder / f"{name}.log", grounds.nursery
            )
            for name in names
        }
        try:
            for service in services.values():
                service.start()
            for service in services.values():
                service.wait_until_ready()
            pids = {name: service.pid for name, service in services.items()}
            if not stays:
                for service in services.values():
                    service.stop()
            own = tuple(pids.values()) if stays else ()
            yield Desk(pids | grounds.pids, services[names[0]].url, database_url, amqp_url, key, folder, own)
        finally:
            for service in services.values():
                service.stop()


@contextlib.contextmanager
def running_raw_pipeline(grounds: Grounds) -> Iterator[Desk]:
    """The raw pipeline, with the tables, exchanges and queues that the desk's own router has made."""
    with running_desk(grounds, names=("router",), stays=False) as desk:
        port = free_port()
        request = {"database_url": desk.database_url, "amqp_url": desk.amqp_url, "key": desk.key, "port": port}
        processes: dict[str, subprocess.Popen[str]] = {}
        try:
            for role in ("intake", "router", "sla", "kb"):
                processes[role] = start_module("bench.raw_pipeline", {"role": role, **request})
                await_ready(processes[role])
            pids = {role: process.pid for role, process in processes.items()}
            url, own = f"http://127.0.0.1:{port}", tuple(pids.values())
            yield Desk(pids | grounds.pids, url, desk.database_url, desk.amqp_url, desk.key, desk.folder, own)
        finally:
            for process in processes.values():
                process.terminate()
                process.wait(10)


class Sink:
    """The consumers of all work queues, in a process of their own."""

    def __init__(self, amqp_url: str, count: int, queues: tuple[str, ...] = QUEUES) -> None:
        self._process = start_module("bench.sink", {"url": amqp_url, "queues": queues, "count": count})
        await_ready(self._process)

    def result(self, *, timeout_seconds: float = 900.0) -> dict[str, Any]:
        """When the offer of each ticket came."""
        return finish_module(self._process, timeout_seconds)


def post(load: Load, *, timeout_seconds: float = 900.0) -> dict[str, Any]:
    """Post a load by a process of its own."""
    return finish_module(start_module("bench.client", asdict(load)), timeout_seconds)


def start_module(name: str, request: dict[str, Any]) -> subprocess.Popen[str]:
    """Start one of our modules with its request on standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", name],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    process.stdin = None
    return process


def name_of(process: subprocess.Popen[str]) -> str:
    """How it was called."""
    return " ".join(str(argument) for argument in process.args) if isinstance(process.args, list) else str(process.args)


def await_ready(process: subprocess.Popen[str]) -> None:
    """Wait until it says that it is ready. Raises `RuntimeError` when it ends instead."""
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(f"{name_of(process)} did not start")


def finish_module(process: subprocess.Popen[str], timeout_seconds: float) -> dict[str, Any]:
    """Its answer. Raises `RuntimeError` when it failed."""
    out, _ = process.communicate(timeout=timeout_seconds)
    if process.returncode:
        raise RuntimeError(f"{name_of(process)} ended with {process.returncode}")
    answer: dict[str, Any] = json.loads(out)
    return answer
