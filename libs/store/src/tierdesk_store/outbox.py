"""The outbox: what a transaction wants published, as rows of that transaction.

A subject always falls into the same partition, and within a partition positions ascend in the order in which the
rows were written. A position is taken before its transaction commits, so a lower one may become visible after a
higher one: readers go by `published_at IS NULL`, never by "greater than the last".

The outbox itself is never updated. What of it is still to be published, and when the rest was, stands in `dispatch`,
which has a small row for each of its rows, written by the same statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID
from zlib import crc32

import asyncpg
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_bus.port import MAX_BODY_BYTES, Address, Message
from tierdesk_contracts import AnyEnvelope
from tierdesk_store.errors import OversizedMessageError
from tierdesk_store.schema import OUTBOX_PARTITIONS

KEPT_DAYS: Final = 30
WHOLE_SECONDS: Final = 3600.0
"""The limit for what reads all rows: no index serves it, and it is done by hand."""


def partition_of(subject: str) -> int:
    """The outbox partition of a subject; the same in every release and process."""
    return crc32(subject.encode()) % OUTBOX_PARTITIONS


class OutgoingMessage(NamedTuple):
    """A message that a transaction sends, before it is written."""

    partition: int
    id: UUID
    tenant: str
    subject: str
    address: Address
    type: str
    body: bytes


def outgoing(envelope: AnyEnvelope, address: Address) -> OutgoingMessage:
    """The row for this message.

    Raises `OversizedMessageError` for a body that the bus would refuse: a row that can never be published would hold
    up its whole partition, so it must not come into being.
    """
    body = envelope.to_bytes()
    if len(body) > MAX_BODY_BYTES:
        raise OversizedMessageError(envelope.type, len(body), MAX_BODY_BYTES)
    return OutgoingMessage(
        partition=partition_of(envelope.subject),
        id=envelope.id,
        tenant=envelope.tenant,
        subject=envelope.subject,
        address=address,
        type=envelope.type,
        body=body,
    )


def insert_outgoing(schema: str, *, when: str = "true") -> str:
    """What writes messages, positions ascending in their order: two parts of a statement's `WITH`.

    Takes `outgoing_parameters`. `when` is a condition for all of them, in SQL. The parts are named `written` and
    `dispatched`; PostgreSQL wants that `WITH` at the top of the statement.
    """
    return f"written AS ({_write_rows(schema, when)}), dispatched AS ({_dispatch_rows(schema)})"


def _write_rows(schema: str, when: str) -> str:
    return f"""
        INSERT INTO "{schema}".outbox
            (partition, id, tenant, subject, namespace, exchange, key, type, body, created_at)
        SELECT r.partition, r.id, r.tenant, r.subject, r.namespace, r.exchange, r.key, r.type, r.body, now()
        FROM unnest(
            CAST(:out_partition AS smallint[]), CAST(:out_id AS uuid[]), CAST(:out_tenant AS text[]),
            CAST(:out_subject AS text[]), CAST(:out_namespace AS text[]), CAST(:out_exchange AS text[]),
            CAST(:out_key AS text[]), CAST(:out_type AS text[]), CAST(:out_body AS bytea[])
        ) WITH ORDINALITY
            AS r(partition, id, tenant, subject, namespace, exchange, key, type, body, ordinal)
        WHERE {when}
        ORDER BY r.ordinal
        RETURNING partition, position
    """  # noqa: S608 - the schema is the service's own name, and the condition its own text: never input


def _dispatch_rows(schema: str) -> str:
    return f'INSERT INTO "{schema}".dispatch (partition, position) SELECT partition, position FROM written'  # noqa: S608 - as above


def outgoing_parameters(messages: Sequence[OutgoingMessage]) -> dict[str, list[Any]]:
    """What `insert_outgoing` takes."""
    return {
        "out_partition": [m.partition for m in messages],
        "out_id": [m.id for m in messages],
        "out_tenant": [m.tenant for m in messages],
        "out_subject": [m.subject for m in messages],
        "out_namespace": [m.address.namespace for m in messages],
        "out_exchange": [m.address.exchange for m in messages],
        "out_key": [m.address.key for m in messages],
        "out_type": [m.type for m in messages],
        "out_body": [m.body for m in messages],
    }


@cache
def _insert(schema: str) -> TextClause:
    return text(f"WITH written AS ({_write_rows(schema, 'true')}) {_dispatch_rows(schema)}")


async def write_outgoing(connection: AsyncConnection, schema: str, messages: Sequence[OutgoingMessage]) -> None:
    """Write all rows of a transaction in one statement, positions ascending in the order of `messages`."""
    await connection.execute(_insert(schema), outgoing_parameters(messages))


class OutboxRow(NamedTuple):
    """An unpublished row, as the relay holds it."""

    partition: int
    position: int
    subject: str
    message: Message

    @property
    def destination(self) -> Address:
        """What refuses or takes as one."""
        return self.message.address


@cache
def select_unpublished(schema: str, *, with_exceptions: bool) -> str:
    """The relay's look at the outbox: one index probe for each partition that has nothing, and one for each row.

    Positions are put in order before their rows are read: where the planner takes unpublished ones for few, it sorts,
    and rows that are joined before they are sorted are all read.
    """
    exceptions = """
        AND NOT EXISTS (
            SELECT FROM unnest($3::text[], $4::text[], $5::text[]) AS held(namespace, exchange, key)
            WHERE (o.namespace, o.exchange, o.key) = (held.namespace, held.exchange, held.key)
        )
    """
    return f"""
        SELECT o.partition, o.position, o.subject, o.id, o.type, o.namespace, o.exchange, o.key, o.body
        FROM unnest($1::smallint[]) AS p(partition)
        CROSS JOIN LATERAL (
            SELECT found.* FROM (
                SELECT d.position FROM "{schema}".dispatch AS d
                WHERE d.partition = p.partition AND d.published_at IS NULL ORDER BY d.position
            ) AS d
            CROSS JOIN LATERAL (
                SELECT * FROM "{schema}".outbox AS o
                WHERE o.partition = p.partition AND o.position = d.position {exceptions if with_exceptions else ""}
                LIMIT 1
            ) AS found
            ORDER BY d.position LIMIT $2
        ) AS o
    """  # noqa: S608 - the schema is the service's own name, never input


@cache
def mark_published(schema: str) -> str:
    """The relay's mark: one index probe for each row, whatever the planner believes the table to hold."""
    return f"""
        UPDATE "{schema}".dispatch SET published_at = now() WHERE ctid = ANY(ARRAY(
            SELECT found.ctid FROM unnest($1::smallint[], $2::bigint[]) AS r(partition, position)
            CROSS JOIN LATERAL (
                SELECT ctid FROM "{schema}".dispatch AS d
                WHERE d.partition = r.partition AND d.position = r.position AND d.published_at IS NULL LIMIT 1
            ) AS found
        ))
    """  # noqa: S608 - as above


