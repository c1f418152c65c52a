"""A follower of tickets that shows what others hide: it writes down each message it applies, without a natural key.

What it applied twice stands twice, and its positions tell in which order. As a program it is a service like any other.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from tierdesk_bus import connect
from tierdesk_bus.port import Binding, Exchange, Queue, Topology
from tierdesk_contracts.names import EVENTS, event_pattern
from tierdesk_runtime.http import create_app
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_runtime.serving import run
from tierdesk_runtime.settings import Settings
from tierdesk_store import Received, ServiceSchema, Transaction, migrate

NAME: Final = "follower"
QUEUE: Final = "follower.events"
TYPE: Final = "ticket.changed.v1"
TOPOLOGY: Final = Topology(
    exchanges=(Exchange(EVENTS),),
    queues=(Queue(QUEUE),),
    bindings=(Binding(QUEUE, EVENTS, event_pattern(TYPE)),),
)
SCHEMA: Final = ServiceSchema(NAME, Path(__file__).parent / "versions")
_DEFECT: Final = int(os.environ.get("TIERDESK_FOLLOWER_DEFECT", "0"))
_HEAR: Final = text("INSERT INTO follower.heard (ticket_id, first, last) VALUES (:ticket_id, :first, :last)")


class Listening:
    """Writes down what it hears."""

    name = NAME
    accepts = frozenset({TYPE})

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> list[dict[str, Any]]:
        """Nothing is needed."""
        return []

    def decide(self, state: list[dict[str, Any]], message: Received) -> None:
        """Write it down; raise for one ticket in so many, as a defect would."""
        envelope = message.envelope
        if _DEFECT and UUID(envelope.subject).int % _DEFECT == 0:
            raise ValueError("defect")
        heard = {"ticket_id": envelope.subject, "first": envelope.data.first_sequence, "last": envelope.position}
        state.append(heard)

    async def save(self, tx: Transaction, state: list[dict[str, Any]]) -> None:
        """In order."""
        if state:
            await tx.execute(_HEAR, state)


async def build(parts: Parts) -> Service:
    """Wire it."""
    app = create_app(title=NAME, ring=parts.ring, settings=parts.settings)
    service = Service(NAME, parts, app, topology=TOPOLOGY)
    service.add_consumption(Listening(), QUEUE)
    return service


async def prepare(database_url: str, amqp_url: str, secrets_file: Path) -> None:
    """Make its schema and its queue."""
    secrets = Secrets.load(secrets_file)
    secrets.add_services([NAME])
    await asyncio.to_thread(migrate, database_url, SCHEMA, password=secrets.database_password(NAME))
    bus = await connect(amqp_url, name="follower-migrate", wait_seconds=30.0)
    try:
        await bus.declare(TOPOLOGY)
    finally:
        await bus.close()


DEFINITION: Final = ServiceDefinition(name=NAME, schema=SCHEMA, paths=(), build=build, topology=TOPOLOGY)

if __name__ == "__main__":
    run([DEFINITION], Settings())
