"""The watcher: says what falls due, once, in due order, and never early."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from tierdesk_bus.port import Bus, BusError
from tierdesk_runtime.clock import Clock as BusinessClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.supervision import wait_unless
from tierdesk_sla.domain.alarms import Alarm, next_moment, notice, say_until
from tierdesk_sla.domain.settling import Settling
from tierdesk_sla.handlers.publishing import publish
from tierdesk_sla.handlers.ticket_changes import QUEUE, Followed
from tierdesk_sla.store.wakeups import LONGEST_SLEEP_SECONDS, WakeUps
from tierdesk_sla.store.watch import (
    Claimed,
    Due,
    Key,
    Said,
    claim_due,
    next_due,
    put_off,
    save_alerts,
    save_marks,
)
from tierdesk_store import Database, apply_apart, is_redo
from tierdesk_store.failpoints import failpoint

LOOK_SECONDS: Final = 1.0
"""The longest sleep while no other process can wake this one: what they wrote is seen this late."""
SETTLING_LOOK_SECONDS: Final = 0.2
"""The sleep while something is due and settles."""
PUT_OFF_SECONDS: Final = 600.0
"""For how long, in business time, a clock is left alone whose words could not be said."""
ANSWER_SECONDS: Final = 2.0
"""A broker that took longer to answer was away meanwhile: the bus waits for its link, and answers when that is back."""
AFTER_OUTAGE_SECONDS: Final = 15.0
"""So long, in real seconds, nothing is said after the broker was away.

