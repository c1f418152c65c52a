"""Messages that wait as rows: for a predecessor, for a retry, or behind one of these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import TextClause, text

from tierdesk_store.agenda import Progress, Settled
from tierdesk_store.arrival import Arrival, Cause, Order, StreamKey, Subject, clean_text
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
               w.attempts, w.first_seen_at, w.due_at, w.due_at <= now() AS is_due
        FROM unnest(CAST(:tenants AS text[]), CAST(:subjects AS text[])) AS s(tenant, subject)
        JOIN "{schema}".waiting AS w ON (w.consumer, w.tenant, w.subject) = (:consumer, s.tenant, s.subject)
        ORDER BY w.position
        FOR UPDATE OF w
    """)  # noqa: S608 - the schema is the service's own name, never input


async def lock_rows(tx: Transaction, consumer: str, subjects: Collection[Subject]) -> list[WaitingRow]:
    """Lock all waiting rows of these subjects; answers them in the order in which they came."""
    rows = await tx.execute(
        _lock(tx.schema),
        {"consumer": consumer, "tenants": [s.tenant for s in subjects], "subjects": [s.name for s in subjects]},
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
            due_at=row.due_at,
            is_due=row.is_due,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows may be decided in this transaction, in order; those cut off by the limit; and who blocks whom."""

    chosen: list[WaitingRow]
    cut: list[WaitingRow]
    blockers: dict[Subject, set[Order]]


def choose(
    rows: Sequence[WaitingRow], fresh: Iterable[Arrival], progress: Mapping[StreamKey, Progress], *, limit: int
) -> Choice:
    """Choose the rows that can be reached from what is applied and what just came; pure.

    A superset is right: what turns out to have to wait goes on waiting.
    """
    blockers: dict[Subject, set[Order]] = defaultdict(set)
    for row in rows:
        if row.cause is Cause.RETRY and not row.is_due:
            blockers[row.subject].add(row.order)
    reached = _reach(rows, fresh, progress)
    eligible = [
        row
        for row in rows
        if row.order not in blockers[row.subject]
        and not any(order < row.order for order in blockers[row.subject])
        and (row.stream is None or row.position in reached)
    ]
    # By turns, since what only goes on waiting becomes due later; else along a stream rather than by arrival, since a
    # cut must not take successors and leave their predecessor.
    eligible.sort(key=lambda row: (row.due_at, reached.get(row.position, 0), row.position))
    chosen, cut = eligible[:limit], eligible[limit:]
    for row in cut:
        if row.cause in {Cause.RETRY, Cause.BEHIND}:
            blockers[row.subject].add(row.order)
    return Choice(sorted(chosen, key=lambda row: row.position), cut, dict(blockers))


def _reach(
    rows: Sequence[WaitingRow], fresh: Iterable[Arrival], progress: Mapping[StreamKey, Progress]
) -> dict[int, int]:
    """The positions of ordered rows that follow on without a gap, or are superseded, with their place in the walk."""
    spans: dict[StreamKey, dict[int, int]] = defaultdict(dict)
    ordered: dict[StreamKey, dict[int, WaitingRow]] = defaultdict(dict)
    for row in rows:
        if row.stream is not None:
            spans[row.stream][row.first] = row.last
            ordered[row.stream][row.first] = row
    for arrival in fresh:
        if arrival.stream in ordered:
            spans[arrival.stream].setdefault(arrival.first, arrival.last)
    reached: dict[int, int] = {}
    for stream, by_first in ordered.items():
        now = progress[stream]
        if now.held_last is None:
            place, sequence = 0, now.sequence
            while (last := spans[stream].get(sequence + 1)) is not None:
                place += 1
                next_row = by_first.get(sequence + 1)
                if next_row is not None:
                    reached[next_row.position] = place
                sequence = last
        passed = max(now.sequence, now.held_last or 0)
        reached.update({row.position: 0 for row in by_first.values() if row.first <= passed})
    return reached


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


@cache
def _postpone(schema: str) -> TextClause:
    return text(f"""
        UPDATE "{schema}".waiting AS w SET cause = r.cause, attempts = r.attempts,
            reason = CASE r.reason WHEN '' THEN w.reason ELSE r.reason END,
            due_at = now() + r.delay * interval '1 second'
        FROM unnest(
            CAST(:position AS bigint[]), CAST(:cause AS text[]), CAST(:reason AS text[]),
            CAST(:attempts AS integer[]), CAST(:delay AS double precision[])
        ) AS r(position, cause, reason, attempts, delay)
        WHERE w.position = r.position
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
        },
    )


@cache
def _delete(schema: str) -> TextClause:
    return text(f'DELETE FROM "{schema}".waiting WHERE position = ANY(CAST(:positions AS bigint[]))')  # noqa: S608 - as above


async def delete_rows(tx: Transaction, positions: Collection[int]) -> None:
    """These have reached their end."""
    await tx.execute(_delete(tx.schema), {"positions": list(positions)})


@cache
def _due(schema: str) -> TextClause:
    return text(f"""
        SELECT DISTINCT tenant, subject FROM (
            SELECT tenant, subject FROM "{schema}".waiting
            WHERE consumer = :consumer AND due_at <= now() ORDER BY due_at LIMIT :limit
        ) AS due
    """)  # noqa: S608 - as above


async def due_subjects(tx: Transaction, consumer: str, *, limit: int) -> list[Subject]:
    """The subjects of the `limit` rows that are due the longest."""
    rows = await tx.execute(_due(tx.schema), {"consumer": consumer, "limit": limit})
    return [Subject(row.tenant, row.subject) for row in rows]
