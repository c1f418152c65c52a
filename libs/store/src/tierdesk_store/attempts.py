"""How often a message was begun that the bus has delivered again and again: it may kill its consumer.

Counted in a transaction of its own, before the message is looked at, so that the count outlives the consumer. A
message is known by its bytes: its identifier may be what cannot be read.

The bus counts a delivery for everything that a process had fetched when it died, most of which it had not begun. After a
few deaths all that waits is suspect, and to handle each alone would take minutes. So suspects are begun in groups, smaller
each time, until the one that kills is alone; and the least suspected first, so that deaths that have nothing to do with
any of them are not all laid to the one that stands first in the queue. A process that dies again and again of something
else could still lay five deaths within seconds to a message that is all there is in its queue: so those in which a message
was alone count once in ten seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from hashlib import sha256
from typing import Final

from sqlalchemy import TextClause, text

from tierdesk_store.database import Database, Transaction

SUSPECT_REDELIVERIES: Final = 3
"""A message delivered again more often than this is suspected."""
TOGETHER: Final = (200, 20, 4)
"""The largest group that a suspect is begun in the first time, the second and the third; then it is alone."""
MAX_ATTEMPTS: Final = 5
"""How often it is begun alone."""
SPACING_SECONDS: Final = 10.0
"""Beginnings alone that follow each other faster than this count once."""
HOPELESS: Final = f"handled alone {MAX_ATTEMPTS} times without an end: it may kill its consumer"
KEPT_DAYS: Final = 30


def group_limit(attempts: int) -> int:
    """The largest group for a suspect that was begun so many times before."""
    return TOGETHER[attempts] if attempts < len(TOGETHER) else 1


def is_hopeless(attempts: int) -> bool:
    """Whether a suspect that was begun so often has had all its attempts."""
    return attempts >= len(TOGETHER) + MAX_ATTEMPTS


@cache
def _find(schema: str) -> TextClause:
    return text(f"""
        SELECT digest, count AS attempts FROM "{schema}".attempts
        WHERE consumer = :consumer AND digest = ANY(CAST(:digests AS bytea[]))
    """)  # noqa: S608 - the schema is the service's own name, never input


async def find_attempts(database: Database, consumer: str, bodies: Collection[bytes]) -> dict[bytes, int]:
    """How often these messages were begun, as far as it was counted. Raises `DatabaseUnavailableError`."""
    by_digest = {sha256(body).digest(): body for body in bodies}
    async with database.read() as connection:
        rows = await connection.execute(_find(database.schema), {"consumer": consumer, "digests": list(by_digest)})
        return {by_digest[row.digest]: row.attempts for row in rows}


@cache
def _count(schema: str) -> TextClause:
    return text(f"""
        INSERT INTO "{schema}".attempts AS a (consumer, digest, count)
        SELECT :consumer, digest, 1 FROM unnest(CAST(:digests AS bytea[])) AS digest
        ON CONFLICT (consumer, digest) DO UPDATE SET count = a.count + 1, last_at = now()
        WHERE a.count <= {len(TOGETHER)} OR a.last_at <= now() - make_interval(secs => :spacing)
    """)  # noqa: S608 - as above


async def count_attempts(database: Database, consumer: str, bodies: Collection[bytes]) -> None:
    """Record, and commit, that these messages are begun once more, if enough time has passed. Raises
    `DatabaseUnavailableError`.
    """
    digests = sorted({sha256(body).digest() for body in bodies})
    async with database.transaction() as tx:
        await tx.execute(_count(tx.schema), {"consumer": consumer, "digests": digests, "spacing": SPACING_SECONDS})


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
