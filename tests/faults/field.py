"""The whole desk as processes: replicas of each service and of a follower, and the addresses that reach them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aio_pika
from aio_pika.exceptions import AMQPError

from servers.rabbitmq import Broker
from tierdesk_cli.services import DEFINITIONS
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets

from . import follower
from .nursery import REFUSED, Nursery
from .processes import SERVE, ServiceProcess, environment_of, run_command, start_all
from .workers import POLICY

CONSUMED_SECONDS = 60.0
"""RabbitMQ 3.10 needs a moment after a declaration until its queues have a leader, and so until they are consumed."""
SERVICES = (*(name for name in DEFINITIONS if name not in {"bridge", "desk"}), follower.NAME)
"""All that these tickets pass through. The bridge and the desk are killed by their own tests."""
PEOPLE = (*SERVICES, "desk")
"""With the desk too, for what people work."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a desk stands on. `service_database_url` and `service_amqp_url` are the ways of the services, where they go
    through a proxy; the tests themselves go straight. Without a `nursery` each process is an interpreter of its own.
    """

    folder: Path
    database_url: str
    amqp_url: str
    broker: Broker
    service_database_url: str = ""
    service_amqp_url: str = ""
    nursery: Nursery | None = None


@dataclass(slots=True)
class Field:
    """All services running, and what reaches them."""

    ground: Ground
    replicas: dict[str, list[ServiceProcess]]
    namespace_prefix: str
    key: str
    settings: Mapping[str, str]

    @property
    def processes(self) -> list[ServiceProcess]:
        return [process for replicas in self.replicas.values() for process in replicas]

    @property
    def doors(self) -> list[str]:
        """The addresses of all intakes."""
        return [process.url for process in self.replicas["intake"]]

    async def migrate(self) -> None:
        """Declare everything again, as an operator does after the broker has lost it."""
        await asyncio.to_thread(run_command, ["migrate"], environment_of(**self.settings), self.ground.nursery)
        await follower.prepare(self.ground.database_url, self.ground.amqp_url, self.ground.folder / "secrets.json")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a field is set up. `unsafe` names, by service, the safety rules that are switched off there."""

    services: Sequence[str] = SERVICES
    replicas: int = 2
    policy: str = POLICY
    unsafe: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def running_field(ground: Ground, plan: Plan | None = None) -> AsyncIterator[Field]:
    """Every service in processes of its own, ready; all ended after."""
    plan = plan or Plan()
    policy = ground.folder / "policy.yaml"
    policy.write_text(plan.policy)
    prefix = f"{ground.amqp_url.rsplit('/', 1)[1].lower()}-"
    settings = {
        "database_url": ground.database_url,
        "amqp_url": ground.amqp_url,
        "amqp_management_url": ground.broker.management_url,
        "namespace_prefix": prefix,
        "secrets_file": str(ground.folder / "secrets.json"),
        "first_policy_file": str(policy),
        "log_level": "warning",
        "sla_settle_seconds": "1.0",
        **plan.extra,
    }
    desk = Field(ground, {}, prefix, "", settings)
    await desk.migrate()
    desk.key = KeyRing(Secrets.load(ground.folder / "secrets.json")).mint("portal", "main", ["events:write"])
    ways = {
        "database_url": ground.service_database_url or ground.database_url,
        "amqp_url": ground.service_amqp_url or ground.amqp_url,
    }
    for name in plan.services:
        command = (*SERVE, name) if name in DEFINITIONS else ("-m", "faults.follower")
        given = settings | ways | ({"unsafe": plan.unsafe[name]} if name in plan.unsafe else {})
        # What is read at import cannot be set in a process that has imported it.
        nursery = None if REFUSED.intersection(environment_of(**given)) else ground.nursery
        desk.replicas[name] = [
            ServiceProcess(
                f"{name}-{number}", command, environment_of(**given), ground.folder / f"{name}-{number}.log", nursery
            )
            for number in range(plan.replicas)
        ]
    try:
        await start_all(desk.processes)
        await _wait_for_consumers(ground.amqp_url, _queues(plan.services))
        yield desk
    finally:
        for process in desk.processes:
            process.end()
        with contextlib.suppress(Exception):
            ground.broker.delete_vhost(f"{prefix}v-main.printer")


def _queues(services: Sequence[str]) -> list[str]:
    topologies = [
        follower.DEFINITION.topology if name == follower.NAME else DEFINITIONS[name].topology for name in services
    ]
    return [queue.name for topology in topologies for queue in topology.queues]


async def _wait_for_consumers(amqp_url: str, queues: Sequence[str]) -> None:
    """Wait until each of these queues is consumed."""
    connection = await aio_pika.connect(amqp_url)
    async with connection, asyncio.timeout(CONSUMED_SECONDS):
        for name in queues:
            count: int | None = 0
            while not count:
                channel = await connection.channel()
                with contextlib.suppress(AMQPError):
                    count = (await channel.declare_queue(name, passive=True)).declaration_result.consumer_count
                await channel.close()
                if not count:
                    await asyncio.sleep(0.1)
