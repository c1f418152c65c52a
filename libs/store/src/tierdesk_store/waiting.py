"""Messages that wait as rows: for a predecessor, for a retry, or behind one of these."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import TextClause, text

from tierdesk_store.agenda import Settled
from tierdesk_store.arrival import Cause, Order, StreamKey, Subject, clean_text
from tierdesk_store.attempts import MAX_ATTEMPTS, SPACING_SECONDS
from tierdesk_store.database import Transaction


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A waiting message without its body."""

    position: int
    subject: Subject
    cause: Cause
    stream: StreamKey | None
    first: int
    last: int
    type: str
    namespace: str
    queue: str
    attempts: int
    first_seen_at: datetime
    waited_seconds: float
    due_at: datetime
    is_due: bool

    @property
    def order(self) -> Order:
        """Its place on an agenda."""
        return (0, self.position)


@cache
def _lock(schema: str) -> TextClause:
    return text(f"""
        SELECT w.position, w.tenant, w.subject, w.cause, w.stream, w.first, w.last, w.type, w.namespace, w.queue,
               w.attempts, w.first_seen_at, w.due_at, w.due_at <= now() AS is_due,
               CAST(extract(epoch FROM now() - w.first_seen_at) AS double precision) AS waited_seconds
        FROM unnest(CAST(:tenants AS text[]), CAST(:subjects AS text[])) AS s(tenant, subject)
        CROSS JOIN LATERAL (
            SELECT * FROM "{schema}".waiting
            WHERE consumer = :consumer AND tenant = s.tenant AND subject = s.subject
            ORDER BY position FOR UPDATE
        ) AS w
        ORDER BY w.position
    """)  # noqa: S608 - the schema is the service's own name, never input


async def lock_rows(tx: Transaction, consumer: str, subjects: Collection[Subject]) -> list[WaitingRow]:
    """Lock all waiting rows of these subjects; answers them in the order in which they came."""
    in_order = sorted(subjects)
    rows = await tx.execute(
        _lock(tx.schema),
        {"consumer": consumer, "tenants": [s.tenant for s in in_order], "subjects": [s.name for s in in_order]},
    )
    return [
        WaitingRow(
            position=row.position,
            subject=(subject := Subject(row.tenant, row.subject)),
            cause=Cause(row.cause),
            stream=None if row.stream is None else StreamKey(subject, row.stream),
            first=row.first or 0,
            last=row.last or 0,
            type=row.type,
            namespace=row.namespace,
            queue=row.queue,
            attempts=row.attempts,
            first_seen_at=row.first_seen_at,
            waited_seconds=row.waited_seconds,
            due_at=row.due_at,
            is_due=row.is_due,
        )
        for row in rows
    ]


@cache
def _bodies(schema: str) -> TextClause:
    return text(f"""
        SELECT position, body FROM "{schema}".waiting WHERE position = ANY(CAST(:positions AS bigint[]))
    """)  # noqa: S608 - as above


async def load_bodies(tx: Transaction, rows: Collection[WaitingRow]) -> dict[int, bytes]:
    """The bodies of these rows by position."""
    found = await tx.execute(_bodies(tx.schema), {"positions": [row.position for row in rows]})
    return {row.position: row.body for row in found}


@cache
def _insert(schema: str) -> TextClause:
    return text(f"""
        INSERT INTO "{schema}".waiting (consumer, tenant, subject, cause, stream, first, last, message_id, type,
                                        namespace, queue, body, reason, attempts, due_at)
        SELECT :consumer, r.tenant, r.subject, r.cause, r.stream, r.first, r.last, r.message_id, r.type,
               r.namespace, r.queue, r.body, r.reason, r.attempts, now() + r.delay * interval '1 second'
        FROM unnest(
            CAST(:tenant AS text[]), CAST(:subject AS text[]), CAST(:cause AS text[]), CAST(:stream AS text[]),
            CAST(:first AS bigint[]), CAST(:last AS bigint[]), CAST(:message_id AS text[]), CAST(:type AS text[]),
            CAST(:namespace AS text[]), CAST(:queue AS text[]), CAST(:body AS bytea[]), CAST(:reason AS text[]),
            CAST(:attempts AS integer[]), CAST(:delay AS double precision[])
        ) WITH ORDINALITY AS r(tenant, subject, cause, stream, first, last, message_id, type, namespace, queue, body,
                               reason, attempts, delay, ordinal)
        ORDER BY r.ordinal
        ON CONFLICT DO NOTHING
    """)  # noqa: S608 - as above


async def insert_rows(tx: Transaction, consumer: str, settled: Sequence[Settled]) -> None:
    """Let these deliveries wait. One whose sequence waits already is a repetition and adds nothing."""
    arrivals = [s.arrival for s in settled]
    await tx.execute(
        _insert(tx.schema),
        {
            "consumer": consumer,
            "tenant": [a.subject.tenant for a in arrivals],
            "subject": [a.subject.name for a in arrivals],
            "cause": [s.cause for s in settled],
            "stream": [a.stream and a.stream.stream for a in arrivals],
            "first": [a.first if a.stream else None for a in arrivals],
            "last": [a.last if a.stream else None for a in arrivals],
            "message_id": [a.message_id for a in arrivals],
            "type": [a.type for a in arrivals],
            "namespace": [a.namespace for a in arrivals],
            "queue": [a.queue for a in arrivals],
            "body": [a.body for a in arrivals],
            "reason": [clean_text(s.reason, longest=2000) for s in settled],
            "attempts": [s.attempts for s in settled],
            "delay": [s.delay_seconds for s in settled],
        },
    )


