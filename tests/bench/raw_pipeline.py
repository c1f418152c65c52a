"""The limit that the desk is held against: the same messages and commits, written directly on asyncpg and aio-pika.

The same tables, rows, queues and order of things (commit, publish with confirms, mark, acknowledge after the commit) in
the same number of processes, without models, checks, retries, gaps, metrics or health. `python -m bench.raw_pipeline`
reads one JSON object from standard input (`role`, `database_url`, `amqp_url`, `port`, `key`), prints `ready`, and runs
until SIGTERM.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import aio_pika
import asyncpg
import orjson
import uvicorn
import uvloop
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

from .raw_rows import TENANT, Clocked, Routed, Row, opening

PREFETCH = 400
BATCH = 200
WINDOW = 100
Work = Callable[[asyncpg.Connection, list[dict[str, Any]]], Awaitable[list[Row]]]


def insert(table: str, columns: str, types: str) -> str:
    """One statement for many rows, each column an array."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types.split(), start=1))
    return f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays})"


def columns(rows: Sequence[Row]) -> list[list[Any]]:
    """Rows as one array for each column."""
    return [list(column) for column in zip(*rows, strict=True)]


def outbox(schema: str) -> str:
    """Writes the rows of an outbox, those that say what is to be published too, and answers their positions."""
    names = "partition, id, tenant, subject, namespace, exchange, key, type, body, created_at"
    rows = insert(f"{schema}.outbox", names, "smallint uuid text text text text text text bytea")
    return (
        f"WITH written AS ({rows.replace('SELECT *', 'SELECT *, now()')} RETURNING partition, position), "
        f"dispatched AS (INSERT INTO {schema}.dispatch (partition, position) SELECT * FROM written) "
        "SELECT position FROM written"
    )


KEYS = insert(
    "intake.idempotency_key",
    "tenant, source, key, fingerprint, answer, ticket, reference, created_at",
    "text text text bytea text uuid text timestamptz",
)
TICKETS = insert(
    "intake.ticket", "tenant, id, reference, last_sequence, opened_at", "text uuid text bigint timestamptz"
)
RAW = insert(
    "intake.raw_event",
    "tenant, id, source, key, ticket, body, received_at",
    "text uuid text text uuid bytea timestamptz",
)
PARTIES = (
    insert("router.party", "tenant, id, external, name, email, phone, contact", "text uuid text text text text text")
    + " ON CONFLICT (tenant, external) DO UPDATE SET name = excluded.name"
)
ROUTED = insert(
    "router.ticket",
    "tenant, id, reference, status, tier, group_id, category, priority, requester_id, opened_at, sequence, "
    "policy_version, offer_due_at, close_due_at, record",
    "text uuid text text text text text smallint uuid timestamptz bigint text timestamptz timestamptz jsonb",
)
LOG = insert(
    "router.ticket_log", "tenant, ticket_id, sequence, kind, at, event", "text uuid bigint text timestamptz jsonb"
)
ASSIGNMENTS = insert(
    "router.assignment",
    "tenant, id, ticket_id, token, tier, group_id, vendor, worker, offered_at, accepted_at, ended_at, ended_by",
    "text uuid uuid bigint text text text text timestamptz timestamptz timestamptz text",
)
CLOCKS = insert(
    "sla.clock",
    "tenant, id, ticket_id, place, kind, tier, group_id, started_at, within_seconds, calendar, promised_by, holds, "
    "warnings, state, due_at, cycle, next_at, warned",
    "text uuid uuid smallint text text text timestamptz integer text text jsonb jsonb text timestamptz integer timestamptz",
).replace("SELECT *", "SELECT *, '{}'::float[]")
CLOCKED = insert(
    "sla.ticket",
    "tenant, ticket_id, reference, policy_version, sequence, category, priority, waiting",
    "text uuid text text bigint text smallint uuid",
)
CHANGES = insert(
    "sla.ticket_change",
    "tenant, ticket_id, first_sequence, sequence, policy_version, events",
    "text uuid bigint bigint text json",
)


def applied(schema: str) -> str:
    """Writes how far a consumer has applied a stream."""
    return insert(f"{schema}.applied", "consumer, tenant, subject, stream, sequence", "text text text text bigint")


