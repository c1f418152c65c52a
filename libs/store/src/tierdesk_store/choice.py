"""Which waiting rows may be decided in a transaction: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tierdesk_store.agenda import Progress
from tierdesk_store.arrival import Arrival, Cause, Order, StreamKey, Subject
from tierdesk_store.waiting import WaitingRow


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows may be decided in this transaction, in order; those cut off by the limit; and who blocks whom."""

    chosen: list[WaitingRow]
    cut: list[WaitingRow]
    blockers: dict[Subject, set[Order]]


def choose(
    rows: Sequence[WaitingRow],
    fresh: Iterable[Arrival],
    progress: Mapping[StreamKey, Progress],
    *,
    limit: int,
    alone: int | None = None,
) -> Choice:
    """Choose the rows that can be reached from what is applied and what just came; with `alone`, only that one.

    A superset is right: what turns out to have to wait goes on waiting.
    """
    blockers: dict[Subject, set[Order]] = defaultdict(set)
    for row in rows:
        if row.cause is Cause.RETRY and not row.is_due:
            blockers[row.subject].add(row.order)
    reached = _reach(rows, fresh, progress)
    eligible = [
        row
        for row in rows
        if row.order not in blockers[row.subject]
        and not any(order < row.order for order in blockers[row.subject])
        and (row.stream is None or row.position in reached)
    ]
    # By turns, since what only goes on waiting becomes due later; else along a stream rather than by arrival, since a
    # cut must not take successors and leave their predecessor.
    eligible.sort(key=lambda row: (row.due_at, reached.get(row.position, 0), row.position))
    chosen, cut = eligible[:limit], eligible[limit:]
    if alone is not None:
        chosen = [row for row in eligible if row.position == alone]
        cut = [row for row in eligible if row.position != alone and row.is_due]
    # One that was put off since its process may have died of it is not due, and its successors must not overtake it.
    left = cut if alone is None else [row for row in eligible if row.position != alone]
    for row in left:
        if row.cause in {Cause.RETRY, Cause.BEHIND}:
            blockers[row.subject].add(row.order)
    return Choice(sorted(chosen, key=lambda row: row.position), cut, dict(blockers))


def _reach(
    rows: Sequence[WaitingRow], fresh: Iterable[Arrival], progress: Mapping[StreamKey, Progress]
) -> dict[int, int]:
    """The positions of ordered rows that follow on without a gap, or are superseded, with their place in the walk."""
    spans: dict[StreamKey, dict[int, int]] = defaultdict(dict)
    ordered: dict[StreamKey, dict[int, WaitingRow]] = defaultdict(dict)
    for row in rows:
        if row.stream is not None:
            spans[row.stream][row.first] = row.last
            ordered[row.stream][row.first] = row
    for arrival in fresh:
        if arrival.stream in ordered:
            spans[arrival.stream].setdefault(arrival.first, arrival.last)
    reached: dict[int, int] = {}
    for stream, by_first in ordered.items():
        now = progress[stream]
        if now.held_last is None:
            place, sequence = 0, now.sequence
            while (last := spans[stream].get(sequence + 1)) is not None:
                place += 1
                next_row = by_first.get(sequence + 1)
                if next_row is not None:
                    reached[next_row.position] = place
                sequence = last
        passed = max(now.sequence, now.held_last or 0)
        reached.update({row.position: 0 for row in by_first.values() if row.first <= passed})
    return reached