class OutboxReader:
    """The relay's statements, on the connection that holds its partitions' locks."""

    def __init__(self, connection: asyncpg.Connection[Any], schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._outbox = f'"{schema}".outbox'
        self._dispatch = f'"{schema}".dispatch'

    async def unpublished(
        self, partitions: Sequence[int], *, limit_each: int, except_for: Sequence[Address]
    ) -> list[OutboxRow]:
        """The first unpublished rows of each partition, each partition's in order of position.

        Rows for an address in `except_for` are left out.
        """
        arguments: list[object] = [list(partitions), limit_each]
        if except_for:
            arguments += [
                [a.namespace for a in except_for],
                [a.exchange for a in except_for],
                [a.key for a in except_for],
            ]
        query = select_unpublished(self._schema, with_exceptions=bool(except_for))
        rows = [
            OutboxRow(
                row["partition"],
                row["position"],
                row["subject"],
                Message(
                    id=str(row["id"]),
                    type=row["type"],
                    address=Address(row["namespace"], row["exchange"], row["key"]),
                    body=row["body"],
                ),
            )
            for row in await self._connection.fetch(query, *arguments)
        ]
        return sorted(rows, key=lambda row: (row.partition, row.position))

    async def mark_published(self, rows: Sequence[OutboxRow]) -> None:
        """These are stored on the bus; never publish them again."""
        await self._connection.execute(
            mark_published(self._schema), [row.partition for row in rows], [row.position for row in rows]
        )

    async def count_published(self, since: datetime, *, oldest_days: int) -> int:
        """How many rows were published since then and are not older than `oldest_days`."""
        await self._connection.execute("SET statement_timeout = 0")
        count: int = await self._connection.fetchval(
            f"""
            SELECT count(*) FROM {self._dispatch} AS d JOIN {self._outbox} AS o USING (partition, position)
            WHERE d.published_at >= $1 AND o.created_at > now() - make_interval(days => $2)
            """,  # noqa: S608 - as above
            since,
            oldest_days,
            timeout=WHOLE_SECONDS,
        )
        return count

    async def mark_unpublished(self, partition: int, since: datetime, *, oldest_days: int) -> int:
        """Have the rows that were published since then, and are not older than `oldest_days`, published again.

        Answers how many. All or none of the partition: a subject's rows keep their order.
        """
        await self._connection.execute("SET statement_timeout = 0")
        status: str = await self._connection.execute(
            f"""
            UPDATE {self._dispatch} AS d SET published_at = NULL FROM {self._outbox} AS o
            WHERE d.partition = $1 AND d.published_at >= $2
              AND o.partition = $1 AND o.position = d.position AND o.created_at > now() - make_interval(days => $3)
            """,  # noqa: S608 - as above
            partition,
            since,
            oldest_days,
            timeout=WHOLE_SECONDS,
        )
        return int(status.rpartition(" ")[2])

    async def delete_old(self, partition: int, *, limit: int = 1000) -> int:
        """Delete up to `limit` rows that were published more than 30 days ago; answers how many.

        Looks at the partition's lowest positions alone, which are the oldest: no index on the time is needed, and
        when they are young there is nothing to do.
        """
        status: str = await self._connection.execute(
            f"""
            WITH gone AS (
                DELETE FROM {self._dispatch} AS d
                USING (
                    SELECT position FROM {self._dispatch} WHERE partition = $1 ORDER BY position LIMIT $2
                ) AS oldest
                WHERE d.partition = $1 AND d.position = oldest.position
                  AND d.published_at < now() - make_interval(days => {KEPT_DAYS})
                RETURNING d.position
            )
            DELETE FROM {self._outbox} AS o USING gone WHERE o.partition = $1 AND o.position = gone.position
            """,  # noqa: S608 - as above
            partition,
            limit,
        )
        return int(status.rpartition(" ")[2])