@dataclass(frozen=True, slots=True)
class Postponement:
    """A row that goes on waiting."""

    position: int
    cause: Cause
    reason: str
    attempts: int
    delay_seconds: float
    was_tried: bool
    """It came to an end of its turn."""


@cache
def _postpone(schema: str) -> TextClause:
    return text(f"""
        UPDATE "{schema}".waiting AS w SET cause = r.cause, attempts = r.attempts,
            reason = CASE r.reason WHEN '' THEN w.reason ELSE r.reason END,
            due_at = now() + r.delay * interval '1 second',
            begun = CASE WHEN r.tried THEN 0 ELSE w.begun END
        FROM (
            SELECT found.ctid AS at, k.*
            FROM unnest(
                CAST(:position AS bigint[]), CAST(:cause AS text[]), CAST(:reason AS text[]),
                CAST(:attempts AS integer[]), CAST(:delay AS double precision[]), CAST(:tried AS boolean[])
            ) AS k(position, cause, reason, attempts, delay, tried)
            CROSS JOIN LATERAL (SELECT ctid FROM "{schema}".waiting WHERE position = k.position LIMIT 1) AS found
        ) AS r
        WHERE w.ctid = r.at
    """)  # noqa: S608 - as above


async def postpone_rows(tx: Transaction, postponements: Collection[Postponement]) -> None:
    """Write why and until when these rows go on waiting."""
    await tx.execute(
        _postpone(tx.schema),
        {
            "position": [p.position for p in postponements],
            "cause": [p.cause for p in postponements],
            "reason": [clean_text(p.reason, longest=2000) for p in postponements],
            "attempts": [p.attempts for p in postponements],
            "delay": [p.delay_seconds for p in postponements],
            "tried": [p.was_tried for p in postponements],
        },
    )


@cache
def _hasten(schema: str) -> TextClause:
    return text(f"""
        UPDATE "{schema}".waiting SET due_at = now() WHERE position = ANY(ARRAY(
            SELECT w.position
            FROM unnest(CAST(:tenants AS text[]), CAST(:subjects AS text[])) AS s(tenant, subject)
            CROSS JOIN LATERAL (
                SELECT position FROM "{schema}".waiting
                WHERE consumer = :consumer AND tenant = s.tenant AND subject = s.subject AND cause = '{Cause.EARLY}'
                  AND due_at > now() AND position <> ALL(CAST(:known AS bigint[]))
                FOR UPDATE SKIP LOCKED
            ) AS w
        ))
    """)  # noqa: S608 - as above


async def hasten_rows(tx: Transaction, consumer: str, subjects: Collection[Subject], *, known: Collection[int]) -> None:
    """Make due what waits for a predecessor about these subjects, but for the rows in `known`.

    What somebody else has in hand is left alone: a lock held against it here could meet one that it waits for.
    """
    await tx.execute(
        _hasten(tx.schema),
        {
            "consumer": consumer,
            "tenants": [subject.tenant for subject in subjects],
            "subjects": [subject.name for subject in subjects],
            "known": list(known),
        },
    )


@cache
def _delete(schema: str) -> TextClause:
    return text(f'DELETE FROM "{schema}".waiting WHERE position = ANY(CAST(:positions AS bigint[]))')  # noqa: S608 - as above


async def delete_rows(tx: Transaction, positions: Collection[int]) -> None:
    """These have reached their end."""
    await tx.execute(_delete(tx.schema), {"positions": list(positions)})


@dataclass(frozen=True, slots=True)
class Turn:
    """What a sweep takes up: the subjects of rows that are due, or one row alone that never came to an end."""

    subjects: list[Subject]
    alone: int | None = None
    is_hopeless: bool = False
    """It was begun five times without an end."""


@cache
def _due(schema: str) -> TextClause:
    return text(f"""
        SELECT position, tenant, subject, begun FROM "{schema}".waiting
        WHERE consumer = :consumer AND due_at <= now() ORDER BY due_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    """)  # noqa: S608 - as above


@cache
def _begin(schema: str) -> TextClause:
    return text(f"""
        UPDATE "{schema}".waiting SET begun = begun + 1,
            due_at = CASE WHEN begun > 0 THEN now() + make_interval(secs => :spacing) ELSE due_at END
        WHERE position = ANY(CAST(:positions AS bigint[]))
    """)  # noqa: S608 - as above


async def begin_due(tx: Transaction, consumer: str, *, limit: int) -> Turn:
    """Begin the `limit` rows that are due the longest and that nobody else has in hand.

    To be committed before they are tried: a row that was begun before and has not come to an end may have killed its
    process, and is then tried alone, the least often begun first, and not again within `SPACING_SECONDS`: its process may
    die of something else, again and again.
    """
    rows = (await tx.execute(_due(tx.schema), {"consumer": consumer, "limit": limit})).all()
    suspects = [row for row in rows if row.begun > 0]
    turn = Turn(sorted({Subject(row.tenant, row.subject) for row in rows}))
    if suspects:
        suspect = min(suspects, key=lambda row: (row.begun, row.position))
        turn = Turn([Subject(suspect.tenant, suspect.subject)], suspect.position, suspect.begun >= MAX_ATTEMPTS)
        rows = [suspect]
    if rows:
        await tx.execute(_begin(tx.schema), {"positions": [row.position for row in rows], "spacing": SPACING_SECONDS})
    return turn
