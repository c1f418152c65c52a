"""What an operator or an accident does to the broker and to the outboxes, and what the management API knows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

import asyncpg
import httpx2

from bus.operators import api_options, vhost_of

from .field import Field, Ground
from .ledger import SCHEMAS
from .processes import environment_of, run_command

SERVICE_QUEUES = (
    "router.intake", "router.outcomes", "router.events", "sla.events", "kb.events", "follower.events", "intake.events",
    "intake.tickets",
)  # fmt: skip
WORK_QUEUES = ("work.main.l0.bots", "work.main.l1.service-desk", "work.main.l2.workplace")


class Broker:
    """The management API, for one virtual host."""

    def __init__(self, ground: Ground) -> None:
        self._api = httpx2.AsyncClient(**api_options(ground.broker.management_url))
        self._vhost = quote(vhost_of(ground.amqp_url), safe="")

    async def close(self) -> None:
        await self._api.aclose()

    async def consumers_of(self, queues: Sequence[str]) -> dict[str, int]:
        """How many consumers each of these has; a queue that is not there has none. 0 for all while nobody answers."""
        try:
            answer = await self._api.get(f"queues/{self._vhost}")
        except httpx2.HTTPError:
            return dict.fromkeys(queues, 0)
        found = {queue["name"]: queue.get("consumers", 0) for queue in answer.json()} if answer.is_success else {}
        return {name: found.get(name, 0) for name in queues}

    async def are_consumed(self, queues: Sequence[str]) -> bool:
        """Whether each of these queues has a consumer."""
        return all((await self.consumers_of(queues)).values())

    async def bindings_of(self, queue: str, exchange: str) -> list[str]:
        """The patterns by which `exchange` feeds `queue`."""
        answer = await self._api.get(f"bindings/{self._vhost}/e/{exchange}/q/{queue}")
        answer.raise_for_status()
        return [binding["routing_key"] for binding in answer.json()]

    async def unbind(self, queue: str, exchange: str, pattern: str) -> None:
        """Drop a binding; one that is not there is no error."""
        path = f"bindings/{self._vhost}/e/{exchange}/q/{queue}/{quote(pattern, safe='')}"
        answer = await self._api.delete(path)
        if answer.status_code != 404:
            answer.raise_for_status()


async def pending(database_url: str, schemas: Sequence[str] = SCHEMAS) -> int:
    """How many rows of these outboxes are not published."""
    connection = await asyncpg.connect(database_url)
    try:
        counts = [
            await connection.fetchval(f"SELECT count(*) FROM {schema}.dispatch WHERE published_at IS NULL")
            for schema in schemas
        ]
        return sum(counts)
    finally:
        await connection.close()


async def rebuild(desk: Field) -> None:
    """What brings messages back after the broker has lost them: declare everything, then publish everything again."""
    await desk.migrate()
    broker = Broker(desk.ground)
    try:
        async with asyncio.timeout(90):
            while not await broker.are_consumed(SERVICE_QUEUES + WORK_QUEUES):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.5)
    finally:
        await broker.close()
    await asyncio.to_thread(
        run_command, ["rebuild", "--since", "1h"], environment_of(**desk.settings), desk.ground.nursery
    )
