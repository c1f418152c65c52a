"""The watcher: says what falls due, once, in due order, and never early."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from tierdesk_bus.port import Bus, BusError
from tierdesk_runtime.clock import Clock as BusinessClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.supervision import wait_unless
from tierdesk_sla.domain.alarms import Alarm, notice, say_until
from tierdesk_sla.domain.settling import Settling
from tierdesk_sla.handlers.publishing import publish
from tierdesk_sla.handlers.ticket_changes import QUEUE, Followed
from tierdesk_sla.store.watch import Due, Said, claim_due, next_due, save_alerts, save_marks
from tierdesk_store import Database
from tierdesk_store.failpoints import failpoint

LOOK_SECONDS: Final = 1.0
"""The longest sleep: what other processes wrote is seen this late."""
SETTLING_LOOK_SECONDS: Final = 0.2
"""The sleep while something is due and settles."""
_FAR: Final = timedelta(days=365)


class SpokenMetrics:
    """The metrics of what the watcher says."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._breaches = Counter(
            "tierdesk_sla_breaches_total", "Promises not kept.", ("tier", "target"), registry=registry
        )
        self._delay = Histogram(
            "tierdesk_sla_tick_delay_seconds",
            "From the instant at which something fell due until it was said, in business time.",
            buckets=(1.0, 2.0, 2.5, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0),
            registry=registry,
        )

    def count(self, words: Sequence[Said], now: datetime) -> None:
        """Count what was said at `now` and is committed."""
        for said in words:
            self._delay.observe(max(0.0, (now - said.moment.at).total_seconds()))
            if said.moment.word == "breached":
                self._breaches.labels(said.clock.tier or "", said.clock.kind.value).inc()


class Watcher:
    """Publishes warnings and breaches as they fall due. Any number of them may run.

    An alert is held until its instant lies `settle_seconds` of real time back and the events of that time have been
    consumed: until the queue is empty, or an event sent later was applied here. While the broker cannot be asked,
    nothing is said. Another process that consumes the same queue may still hold an older event; then the alert comes
    too soon, and is retracted when that event is applied.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: BusinessClock,
        identifiers: Identifiers,
        followed: Followed,
        *,
        settle_seconds: float,
        spoken: SpokenMetrics,
        batch: int = 500,
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._identifiers = identifiers
        self._followed = followed
        self._settling = Settling(settle_seconds)
        self._spoken = spoken
        self._batch = batch

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set and the batch in flight is finished."""
        while not stop.is_set():
            settled = self._settling.note(asyncio.get_running_loop().time(), self._clock.now())
            async with self._database.read() as connection:
                due_at = await next_due(connection)
            if due_at is not None and settled is not None and due_at <= settled:
                until = await self._consumed_until(settled)
                while until is not None and not stop.is_set() and await self.say_due(until):
                    pass
            await wait_unless(self._sleep(due_at), stop)

    async def say_due(self, until: datetime) -> int:
        """Say, in one transaction, what is due by `until` of the first clocks that are; answers how many clocks.

        Of a full batch only what comes before the clocks that are left, so that call after call all is in due order.
        """
        async with self._database.transaction() as tx:
            claimed = await claim_due(tx.connection, until, limit=self._batch)
            if not claimed:
                return 0
            failpoint("sla.after_claim")
            now = self._clock.now()
            cut = until if len(claimed) < self._batch else claimed[-1].next_at
            words, marks = _speak(claimed, cut)
            new = await save_alerts(tx.connection, [said for _, said in words], now)
            for due, said in words:
                if said.key in new:
                    data = notice(said.clock, said.alarm, said.moment, reference=due.reference)
                    publish(tx, data, due.tenant, due.ticket_id, now, self._identifiers)
            await save_marks(tx.connection, marks)
        self._spoken.count([said for _, said in words if said.key in new], now)
        return len(claimed)

    async def _consumed_until(self, settled: datetime) -> datetime | None:
        try:
            depth = await self._bus.depth(QUEUE)
        except BusError:
            return None
        if depth == 0:
            return settled
        return None if self._followed.until is None else min(settled, self._followed.until)

    async def _sleep(self, due_at: datetime | None) -> None:
        now = self._clock.now()
        if due_at is not None and due_at <= now:
            await asyncio.sleep(SETTLING_LOOK_SECONDS)
        else:
            await self._clock.sleep_until(due_at or now + _FAR, at_most_seconds=LOOK_SECONDS)


def _speak(claimed: Sequence[Due], until: datetime) -> tuple[list[tuple[Due, Said]], list[tuple[Due, Alarm]]]:
    """What is to be said, in due order, and what was said of each clock after it."""
    words: list[tuple[Due, Said]] = []
    marks: list[tuple[Due, Alarm]] = []
    for due in claimed:
        said = say_until(due.clock, due.alarm, until)
        words += [(due, Said(due.tenant, due.clock, alarm, moment)) for moment, alarm in said]
        marks.append((due, said[-1][1] if said else due.alarm))
    words.sort(key=lambda word: word[1].moment.at)
    return words, marks
