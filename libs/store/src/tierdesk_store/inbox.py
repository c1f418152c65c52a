"""The inbox: the identifiers of the unordered messages that a consumer has accounted for.

A message is known by its consumer, the namespace it arrived in (so that no party can use up another's identifiers)
and its identifier. It is entered in the transaction that applies it, makes it wait, or parks it. Entries live at
least 30 days.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, text

from tierdesk_store.database import Transaction

KEPT_DAYS: Final = 30

InboxKey = tuple[str, UUID]


@cache
def _claim(schema: str) -> TextClause:
    return text(f"""
        INSERT INTO "{schema}".inbox (consumer, namespace, message_id)
        SELECT :consumer, k.namespace, k.message_id
        FROM unnest(CAST(:namespaces AS text[]), CAST(:ids AS uuid[])) AS k(namespace, message_id)
        ORDER BY k.namespace, k.message_id
        ON CONFLICT DO NOTHING
        RETURNING namespace, message_id
    """)  # noqa: S608 - the schema is the service's own name, never input


async def claim(tx: Transaction, consumer: str, keys: Collection[InboxKey]) -> set[InboxKey]:
    """Enter these; answers those that were not there before.

    Waits for another transaction that is entering one of them, and in the same order as everybody.
    """
    if not keys:
        return set()
    rows = await tx.execute(
        _claim(tx.schema),
        {
            "consumer": consumer,
            "namespaces": [namespace for namespace, _ in keys],
            "ids": [message_id for _, message_id in keys],
        },
    )
    return {(row.namespace, row.message_id) for row in rows}


@cache
def _delete_old(schema: str) -> TextClause:
    return text(f"""
        DELETE FROM "{schema}".inbox WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM "{schema}".inbox
            WHERE seen_at < now() - make_interval(days => {KEPT_DAYS}) ORDER BY seen_at LIMIT :limit
        ))
    """)  # noqa: S608 - as above


async def delete_old_keys(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` entries older than 30 days; answers how many."""
    return (await tx.execute(_delete_old(tx.schema), {"limit": limit})).rowcount
