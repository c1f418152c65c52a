"""How far each ordered stream is applied. A stream's row, locked, is what makes its followers take turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

from sqlalchemy import TextClause, text

from tierdesk_store.agenda import Progress
from tierdesk_store.arrival import StreamKey, Subject
from tierdesk_store.database import Transaction


@cache
def _make(schema: str) -> TextClause:
    return text(f"""
        INSERT INTO "{schema}".applied (consumer, tenant, subject, stream)
        SELECT :consumer, k.tenant, k.subject, k.stream
        FROM unnest(CAST(:tenants AS text[]), CAST(:subjects AS text[]), CAST(:streams AS text[]))
            AS k(tenant, subject, stream)
        ORDER BY k.tenant, k.subject, k.stream
        ON CONFLICT DO NOTHING
    """)  # noqa: S608 - the schema is the service's own name, never input


@cache
def _lock(schema: str) -> TextClause:
    return text(f"""
        SELECT a.tenant, a.subject, a.stream, a.sequence, a.held_last
        FROM unnest(CAST(:tenants AS text[]), CAST(:subjects AS text[])) AS s(tenant, subject)
        JOIN "{schema}".applied AS a ON (a.consumer, a.tenant, a.subject) = (:consumer, s.tenant, s.subject)
        ORDER BY a.tenant, a.subject, a.stream
        FOR UPDATE OF a
    """)  # noqa: S608 - as above


async def lock_progress(
    tx: Transaction, consumer: str, *, streams: Collection[StreamKey], subjects: Collection[Subject]
) -> dict[StreamKey, Progress]:
    """Lock all streams of `subjects`, in sorted order, those in `streams` made to exist first."""
    if streams:
        await tx.execute(
            _make(tx.schema),
            {
                "consumer": consumer,
                "tenants": [key.subject.tenant for key in streams],
                "subjects": [key.subject.name for key in streams],
                "streams": [key.stream for key in streams],
            },
        )
    rows = await tx.execute(
        _lock(tx.schema),
        {
            "consumer": consumer,
            "tenants": [subject.tenant for subject in subjects],
            "subjects": [subject.name for subject in subjects],
        },
    )
    return {
        StreamKey(Subject(row.tenant, row.subject), row.stream): Progress(row.sequence, row.held_last) for row in rows
    }


@cache
def _store(schema: str) -> TextClause:
    return text(f"""
        UPDATE "{schema}".applied AS a SET sequence = k.sequence, held_last = k.held_last
        FROM unnest(
            CAST(:tenants AS text[]), CAST(:subjects AS text[]), CAST(:streams AS text[]),
            CAST(:sequences AS bigint[]), CAST(:held AS bigint[])
        ) AS k(tenant, subject, stream, sequence, held_last)
        WHERE (a.consumer, a.tenant, a.subject, a.stream) = (:consumer, k.tenant, k.subject, k.stream)
    """)  # noqa: S608 - as above


async def store_progress(tx: Transaction, consumer: str, progress: Mapping[StreamKey, Progress]) -> None:
    """Write how far these streams, locked before, are applied now."""
    if not progress:
        return
    await tx.execute(
        _store(tx.schema),
        {
            "consumer": consumer,
            "tenants": [key.subject.tenant for key in progress],
            "subjects": [key.subject.name for key in progress],
            "streams": [key.stream for key in progress],
            "sequences": [value.sequence for value in progress.values()],
            "held": [value.held_last for value in progress.values()],
        },
    )
