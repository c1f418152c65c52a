"""In which order the relay publishes a page of the outbox: pure.

Order is kept per pair of subject and destination: two messages of one pair are never in flight together, and one
whose predecessor of the same pair is not stored is not sent. So a page goes out in waves. Beyond that promise, a
subject's messages to one exchange never change places between waves while all goes well, since a queue is often
bound to several keys.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tierdesk_bus.port import Address, PublishResult
from tierdesk_store.outbox import OutboxRow

Pair = tuple[str, Address]


class Waves:
    """The waves of one page; `rows` stand in order of position within each partition.

    Of a destination in `probed`, which refused before, one message alone is sent, to see whether it takes again.
    """

    def __init__(self, rows: Sequence[OutboxRow], probed: Collection[Address] = ()) -> None:
        self._left = list(rows)
        self._probed = set(probed)
        self._tried: set[Address] = set()
        self._refusing: set[Address] = set()
        self._stuck: set[Pair] = set()

    def next(self) -> list[OutboxRow]:
        """The next rows to publish together, in order; empty when nothing more may be sent."""
        wave: list[OutboxRow] = []
        later: list[OutboxRow] = []
        in_flight: set[Pair] = set()
        overtaken: set[tuple[str, str, str]] = set()
        for row in self._left:
            pair = (row.subject, row.destination)
            if not self._may_be_sent(pair):
                continue
            road = (row.subject, row.destination.namespace, row.destination.exchange)
            if pair in in_flight or road in overtaken:
                overtaken.add(road)
                later.append(row)
                continue
            in_flight.add(pair)
            if row.destination in self._probed:
                self._tried.add(row.destination)
            wave.append(row)
        self._left = later
        return wave

    def settle(self, wave: Sequence[OutboxRow], results: Sequence[PublishResult]) -> list[OutboxRow]:
        """Learn each one's fate; answers the confirmed rows."""
        confirmed: list[OutboxRow] = []
        for row, result in zip(wave, results, strict=True):
            if result is PublishResult.CONFIRMED:
                confirmed.append(row)
            else:
                self._stuck.add((row.subject, row.destination))
                self._refusing.add(row.destination)
        return confirmed

    def _may_be_sent(self, pair: Pair) -> bool:
        destination = pair[1]
        if pair in self._stuck or destination in self._refusing:
            return False
        return not (destination in self._probed and destination in self._tried)
