"""What stands where when a run does not settle: the database and the broker's virtual host are gone after the test."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import asyncpg
import httpx2
import orjson

from bus.operators import api_options, vhost_of

from .field import Field
from .ledger import ENDED, SCHEMAS

FILE = "unfinished.txt"
MOST_TICKETS = 20


async def write_down(desk: Field) -> Path:
    """Write each ticket that has not ended, with its log and messages, and each queue's counts; answers the file."""
    lines: list[str] = []
    connection = await asyncpg.connect(desk.ground.database_url)
    try:
        rows = await connection.fetch(
            "SELECT id, status FROM router.ticket WHERE status <> ALL($1) ORDER BY opened_at", list(ENDED)
        )
        lines.append(f"{len(rows)} tickets have not ended")
        for row in rows[:MOST_TICKETS]:
            lines.append(f"ticket {row['id']}: {row['status']}")
            lines += await _tell_ticket(connection, str(row["id"]))
        for schema in (*SCHEMAS, "follower"):
            lines += [
                f"{schema}.{table}: {await connection.fetchval(query)}"
                for table, query in (
                    ("outbox", f"SELECT count(*) FROM {schema}.dispatch WHERE published_at IS NULL"),
                    ("waiting", f"SELECT count(*) FROM {schema}.waiting"),
                )
            ]
    finally:
        await connection.close()
    async with httpx2.AsyncClient(**api_options(desk.ground.broker.management_url)) as api:
        for vhost in (vhost_of(desk.ground.amqp_url), f"{desk.namespace_prefix}v-main.printer"):
            for queue in (await api.get(f"queues/{quote(vhost, safe='')}")).json():
                counts = {name: queue.get(name) for name in ("messages_ready", "messages_unacknowledged", "consumers")}
                lines.append(f"queue {vhost} {queue['name']}: {counts}")
    file = desk.ground.folder / FILE
    file.write_text("\n".join(lines) + "\n")
    return file


async def _tell_ticket(connection: asyncpg.Connection, ticket: str) -> list[str]:
    """Its log; what the router has told of it and what waits for it, each without what everybody may read in the log."""
    log = await connection.fetch(
        "SELECT sequence, kind, event FROM router.ticket_log WHERE ticket_id = $1::uuid ORDER BY sequence", ticket
    )
    said = await connection.fetch(
        "SELECT type, key, created_at, published_at FROM router.outbox JOIN router.dispatch USING (partition, position)"
        " WHERE subject = $1 ORDER BY position",
        ticket,
    )
    waiting = await connection.fetch("SELECT * FROM router.waiting WHERE subject = $1", ticket)
    return [
        *(f"  log {row['sequence']} {row['kind']} {orjson.loads(row['event'])}" for row in log),
        *(f"  told {dict(row)}" for row in said),
        *(f"  waiting {dict(row)}" for row in waiting),
    ]
