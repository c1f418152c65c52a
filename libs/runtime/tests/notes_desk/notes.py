"""A small service for the tests of the runtime: it stores notes, sends a message for each, and consumes them itself.

As a program it serves until it is told to stop: `notes.py DATABASE_URL SECRETS_FILE PORT BUS_URL DRAIN_SECONDS`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel
from sqlalchemy import text

from tierdesk_bus.port import Address, Binding, Exchange, Queue, Topology
from tierdesk_contracts import seal
from tierdesk_contracts.names import EVENTS, event_key, event_pattern
from tierdesk_contracts.notice import ArticleRetired
from tierdesk_runtime.http import Principal, create_app, json_body, require
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_runtime.serving import run
from tierdesk_runtime.settings import Settings
from tierdesk_store import PermanentError, Received, ServiceSchema, Transaction

TYPE = "article.retired.v1"
QUEUE = "notes.events"
TOPOLOGY = Topology(
    exchanges=(Exchange(EVENTS),),
    queues=(Queue(QUEUE),),
    bindings=(Binding(QUEUE, EVENTS, event_pattern(TYPE)),),
)
SCHEMA = ServiceSchema("notes", Path(__file__).parent / "versions")


class Note(BaseModel):
    """What a client posts. `slow_seconds` keeps its request in flight."""

    text: str
    slow_seconds: float = 0.0


class SeenHandler:
    """Remembers each note whose message came back."""

    name = "notes"
    accepts = frozenset({TYPE})

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> list[UUID]:
        """Nothing is needed."""
        return []

    def decide(self, state: list[UUID], message: Received) -> None:
        """Remember it; a note named `poison` is refused."""
        if message.envelope.subject == "poison":
            raise PermanentError("poison")
        state.append(message.envelope.id)

    async def save(self, tx: Transaction, state: list[UUID]) -> None:
        """Write them down."""
        if state:
            await tx.execute(text("INSERT INTO notes.seen VALUES (:id)"), [{"id": one} for one in state])


async def build(parts: Parts) -> Service:
    """The service."""
    app = create_app(title="notes", ring=parts.ring, settings=parts.settings)

    @app.post("/v1/notes", status_code=202)
    async def write(
        principal: Annotated[Principal, Depends(require("events:write"))],
        note: Annotated[Note, Depends(json_body(Note))],
    ) -> dict[str, Any]:
        await asyncio.sleep(note.slow_seconds)
        note_id = parts.identifiers.new()
        async with parts.database.transaction() as tx:
            await tx.execute(
                text("INSERT INTO notes.note VALUES (:id, :tenant, :text)"),
                {"id": note_id, "tenant": principal.tenant, "text": note.text},
            )
            data = ArticleRetired(article_id=str(note_id))
            envelope = seal(
                data,
                message_id=note_id,
                source="/notes",
                subject=note.text[:100] or "empty",
                time=datetime.now(UTC),
                tenant=principal.tenant,
            )
            tx.send(envelope, Address("", EVENTS, event_key(principal.tenant, TYPE)))
        return {"id": str(note_id)}

    service = Service("notes", parts, app, topology=TOPOLOGY)
    service.add_consumption(SeenHandler(), QUEUE)
    return service


DEFINITION = ServiceDefinition(name="notes", schema=SCHEMA, paths=("/v1/notes",), build=build, topology=TOPOLOGY)


def main() -> None:
    """Serve until told to stop."""
    database_url, secrets_file, port, bus_url, drain_seconds = sys.argv[1:]
    settings = Settings(
        database_url=database_url,
        secrets_file=Path(secrets_file),
        http_port=int(port),
        bus_url=bus_url,
        drain_seconds=float(drain_seconds),
    )
    run([DEFINITION], settings)


if __name__ == "__main__":
    main()
