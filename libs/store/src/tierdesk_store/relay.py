"""The relay: from the outbox to the bus, each row until the bus has confirmed it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tierdesk_bus.port import Bus, BusError, PublishResult
from tierdesk_store.database import Database
from tierdesk_store.errors import as_unavailable
from tierdesk_store.failpoints import failpoint
from tierdesk_store.holds import Holds
from tierdesk_store.leases import PartitionLocks
from tierdesk_store.negative_controls import UNSAFE
from tierdesk_store.outbox import OutboxReader, OutboxRow
from tierdesk_store.pausing import pause
from tierdesk_store.schema import OUTBOX_PARTITIONS
from tierdesk_store.waves import Waves

ACQUIRE_SECONDS: Final = 1.0
CLEAN_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 5.0
GATHER_SECONDS: Final = 0.02
_LOG = logging.getLogger(__name__)


class Relay:
    """Publishes the outbox of one service; several may run, each partition belongs to one of them at a time.

    What holds: a row is marked only when the bus confirmed it; per subject and destination, rows are published in
    the order of their transactions, none before its predecessor is confirmed. A destination that refuses holds up
    only itself, for longer each time (0.2 to 30 seconds). While the bus answers nothing at all, everything waits (up
    to 5 seconds between tries). No transaction is open while publishing.

    A look at the outbox follows the last one after `gather_seconds` at the earliest, since each has a price of its own:
    what is written while the desk is quiet is published at once, as a rule.

    What remains: after a crash, a lost answer or a lost connection a row may be published twice, with the same
    identifier. The statements run on the connection that holds the locks, and each wave follows one of them, so a
    relay that has lost its locks starts at most one more wave, the one before it notices. Should another relay
    publish the same rows and their successors within that wave's time limit, a duplicate may arrive after its
    successor; readers know it by its identifier or its sequence.

    Counters, for the runtime to export: `published`, `returned`, `nacked`, `unknown`.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        batch: int = 500,
        publish_timeout_seconds: float = 10.0,
        poll_seconds: float = 0.1,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self.published = 0
        self.returned = 0
        self.nacked = 0
        self.unknown = 0
        self.last_round_at = 0.0
        """Loop time of the last finished look at the outbox; 0.0 before the first. For readiness."""
        self.owned_partitions = 0
        self._database = database
        self._bus = bus
        self._batch = batch
        self._publish_timeout_seconds = publish_timeout_seconds
        self._poll_seconds = poll_seconds
        self._gather_seconds = gather_seconds
        self._holds = Holds()
        self._pause_seconds = 0.0
        self._cleaned = 0

    @property
    def held_destinations(self) -> int:
        """How many destinations are held back because they refuse."""
        return len(self._holds)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set and the round in flight is finished. Outlives lost connections."""
        pause_seconds = 0.0
        while not stop.is_set():
            try:
                locks = PartitionLocks(self._database.url, schema=self._database.schema, name=self._database.name)
                async with locks:
                    if pause_seconds:
                        _LOG.info("relay of %s: the database answers again", self._database.schema)
                        pause_seconds = 0.0
                    await self._relay(locks, stop)
            except Exception as error:
                unavailable = as_unavailable(error)
                if unavailable is None:
                    raise
                if not pause_seconds:
                    _LOG.warning(
                        "relay of %s: its connection and locks are lost: %s", self._database.schema, unavailable
                    )
                pause_seconds = min(max(0.2, pause_seconds * 2), LONGEST_PAUSE_SECONDS)
                await pause(pause_seconds, unless=stop)
            finally:
                self.owned_partitions = 0

    async def _relay(self, locks: PartitionLocks, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        reader = OutboxReader(locks.connection, self._database.schema)
        acquire_at = clean_at = 0.0
        while not stop.is_set():
            now = loop.time()
            if now >= acquire_at:
                await locks.acquire()
                self.owned_partitions = len(locks.owned)
                acquire_at = now + ACQUIRE_SECONDS
            if now >= clean_at:
                clean_at = now + await self._clean(reader, locks)
            self._database.outbox_written.clear()
            more = await self._round(reader, locks)
            self.last_round_at = loop.time()
            if self._pause_seconds:
                await pause(self._pause_seconds, unless=stop)
            elif not more:
                await pause(self._poll_seconds, unless=self._database.outbox_written)
                if (rest := now + self._gather_seconds - loop.time()) > 0:
                    await pause(rest, unless=stop)

    async def _round(self, reader: OutboxReader, locks: PartitionLocks) -> bool:
        """One look at the outbox; answers whether there is more to publish at once."""
        if not locks.owned:
            return False
        now = asyncio.get_running_loop().time()
        limit_each = 1 if self._pause_seconds else max(self._batch // len(locks.owned), 32)
        rows = await reader.unpublished(locks.owned, limit_each=limit_each, except_for=list(self._holds.held(now)))
        if not rows:
            self._pause_seconds = 0.0
            return False
        if UNSAFE.mark_before_confirm:
            await reader.mark_published(rows)
        failpoint("relay.after_claim")
        waves = Waves(rows, self._holds.probed(now))
        while not locks.are_lost and (wave := waves.next()):
            results = await self._publish(wave)
            if UNSAFE.no_mandatory:
                results = [PublishResult.CONFIRMED if r is PublishResult.RETURNED else r for r in results]
            confirmed = waves.settle(wave, results)
            failpoint("relay.after_confirm")
            if confirmed:
                await reader.mark_published(confirmed)
            failpoint("relay.after_mark")
            if not self._learn(wave, results):
                return False
        return max(Counter(row.partition for row in rows).values()) >= limit_each

    async def _publish(self, wave: Sequence[OutboxRow]) -> list[PublishResult]:
        messages = [row.message for row in wave]
        try:
            return await self._bus.publish(messages, timeout_seconds=self._publish_timeout_seconds)
        except BusError:
            return [PublishResult.UNKNOWN] * len(messages)

    def _learn(self, wave: Sequence[OutboxRow], results: Sequence[PublishResult]) -> bool:
        """Count, hold back who refuses; answers whether the bus answers at all."""
        count = Counter(results)
        self.published += count[PublishResult.CONFIRMED]
        self.returned += count[PublishResult.RETURNED]
        self.nacked += count[PublishResult.NACKED]
        self.unknown += count[PublishResult.UNKNOWN]
        if count[PublishResult.UNKNOWN] == len(wave):
            if not self._pause_seconds:
                _LOG.warning("relay of %s: the bus confirms nothing; the outbox holds", self._database.schema)
            self._pause_seconds = min(max(0.2, self._pause_seconds * 2), LONGEST_PAUSE_SECONDS)
            return False
        if self._pause_seconds:
            _LOG.info("relay of %s: the bus confirms again", self._database.schema)
            self._pause_seconds = 0.0
        now = asyncio.get_running_loop().time()
        refused = {
            row.destination: result
            for row, result in zip(wave, results, strict=True)
            if result is not PublishResult.CONFIRMED
        }
        for destination, result in refused.items():
            if self._holds.refuse(destination, now):
                _LOG.warning("relay of %s: %s was %s and is held back", self._database.schema, destination, result)
        if len(self._holds) > len(refused):
            for destination in {row.destination for row in wave} - refused.keys():
                if self._holds.take(destination):
                    _LOG.info("relay of %s: %s takes messages again", self._database.schema, destination)
        return True

    async def _clean(self, reader: OutboxReader, locks: PartitionLocks) -> float:
        """Delete old published rows of one partition, each time the next one; answers when to do it again."""
        if not locks.owned:
            return CLEAN_SECONDS
        limit = 1000
        self._cleaned = (self._cleaned + 1) % OUTBOX_PARTITIONS
        partition = locks.owned[self._cleaned % len(locks.owned)]
        return 0.0 if await reader.delete_old(partition, limit=limit) == limit else CLEAN_SECONDS
