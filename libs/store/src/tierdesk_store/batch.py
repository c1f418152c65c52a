"""One batch of messages in one transaction: locked, decided, saved, accounted for.

Locks are taken in one order by everybody: streams, inbox entries, waiting rows, and then whatever the handler locks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tierdesk_store import inbox, waiting
from tierdesk_store.agenda import LOOK_AGAIN_SECONDS, Agenda, Fate, Progress, Settled
from tierdesk_store.arrival import Arrival, Cause, Order, StreamKey, read_arrival
from tierdesk_store.choice import Choice, choose
from tierdesk_store.database import Database, Transaction
from tierdesk_store.handler import Handler, Received
from tierdesk_store.negative_controls import UNSAFE
from tierdesk_store.parking import insert_parked
from tierdesk_store.sequences import lock_streams, store_progress
from tierdesk_store.waiting import Postponement, Turn, WaitingRow

ROW_LIMIT: Final = 400
"""So many waiting rows may be taken along in one transaction; the rest are due at once."""
_BLOCKED_SECONDS: Final = 5.0


@dataclass(slots=True)
class Counts:
    """What became of a consumer's messages so far; `redone` counts transactions begun anew through no one's fault."""

    applied: int = 0
    superseded: int = 0
    parked: int = 0
    waiting: int = 0
    redone: int = 0

    def add(self, settled: Iterable[Settled]) -> None:
        """Count these fates."""
        fates = Counter(s.fate for s in settled)
        self.applied += fates[Fate.APPLIED]
        self.superseded += fates[Fate.SUPERSEDED]
        self.parked += fates[Fate.PARKED]
        self.waiting += fates[Fate.WAITING]


class Batch:
    """Deliveries, the waiting rows of their subjects, or both, decided and saved in one transaction.

    `fresh` are deliveries; the rows of `turn`'s subjects are looked at too. At most `row_limit` waiting rows are
    decided. `doomed` names messages to park unseen. After a failure, `loaded` names those that may be at fault.
    """

    def __init__(
        self,
        database: Database,
        handler: Handler[Any],
        fresh: Sequence[Arrival],
        *,
        draw: Callable[[], float],
        doomed: Mapping[Order, str],
        turn: Turn | None = None,
        row_limit: int = ROW_LIMIT,
    ) -> None:
        self.loaded: list[Arrival] = []
        self._database = database
        self._handler = handler
        self._consumer = handler.name
        self._fresh = fresh
        self._draw = draw
        self._doomed = doomed
        self._turn = turn or Turn([])
        self._row_limit = row_limit

    async def apply(self) -> list[Settled]:
        """Do it all and commit; answers every delivery's fate, and the fates of the rows that were taken along.

        Raises `DatabaseUnavailableError`, or whatever the handler's `load` or `save` raised; then nothing happened,
        unless the error says that the commit is unknown.
        """
        self.loaded = []
        async with self._database.transaction() as tx:
            subjects = {*self._turn.subjects, *(arrival.subject for arrival in self._fresh)}
            streams = await lock_streams(tx, self._consumer, wanted=_last_of_each(self._fresh), subjects=subjects)
            progress = streams.progress
            fresh, repeated = await self._tell_repeated(tx)
            rows = [self._taken_up(row) for row in await waiting.lock_rows(tx, self._consumer, subjects)]
            choice = choose(rows, fresh, progress, limit=self._row_limit, alone=self._turn.alone)
            arrivals = [*await self._read_rows(tx, choice.chosen), *fresh]
            settled = await self._decide(tx, arrivals, progress, choice)
            await self._hasten_unseen(tx, settled, rows)
            await self._account(tx, settled, _left_alone(rows, choice, progress))
            await store_progress(tx, self._consumer, streams)
        return [*settled, *repeated]

    def _taken_up(self, row: WaitingRow) -> WaitingRow:
        """The row that is tried alone is due, though it was put off for the case that this process dies of it."""
        return replace(row, is_due=True) if row.position == self._turn.alone else row

    async def _tell_repeated(self, tx: Transaction) -> tuple[list[Arrival], list[Settled]]:
        """Which deliveries are new, and which unordered ones are accounted for already, here or earlier."""
        keys = {(a.namespace, a.inbox_id) for a in self._fresh if a.stream is None}
        unclaimed = await inbox.claim(tx, self._consumer, keys)
        if UNSAFE.no_inbox:
            return list(self._fresh), []
        fresh, repeated = [], []
        for arrival in self._fresh:
            key = (arrival.namespace, arrival.inbox_id)
            if arrival.stream is not None or key in unclaimed:
                unclaimed.discard(key)
                fresh.append(arrival)
            else:
                repeated.append(Settled(arrival, Fate.SUPERSEDED))
        return fresh, repeated

    async def _read_rows(self, tx: Transaction, rows: Sequence[WaitingRow]) -> list[Arrival]:
        if not rows:
            return []
        bodies = await waiting.load_bodies(tx, rows)
        return [
            replace(
                read_arrival(
                    bodies[row.position],
                    order=row.order,
                    namespace=row.namespace,
                    queue=row.queue,
                    accepts=self._handler.accepts,
                    type_hint=row.type,
                    first_seen_at=row.first_seen_at,
                    waited_seconds=row.waited_seconds,
                    attempts=row.attempts,
                    cause=row.cause,
                    is_due=row.is_due,
                ),
                # What it was entered as holds, whatever this release reads in it.
                subject=row.subject,
                stream=row.stream,
                first=row.first,
                last=row.last,
            )
            for row in rows
        ]

    async def _decide(
        self,
        tx: Transaction,
        arrivals: Sequence[Arrival],
        progress: dict[StreamKey, Progress],
        choice: Choice,
    ) -> list[Settled]:
        received = {
            a.order: Received(a.envelope, a.namespace, a.queue, a.waited_seconds, a.attempts, body=a.body)
            for a in arrivals
            if a.envelope is not None and not a.refusal and a.order not in self._doomed and _is_open(a, progress)
        }
        self.loaded = [arrival for arrival in arrivals if arrival.order in received]
        state = await self._handler.load(tx, list(received.values())) if received else None
        agenda = Agenda(
            progress=progress,
            decide=lambda arrival: self._handler.decide(state, received[arrival.order]),
            blockers=choice.blockers,
            doomed=self._doomed,
            draw=self._draw,
        )
        settled = agenda.run(arrivals)
        if any(s.fate is Fate.APPLIED for s in settled):
            await self._handler.save(tx, state)
        return settled

    async def _hasten_unseen(self, tx: Transaction, settled: Sequence[Settled], rows: Sequence[WaitingRow]) -> None:
        """Have successors of what was applied looked at now that came to wait after this batch had read its rows.

        No stream makes the consumers of unordered messages take turns. Whoever decided meanwhile that a message is
        early held the handler's lock, for which this batch then waited; its row is there by now.
        """
        subjects = {s.arrival.subject for s in settled if s.fate is Fate.APPLIED and s.arrival.stream is None}
        if subjects:
            await waiting.hasten_rows(tx, self._consumer, subjects, known=[row.position for row in rows])

    async def _account(self, tx: Transaction, settled: Sequence[Settled], left_alone: list[Postponement]) -> None:
        """Write what became of each: rows that wait, rows that are done, parked messages."""
        to_wait = [s for s in settled if s.fate is Fate.WAITING and not s.arrival.is_row]
        if to_wait:
            await waiting.insert_rows(tx, self._consumer, to_wait)
        postponed = left_alone + [
            Postponement(s.arrival.order[1], s.cause or Cause.BEHIND, s.reason, s.attempts, s.delay_seconds, True)
            for s in settled
            if s.fate is Fate.WAITING and s.arrival.is_row and (s.arrival.is_due or s.cause is not s.arrival.cause)
        ]
        if postponed:
            await waiting.postpone_rows(tx, postponed)
        done = [s.arrival.order[1] for s in settled if s.fate is not Fate.WAITING and s.arrival.is_row]
        if done:
            await waiting.delete_rows(tx, done)
        parked = [s for s in settled if s.fate is Fate.PARKED]
        if parked:
            await insert_parked(tx, self._consumer, parked)


def _last_of_each(arrivals: Iterable[Arrival]) -> dict[StreamKey, int]:
    """The streams of these, each with the last sequence that came of it."""
    last: dict[StreamKey, int] = {}
    for arrival in arrivals:
        if arrival.stream is not None:
            last[arrival.stream] = max(arrival.last, last.get(arrival.stream, 0))
    return last


def _is_open(arrival: Arrival, progress: Mapping[StreamKey, Progress]) -> bool:
    """Whether it may be decided at all: not when it is applied already, or held by a parked one."""
    if arrival.stream is None or UNSAFE.no_inbox or UNSAFE.no_gap_wait:
        return True
    now = progress[arrival.stream]
    return now.held_last is None and arrival.last > now.sequence


def _left_alone(
    rows: Iterable[WaitingRow], choice: Choice, progress: Mapping[StreamKey, Progress]
) -> list[Postponement]:
    """Rows that were due and could not be chosen, and those cut off, which are due at once."""
    cut = {row.position for row in choice.cut}
    chosen = {row.position for row in choice.chosen}
    return [
        Postponement(row.position, row.cause, "", row.attempts, 0.0, was_tried=False)
        if row.position in cut
        else Postponement(row.position, _cause_now(row, progress), "", row.attempts, _pause(row), was_tried=True)
        for row in rows
        if row.position not in chosen and (row.is_due or row.position in cut)
    ]


def _cause_now(row: WaitingRow, progress: Mapping[StreamKey, Progress]) -> Cause:
    if row.cause is Cause.GAP and row.stream is not None and progress[row.stream].held_last is not None:
        return Cause.HELD
    if row.cause is Cause.HELD and row.stream is not None and progress[row.stream].held_last is None:
        return Cause.GAP
    return row.cause


def _pause(row: WaitingRow) -> float:
    return _BLOCKED_SECONDS if row.cause in {Cause.RETRY, Cause.EARLY} else LOOK_AGAIN_SECONDS
