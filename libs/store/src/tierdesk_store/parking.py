"""Parked messages: set aside with a reason, whole, until somebody replays or discards them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Table, TextClause, and_, func, null, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_bus.port import HOME
from tierdesk_contracts import MESSAGE_TYPES
from tierdesk_store.agenda import Settled
from tierdesk_store.arrival import Cause, clean_text, read_arrival
from tierdesk_store.database import Transaction
from tierdesk_store.schema import LibraryTables

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A parked message as people look at it. Texts are empty where the message could not be read.

    `attempts` is how often it was tried; `reason` is what the last try said; `detail` holds a defect's traceback, and
    why it was discarded. `body` is None in a list: it may be long.
    """

    id: UUID
    consumer: str
    tenant: str
    subject: str
    message_id: str
    type: str
    namespace: str
    queue: str
    reason: str
    detail: str
    attempts: int
    first_seen_at: datetime
    parked_at: datetime
    resolution: str | None
    resolved_at: datetime | None
    size_bytes: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class ParkedFilter:
    """Which parked messages: those that have all that is given."""

    tenant: str | None = None
    type: str | None = None
    subject: str | None = None


ALL_PARKED: Final = ParkedFilter()
MOST_STRANGE: Final = 1_000
"""Messages of one outside namespace that are kept open, of those that are none: a flood must not fill the disk."""


@cache
def _insert(schema: str) -> TextClause:
    return text(f"""
        INSERT INTO "{schema}".parked (consumer, tenant, subject, stream, first, last, message_id, type, namespace,
                                       queue, body, reason, detail, attempts, first_seen_at)
        SELECT :consumer, r.tenant, r.subject, r.stream, r.first, r.last, r.message_id, r.type, r.namespace,
               r.queue, r.body, r.reason, r.detail, r.attempts, coalesce(r.first_seen_at, now())
        FROM unnest(
            CAST(:tenant AS text[]), CAST(:subject AS text[]), CAST(:stream AS text[]), CAST(:first AS bigint[]),
            CAST(:last AS bigint[]), CAST(:message_id AS text[]), CAST(:type AS text[]), CAST(:namespace AS text[]),
            CAST(:queue AS text[]), CAST(:body AS bytea[]), CAST(:reason AS text[]), CAST(:detail AS text[]),
            CAST(:attempts AS integer[]), CAST(:first_seen_at AS timestamptz[])
        ) AS r(tenant, subject, stream, first, last, message_id, type, namespace, queue, body, reason, detail,
               attempts, first_seen_at)
    """)  # noqa: S608 - the schema is the service's own name, never input


async def insert_parked(tx: Transaction, consumer: str, settled: Sequence[Settled]) -> None:
    """Set these aside. Of what outsiders send and nobody can read, so much as `MOST_STRANGE` says; the rest is logged."""
    settled = await _bound_strange(tx, consumer, settled)
    if not settled:
        return
    arrivals = [s.arrival for s in settled]
    for s in settled:
        _LOG.warning("%s parks %s %s: %s", consumer, s.arrival.type, s.arrival.message_id, s.reason)
    await tx.execute(
        _insert(tx.schema),
        {
            "consumer": consumer,
            "tenant": [a.subject.tenant for a in arrivals],
            "subject": [a.subject.name for a in arrivals],
            "stream": [a.stream and a.stream.stream for a in arrivals],
            "first": [a.first if a.stream else None for a in arrivals],
            "last": [a.last if a.stream else None for a in arrivals],
            "message_id": [a.message_id for a in arrivals],
            "type": [a.type for a in arrivals],
            "namespace": [a.namespace for a in arrivals],
            "queue": [a.queue for a in arrivals],
            "body": [a.body for a in arrivals],
            "reason": [clean_text(s.reason, longest=2000) for s in settled],
            "detail": [clean_text(s.detail, longest=8000) for s in settled],
            "attempts": [s.attempts for s in settled],
            "first_seen_at": [a.first_seen_at for a in arrivals],
        },
    )


async def _bound_strange(tx: Transaction, consumer: str, settled: Sequence[Settled]) -> Sequence[Settled]:
    strange = Counter(s.arrival.namespace for s in settled if _is_strange(s))
    if not strange:
        return settled
    parked = tx.tables.parked
    found = await tx.execute(
        select(parked.c.namespace, func.count().label("number"))
        .where(parked.c.consumer == consumer, parked.c.namespace.in_(strange), parked.c.resolution.is_(None))
        .group_by(parked.c.namespace)
    )
    kept = Counter({row.namespace: row.number for row in found})
    bounded = []
    for s in settled:
        if _is_strange(s):
            kept[s.arrival.namespace] += 1
            if kept[s.arrival.namespace] > MOST_STRANGE:
                continue
        bounded.append(s)
    if len(bounded) < len(settled):
        number, whose = len(settled) - len(bounded), ", ".join(sorted(strange))
        _LOG.error("%s throws away %d unreadable messages of %s: %d are parked", consumer, number, whose, MOST_STRANGE)
    return bounded


def _is_strange(settled: Settled) -> bool:
    return settled.arrival.refusal is not None and settled.arrival.namespace != HOME


async def list_parked(
    connection: AsyncConnection,
    tables: LibraryTables,
    *,
    which: ParkedFilter = ALL_PARKED,
    limit: int = 100,
    resolved: bool = False,
) -> list[ParkedMessage]:
    """The open parked messages, or with `resolved` the resolved ones; the newest first, without bodies."""
    parked = tables.parked
    rows = await connection.execute(
        _looked_at(parked, whole=False)
        .where(*_conditions(parked, which, resolved=resolved))
        .order_by(parked.c.parked_at.desc(), parked.c.id)
        .limit(limit)
    )
    return [_message(row) for row in rows]