Each process comes back to it by itself, up to 7.5 s later than this one, and a relay that failed pauses up to 5 s more:
only then is sent what the router held back, and so long it may be that the queue is empty for no better reason.
"""
CLOCKS_APART_SECONDS: Final = 5.0
"""From here on, real seconds, it is logged that the machine's clock and the database's differ."""
_FAR: Final = timedelta(days=365)

_log = structlog.get_logger(__name__)


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
        self.put_off = Counter(
            "tierdesk_clocks_put_off_total",
            "Clocks of which something could not be said and is tried later.",
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
    nothing is said, and nothing for `AFTER_OUTAGE_SECONDS` after that was noticed last. Another process that consumes
    the same queue may still hold an older event; then the alert comes too soon, and is retracted when that event is
    applied.

    An instant has passed when both this machine's clock and that of the database's machine say so. Where one of the two
    is set forward by mistake nothing is said early; where both are, what is said follows them, as all events do.

    It sleeps until the next due instant and is woken by `wakeups` when an earlier one is written.

    One clock whose words cannot be decided or saved silences no other: its batch is taken apart, and it is looked at
    again after `PUT_OFF_SECONDS`. That is logged with the reason and counted as `tierdesk_clocks_put_off_total`.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: BusinessClock,
        identifiers: Identifiers,
        followed: Followed,
        *,
        wakeups: WakeUps,
        settle_seconds: float,
        spoken: SpokenMetrics,
        batch: int = 500,
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._identifiers = identifiers
        self._followed = followed
        self._wakeups = wakeups
        self._settling = Settling(settle_seconds)
        self._clocks_agree = True
        self._cut_off = False
        self._spoken = spoken
        self._batch = batch

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set and the batch in flight is finished. After a raise it may be called again."""
        self._settling.begin_again()  # what was noted before a raise says nothing of the time since
        while not stop.is_set():
            self._wakeups.forget()
            async with self._database.read() as connection:
                real, due_at = await next_due(connection)
            self._wakeups.expect(due_at)
            now = self._earlier_time(real)
            settled = self._settling.note(asyncio.get_running_loop().time(), now)
            if due_at is not None and (self._cut_off or due_at <= now):
                # Also while it settles: an outage that is over by then has held events up all the same.
                until = await self._consumed_until(settled)
                while until is not None and due_at <= until and not stop.is_set() and await self.say_due(until):
                    pass
            await wait_unless(self._sleep(due_at, now), stop, self._wakeups.called)

    async def say_due(self, until: datetime) -> int:
        """Say, in one transaction, what is due by `until` of the first clocks that are; answers how many clocks.

        Of a full batch only what comes before the clocks that are left, so that call after call all is in due order.
        Nothing that is due after now, whatever `until` is: the clock may have been set back since.
        Raises what `tierdesk_store.is_redo` knows; nothing of the part in hand was said then.
        """
        claimed: list[Claimed] = []
        until = min(until, self._clock.now())
        try:
            await self._say(until, None, claimed)
        except Exception as error:
            if is_redo(error) or not claimed:
                raise
            await self._say_apart(claimed, until)
        return len(claimed)

    async def _say_apart(self, claimed: Sequence[Claimed], until: datetime) -> None:
        """Say part by part, never past what is left of an earlier part or comes in a later one.

        What that leaves unsaid is still due, for the next call.
        """
        starts = [one.next_at for one in claimed]
        places = {one.key: place for place, one in enumerate(claimed)}
        horizon = self._cut(claimed, until)

        async def say(keys: Sequence[Key]) -> None:
            nonlocal horizon
            first, after = places[keys[0]], places[keys[-1]] + 1
            cut = min(horizon, starts[after]) if after < len(starts) else horizon
            if starts[first] <= cut:
                left = await self._say(cut, keys, [])
                horizon = min([horizon, *left])

        await apply_apart(list(places), say, self._put_off)

    async def _say(self, until: datetime, among: Sequence[Key] | None, claimed: list[Claimed]) -> list[datetime]:
        """Claim, and say what is due. Answers when there is something to be said again of what was claimed."""
        async with self._database.transaction() as tx:
            claimed += await claim_due(tx.connection, until, limit=self._batch, among=among)
            if not claimed:
                return []
            failpoint("sla.after_claim")
            cut = until if among is not None else self._cut(claimed, until)
            now = max(self._clock.now(), cut)  # it may have been set back since `until` was taken from it
            words, marks = _speak([one.read() for one in claimed], cut)
            new = await save_alerts(tx.connection, [said for _, said in words], now)
            for due, said in words:
                if said.key in new:
                    data = notice(said.clock, said.alarm, said.moment, reference=due.reference)
                    publish(tx, data, due.tenant, due.ticket_id, now, self._identifiers)
            await save_marks(tx.connection, marks)
        self._spoken.count([said for _, said in words if said.key in new], now)
        moments = (next_moment(due.clock, alarm) for due, alarm in marks)
        return [moment.at for moment in moments if moment is not None]

    def _cut(self, claimed: Sequence[Claimed], until: datetime) -> datetime:
        return until if len(claimed) < self._batch else claimed[-1].next_at

    async def _put_off(self, key: Key, error: Exception) -> None:
        now = self._clock.now()
        until = now + timedelta(seconds=PUT_OFF_SECONDS)
        try:
            async with self._database.transaction() as tx:
                await put_off(tx.connection, key, now, until)
        except Exception as refused:
            if is_redo(refused):
                return  # it is still due, and put off at the next look
            raise
        self._spoken.put_off.inc()
        _log.error(
            "clock_put_off", tenant=key[0], ticket=str(key[1]), place=key[2], until=until.isoformat(), exc_info=error
        )

    async def _consumed_until(self, settled: datetime | None) -> datetime | None:
        was_cut_off, loop = self._cut_off, asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            depth = await self._bus.depth(QUEUE)
            self._cut_off = False
        except BusError:
            self._cut_off = True
        if self._cut_off or was_cut_off or loop.time() - asked_at > ANSWER_SECONDS:
            # What was to be sent meanwhile needs its time, too, from when the broker is back.
            self._settling.begin_again(hold_seconds=AFTER_OUTAGE_SECONDS)
            return None
        if depth == 0 or settled is None:
            return settled
        return None if self._followed.until is None else min(settled, self._followed.until)

    def _earlier_time(self, real: datetime) -> datetime:
        """The business time by this machine's clock, or by the database's, at `real`, if that is earlier."""
        here, there = self._clock.now(), self._clock.at(real)
        agree = abs(here - there) < self._clock.reach(CLOCKS_APART_SECONDS) - here
        if agree != self._clocks_agree:
            self._clocks_agree = agree
            level = logging.INFO if agree else logging.WARNING
            _log.log(level, "clocks_agree" if agree else "clocks_apart", here=str(here), database=str(there))
        return min(here, there)

    async def _sleep(self, due_at: datetime | None, now: datetime) -> None:
        if due_at is not None and due_at <= self._clock.now():
            # It may have come by this machine's clock alone: at once by the other, too, unless they are far apart.
            soon = due_at <= now or self._clocks_agree
            await asyncio.sleep(SETTLING_LOOK_SECONDS if soon else LOOK_SECONDS)
        else:
            longest = LONGEST_SLEEP_SECONDS if self._wakeups.is_listening else LOOK_SECONDS
            await self._clock.sleep_until(due_at or now + _FAR, at_most_seconds=longest)


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