class Publishing:
    """Publishes the rows of an outbox after their commit, and marks what the broker confirmed."""

    def __init__(self, schema: str, pool: asyncpg.Pool, exchanges: dict[str, AbstractExchange]) -> None:
        self._exchanges = exchanges
        self._pool = pool
        self._mark = (
            f"UPDATE {schema}.dispatch o SET published_at = now() FROM unnest($1::smallint[], $2::bigint[]) r(p, n) "
            "WHERE o.partition = r.p AND o.position = r.n"
        )
        self._waiting: asyncio.Queue[list[tuple[int, Row]]] = asyncio.Queue()

    def add(self, positions: list[int], rows: Sequence[Row]) -> None:
        """These rows are committed under these positions."""
        self._waiting.put_nowait(list(zip(positions, rows, strict=True)))

    async def run(self) -> None:
        """Publish what comes."""
        while True:
            batch = await self._waiting.get()
            while not self._waiting.empty():
                batch += self._waiting.get_nowait()
            for start in range(0, len(batch), WINDOW):
                part = batch[start : start + WINDOW]
                await asyncio.gather(*(self._publish(row) for _, row in part))
            await self._pool.execute(self._mark, [row[0] for _, row in batch], [position for position, _ in batch])

    async def _publish(self, row: Row) -> None:
        message = aio_pika.Message(
            row[8],
            message_id=str(row[1]),
            type=row[7],
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await self._exchanges[row[5]].publish(message, row[6], mandatory=True, timeout=10)


class Door:
    """The endpoint: requests that arrive while a commit is under way share the next one."""

    def __init__(self, key: str, pool: asyncpg.Pool, publishing: Publishing) -> None:
        self._authorization = f"Bearer {key}"
        self._pool = pool
        self._publishing = publishing
        self._waiting: list[tuple[str, bytes, dict[str, Any], asyncio.Future[str]]] = []
        self._wake = asyncio.Event()

    async def post(self, request: Request) -> Response:
        """One event."""
        if request.headers.get("authorization") != self._authorization:
            return Response(status_code=401)
        body = await request.body()
        answer = await self._submit(request.headers["idempotency-key"], body, orjson.loads(body))
        return Response(answer, 202, media_type="application/json")

    async def post_batch(self, request: Request) -> Response:
        """A line for each event."""
        if request.headers.get("authorization") != self._authorization:
            return Response(status_code=401)
        lines = (await request.body()).splitlines()
        parsed = [(line, orjson.loads(line)) for line in lines]
        answers = await asyncio.gather(*(self._submit(one["key"], line, one["event"]) for line, one in parsed))
        return Response("\n".join(answers), 200, media_type="application/x-ndjson")

    async def run(self) -> None:
        """Commit what waits, group by group."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group, self._waiting = self._waiting[:500], self._waiting[500:]
                await self._commit(group)

    def _submit(self, key: str, body: bytes, event: dict[str, Any]) -> asyncio.Future[str]:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, body, event, answer))
        self._wake.set()
        return answer

    async def _commit(self, group: Sequence[tuple[str, bytes, dict[str, Any], asyncio.Future[str]]]) -> None:
        now = datetime.now(UTC)
        keys, tickets, raws, rows, answers = [], [], [], [], []
        for key, body, event, _ in group:
            ticket, reference = uuid7(), f"TD-{secrets.token_hex(5).upper()}"
            answer = f'{{"ticket":"{ticket}","reference":"{reference}","status":"accepted"}}'
            row = opening(event, str(ticket), reference)
            keys.append((TENANT, "events", key, hashlib.sha256(body).digest(), answer, ticket, reference, now))
            tickets.append((TENANT, ticket, reference, 1, now))
            raws.append((TENANT, row[1], "events", key, ticket, body, now))
            rows.append(row)
            answers.append(answer)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(KEYS, *columns(keys))
            await connection.execute(TICKETS, *columns(tickets))
            await connection.execute(RAW, *columns(raws))
            positions = [row[0] for row in await connection.fetch(outbox("intake"), *columns(rows))]
        self._publishing.add(positions, rows)
        for (_, _, _, future), answer in zip(group, answers, strict=True):
            future.set_result(answer)


async def route(connection: asyncpg.Connection, messages: list[dict[str, Any]]) -> list[Row]:
    """What the router writes; answers the rows of its outbox."""
    routed = [Routed(message) for message in messages]
    parties = {one.party[2]: one.party for one in routed}
    await connection.execute(PARTIES, *columns(list(parties.values())))
    await connection.execute(ROUTED, *columns([one.ticket for one in routed]))
    await connection.execute(LOG, *columns([row for one in routed for row in one.log]))
    await connection.execute(ASSIGNMENTS, *columns([one.assignment for one in routed]))
    await connection.execute(applied("router"), *columns([one.applied for one in routed]))
    return [row for one in routed for row in one.outbox]


async def watch(connection: asyncpg.Connection, messages: list[dict[str, Any]]) -> list[Row]:
    """What the watcher writes."""
    clocked = [Clocked(message) for message in messages]
    await connection.execute(CLOCKED, *columns([one.ticket for one in clocked]))
    await connection.execute(CLOCKS, *columns([row for one in clocked for row in one.clocks]))
    await connection.execute(CHANGES, *columns([one.change for one in clocked]))
    await connection.execute(applied("sla"), *columns([one.applied for one in clocked]))
    return []


async def know(connection: asyncpg.Connection, messages: list[dict[str, Any]]) -> list[Row]:
    """What the knowledge base writes of a ticket that nothing fits."""
    await connection.execute(
        applied("kb"), *columns([("kb", TENANT, message["subject"], "ticket", 3) for message in messages])
    )
    return []


CONSUMERS: dict[str, tuple[str, str, Work]] = {
    "router": ("router.intake", "router", route),
    "sla": ("sla.events", "sla", watch),
    "kb": ("kb.events", "kb", know),
}


async def consume(channel: Any, name: str, pool: asyncpg.Pool, publishing: Publishing) -> None:
    """Take batches, commit each, acknowledge it whole."""
    queue_name, schema, work = CONSUMERS[name]
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.get_queue(queue_name, ensure=False)
    arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await queue.consume(arrived.put)
    underlying = await channel.get_underlay_channel()
    while True:
        batch = [await arrived.get()]
        while not arrived.empty() and len(batch) < BATCH:
            batch.append(arrived.get_nowait())
        messages = [orjson.loads(message.body) for message in batch]
        messages = [message for message in messages if message["type"] != "policy.applied.v1"]
        if messages:
            async with pool.acquire() as connection, connection.transaction():
                rows = await work(connection, messages)
                positions = [row[0] for row in await connection.fetch(outbox(schema), *columns(rows))] if rows else []
            if rows:
                publishing.add(positions, rows)
        await underlying.basic_ack(batch[-1].delivery_tag, multiple=True)


async def run(role: str, database_url: str, amqp_url: str, port: int, key: str) -> None:
    """One process of the pipeline, until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pool = await asyncpg.create_pool(database_url, min_size=2, max_size=4)
    connection = await aio_pika.connect(amqp_url)
    sending = await connection.channel(publisher_confirms=True, on_return_raises=True)
    exchanges = {name: await sending.get_exchange(name, ensure=False) for name in ("tierdesk.events", "tierdesk.work")}
    publishing = Publishing("intake" if role == "intake" else CONSUMERS[role][1], pool, exchanges)
    tasks = [asyncio.create_task(publishing.run())]
    if role == "intake":
        door = Door(key, pool, publishing)
        app = Starlette(
            routes=[
                Route("/v1/events", door.post, methods=["POST"]),
                Route("/v1/events:batch", door.post_batch, methods=["POST"]),
            ]
        )
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        tasks += [asyncio.create_task(door.run()), asyncio.create_task(server.serve())]
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
    else:
        tasks.append(asyncio.create_task(consume(await connection.channel(), role, pool, publishing)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {stopping}:
        task.result()


def main() -> None:
    """Do as standard input says."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(**json.load(sys.stdin)))


if __name__ == "__main__":
    main()