async def find_parked(connection: AsyncConnection, tables: LibraryTables, which: ParkedFilter) -> list[UUID]:
    """The identifiers of all open parked messages that `which` names, in the order in which they were parked."""
    parked = tables.parked
    rows = await connection.execute(
        select(parked.c.id).where(*_conditions(parked, which, resolved=False)).order_by(parked.c.parked_at, parked.c.id)
    )
    return list(rows.scalars())


async def show_parked(connection: AsyncConnection, tables: LibraryTables, parked_id: UUID) -> ParkedMessage | None:
    """One parked message with its body, open or resolved; None when there is none of this identifier."""
    statement = _looked_at(tables.parked, whole=True).where(tables.parked.c.id == parked_id)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else _message(row)


async def replay_parked(tx: Transaction, parked_id: UUID) -> bool:
    """Let the message be tried again, as if it had just been due: its consumer's sweep takes it within a second.

    Of an ordered stream, the successors go on once it is applied. Answers whether the message was parked and open;
    doing it twice tries it once. If it fails again, it is parked anew.
    """
    row = await _resolve(tx, parked_id, "replayed")
    if row is None:
        return False
    tables = tx.tables
    reading = read_arrival(
        row.body, order=(0, 0), namespace=row.namespace, queue=row.queue, accepts=MESSAGE_TYPES.keys()
    )
    if row.stream is not None:
        tenant, subject, stream, first, last = row.tenant, row.subject, row.stream, row.first, row.last
        await _release(tx, row)
    else:
        # This release may read what the one that parked it could not.
        tenant, subject = reading.subject
        stream = reading.stream and reading.stream.stream
        first, last = (reading.first, reading.last) if stream else (None, None)
        if stream:
            key = {"consumer": row.consumer, "tenant": tenant, "subject": subject, "stream": stream}
            await tx.execute(insert_or(tables.applied).values(**key).on_conflict_do_nothing())
    await tx.execute(
        # A repetition from the bus may wait already: then that one is the replay.
        insert_or(tables.waiting)
        .values(
            consumer=row.consumer,
            tenant=tenant,
            subject=subject,
            cause=Cause.RETRY,
            stream=stream,
            first=first,
            last=last,
            message_id=reading.message_id or row.message_id,
            type=reading.type or row.type,
            namespace=row.namespace,
            queue=row.queue,
            body=row.body,
            reason="replayed",
            first_seen_at=row.first_seen_at,
        )
        .on_conflict_do_nothing()
    )
    await _wake(tx, row.consumer, tenant, subject)
    return True


async def discard_parked(tx: Transaction, parked_id: UUID, *, reason: str) -> bool:
    """Give the message up: its consumer will never apply it. `reason` is kept at the end of its `detail`.

    Of an ordered stream, the sequence moves past it and its successors are applied within a second, so from then on
    the consumer's state lacks this message's effect. Answers whether the message was parked and open.
    """
    row = await _resolve(tx, parked_id, "discarded", note=f"discarded: {clean_text(reason, longest=2000)}")
    if row is None:
        return False
    if row.stream is not None:
        applied = tx.tables.applied
        await tx.execute(
            update(applied)
            .where(_is_stream_of(applied, row))
            .values(sequence=func.greatest(applied.c.sequence, row.last))
        )
        await _release(tx, row)
    await _wake(tx, row.consumer, row.tenant, row.subject)
    return True


async def _resolve(tx: Transaction, parked_id: UUID, resolution: str, *, note: str = "") -> Row[Any] | None:
    parked = tx.tables.parked
    detail = func.concat_ws("\n", func.nullif(parked.c.detail, ""), func.nullif(note, ""))
    result = await tx.execute(
        update(parked)
        .where(parked.c.id == parked_id, parked.c.resolution.is_(None))
        .values(resolution=resolution, resolved_at=func.now(), detail=detail)
        .returning(parked)
    )
    return result.one_or_none()


async def _release(tx: Transaction, row: Row[Any]) -> None:
    applied = tx.tables.applied
    held_by_it = and_(_is_stream_of(applied, row), applied.c.held_last == row.last)
    await tx.execute(update(applied).where(held_by_it).values(held_last=None))


def _is_stream_of(applied: Any, row: Row[Any]) -> Any:
    key = (applied.c.consumer, applied.c.tenant, applied.c.subject, applied.c.stream)
    return and_(*(c == v for c, v in zip(key, (row.consumer, row.tenant, row.subject, row.stream), strict=True)))


async def _wake(tx: Transaction, consumer: str, tenant: str, subject: str) -> None:
    waiting = tx.tables.waiting
    mine = (waiting.c.consumer == consumer, waiting.c.tenant == tenant, waiting.c.subject == subject)
    await tx.execute(update(waiting).where(*mine).values(due_at=func.now()))


def _looked_at(parked: Table, *, whole: bool) -> Select[Any]:
    columns = [parked.c[field.name] for field in fields(ParkedMessage) if field.name not in {"body", "size_bytes"}]
    body = parked.c.body if whole else null().label("body")
    return select(*columns, func.octet_length(parked.c.body).label("size_bytes"), body)


def _conditions(parked: Table, which: ParkedFilter, *, resolved: bool) -> list[ColumnElement[bool]]:
    open_or_not = parked.c.resolution.is_not(None) if resolved else parked.c.resolution.is_(None)
    given = {name: value for name, value in asdict(which).items() if value is not None}
    return [open_or_not, *(parked.c[name] == value for name, value in given.items())]


def _message(row: Row[Any]) -> ParkedMessage:
    return ParkedMessage(**{field.name: getattr(row, field.name) for field in fields(ParkedMessage)})
