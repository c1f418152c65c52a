"""How often a message was begun that the bus has delivered again and again: it may kill its consumer.

Counted in a transaction of its own, before the message is looked at, so that the count outlives the consumer. A
message is known by its bytes: its identifier may be what cannot be read.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Final

from sqlalchemy import TextClause, text

from tierdesk_store.database import Database, Transaction

SUSPECT_REDELIVERIES: Final = 3
"""A message delivered again more often than this is handled alone."""
MAX_ATTEMPTS: Final = 5
HOPELESS: Final = f"handled alone {MAX_ATTEMPTS} times without an end: it may kill its consumer"
KEPT_DAYS: Final = 30


@cache
def _count(schema: str) -> TextClause:
    return text(f"""
        INSERT INTO "{schema}".attempts AS a (consumer, digest, count) VALUES (:consumer, :digest, 1)
        ON CONFLICT (consumer, digest) DO UPDATE SET count = a.count + 1, last_at = now()
        RETURNING count
    """)  # noqa: S608 - the schema is the service's own name, never input


async def count_attempt(database: Database, consumer: str, body: bytes) -> int:
    """Record, and commit, that this message is begun once more; answers how often it was."""
    async with database.transaction() as tx:
        result = await tx.execute(_count(tx.schema), {"consumer": consumer, "digest": sha256(body).digest()})
        count: int = result.scalar_one()
        return count


@cache
def _delete_old(schema: str) -> TextClause:
    return text(f"""
        DELETE FROM "{schema}".attempts WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM "{schema}".attempts
            WHERE last_at < now() - make_interval(days => {KEPT_DAYS}) ORDER BY last_at LIMIT :limit
        ))
    """)  # noqa: S608 - as above


async def delete_old_attempts(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` counts untouched for 30 days; answers how many."""
    return (await tx.execute(_delete_old(tx.schema), {"limit": limit})).rowcount
