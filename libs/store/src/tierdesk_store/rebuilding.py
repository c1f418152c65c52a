"""Publishing again what was published before: for a bus that has lost its data.

Rows go out once more as if they had never been published: under the same identifiers, in the order of their
positions, with whatever is newer behind them. A row that was in flight meanwhile would be missing in that order, since
it was not published when its predecessors were marked. So all partitions are taken from the relays first, each between
two of its rounds; they take them back when it is done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from tierdesk_store import driver
from tierdesk_store.database import Database
from tierdesk_store.errors import as_unavailable
from tierdesk_store.leases import PartitionLocks
from tierdesk_store.outbox import OutboxReader
from tierdesk_store.schema import OUTBOX_PARTITIONS

OLDEST_DAYS: Final = 29
"""Older messages are left alone. A reader remembers an identifier for 30 days; after that it would apply it again."""
PATIENCE_SECONDS: Final = 120.0
"""How long the relays may take to give way: a round of publishing has a limit of 10 seconds for each of its waves."""


async def count_published(database: Database, since: datetime) -> int:
    """How many rows `publish_again` would publish. Reads all of `dispatch`. Raises `DatabaseUnavailableError`."""
    with _translated():
        connection = await driver.connect(database.url, schema=database.schema, name=f"{database.name} count")
        try:
            return await OutboxReader(connection, database.schema).count_published(since, oldest_days=OLDEST_DAYS)
        finally:
            await connection.close()


async def publish_again(
    database: Database,
    since: datetime,
    *,
    told: Callable[[int], None] = lambda _: None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> int:
    """Have every row that was published since then published again; answers how many.

    Nothing of this schema is published until all rows are marked, partition by partition; `told` hears how many each
    had. No index helps to find them: `dispatch` is read once, which takes some seconds for each million rows, and so do the
    rows of the outbox of those found. Cut short, it has marked some partitions whole; doing it again is harmless.

    Raises `RelayInTheWayError` when a relay does not give way, and `DatabaseUnavailableError`.
    """
    total = 0
    locks = PartitionLocks(database.url, schema=database.schema, name=f"{database.name} rebuild")
    with _translated():
        async with locks:
            await locks.take_all(patience_seconds=patience_seconds)
            outbox = OutboxReader(locks.connection, database.schema)
            for partition in range(OUTBOX_PARTITIONS):
                count = await outbox.mark_unpublished(partition, since, oldest_days=OLDEST_DAYS)
                total += count
                told(count)
    return total


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        unavailable = as_unavailable(error)
        if unavailable is None:
            raise
        raise unavailable from error
