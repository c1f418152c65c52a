"""How far each ordered stream is applied. A stream's row, locked, is what makes its followers take turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import TextClause, text

from tierdesk_store.agenda import Progress
from tierdesk_store.arrival import StreamKey, Subject
from tierdesk_store.database import Transaction


@dataclass(frozen=True, slots=True)
class LockedStreams:
    """Streams whose rows this transaction holds: how far each is applied, and what its row says meanwhile."""

    progress: dict[StreamKey, Progress]
    rows: dict[StreamKey, Progress]


@cache
def _make(schema: str) -> TextClause:
    return text(f"""
        INSERT INTO "{schema}".applied (consumer, tenant, subject, stream, sequence)
        SELECT :consumer, k.tenant, k.subject, k.stream, k.sequence
        FROM unnest(
            CAST(:tenants AS text[]), CAST(:subjects AS text[]), CAST(:streams AS text[]), CAST(:sequences AS bigint[])
        ) AS k(tenant, subject, stream, sequence)
        ORDER BY k.tenant COLLATE "C", k.subject COLLATE "C", k.stream COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING tenant, subject, stream
    """)  # noqa: S608 - the schema is the service's own name, never input


@cache
def _lock(schema: str) -> TextClause:
    return text(f"""
        SELECT found.tenant, found.subject, found.stream, found.sequence, found.held_last
        FROM unnest(CAST(:tenants AS text[]), CAST(:subjects AS text[])) AS s(tenant, subject)
        CROSS JOIN LATERAL (
            SELECT a.* FROM "{schema}".applied AS a
            WHERE a.consumer = :consumer AND a.tenant = s.tenant AND a.subject = s.subject
            ORDER BY a.stream FOR UPDATE
        ) AS found
    """)  # noqa: S608 - as above


async def lock_streams(
    tx: Transaction, consumer: str, *, wanted: Mapping[StreamKey, int], subjects: Collection[Subject]
) -> LockedStreams:
    """Lock all streams of `subjects`, in sorted order (by code points), those in `wanted` made to exist first.

    A new row is written as it will be when everything goes well, applied up to the sequence in `wanted`: most streams
    come with a first message that is applied at once, and one write for each is half of two.
    """
    made = set()
    if wanted:
        found = await tx.execute(
            _make(tx.schema),
            {
                "consumer": consumer,
                "tenants": [key.subject.tenant for key in wanted],
                "subjects": [key.subject.name for key in wanted],
                "streams": [key.stream for key in wanted],
                "sequences": list(wanted.values()),
            },
        )
        made = {StreamKey(Subject(row.tenant, row.subject), row.stream) for row in found}
    in_order = sorted(subjects)
    found = await tx.execute(
        _lock(tx.schema),
        {
            "consumer": consumer,
            "tenants": [subject.tenant for subject in in_order],
            "subjects": [subject.name for subject in in_order],
        },
    )
    rows = {
        StreamKey(Subject(row.tenant, row.subject), row.stream): Progress(row.sequence, row.held_last) for row in found
    }
    return LockedStreams(
        progress={
            key: Progress() if key in made else Progress(now.sequence, now.held_last) for key, now in rows.items()
        },
        rows=rows,
    )


@cache
def _store(schema: str) -> TextClause:
    return text(f"""
        UPDATE "{schema}".applied AS a SET sequence = moved.sequence, held_last = moved.held_last
        FROM (
            SELECT found.ctid AS at, k.sequence, k.held_last
            FROM unnest(
                CAST(:tenants AS text[]), CAST(:subjects AS text[]), CAST(:streams AS text[]),
                CAST(:sequences AS bigint[]), CAST(:held AS bigint[])
            ) AS k(tenant, subject, stream, sequence, held_last)
            CROSS JOIN LATERAL (
                SELECT ctid FROM "{schema}".applied
                WHERE consumer = :consumer AND tenant = k.tenant AND subject = k.subject AND stream = k.stream LIMIT 1
            ) AS found
        ) AS moved
        WHERE a.ctid = moved.at
    """)  # noqa: S608 - as above


async def store_progress(tx: Transaction, consumer: str, streams: LockedStreams) -> None:
    """Write how far the streams are applied now, where their rows do not say so already."""
    moved = {key: now for key, now in streams.progress.items() if now != streams.rows[key]}
    if not moved:
        return
    await tx.execute(
        _store(tx.schema),
        {
            "consumer": consumer,
            "tenants": [key.subject.tenant for key in moved],
            "subjects": [key.subject.name for key in moved],
            "streams": [key.stream for key in moved],
            "sequences": [now.sequence for now in moved.values()],
            "held": [now.held_last for now in moved.values()],
        },
    )
