"""Which messages of a batch are applied, in which order, and what becomes of the others: pure.

Messages are taken in the order in which they came. One that cannot be applied yet is taken again, in the same
transaction, each time another message of its subject has reached its end.
"""

from __future__ import annotations

import logging
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tierdesk_store.arrival import Arrival, Cause, Order, StreamKey, Subject
from tierdesk_store.errors import GapError, PermanentError, TransientError
from tierdesk_store.negative_controls import UNSAFE

MAX_TRIES: Final = 12
"""With delays that double from one second up to a minute: about seven minutes."""
LONGEST_RETRY_SECONDS: Final = 60.0
LOOK_AGAIN_SECONDS: Final = 60.0
"""How often a message that waits for another is looked at although nothing has happened to its subject."""
_LOG = logging.getLogger(__name__)


class Fate(StrEnum):
    """What became of a message in this transaction."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"
    """It was applied, or is accounted for elsewhere, before."""
    PARKED = "parked"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Settled:
    """A message and its fate; the rest says how it waits, or why it is parked."""

    arrival: Arrival
    fate: Fate
    cause: Cause | None = None
    reason: str = ""
    detail: str = ""
    delay_seconds: float = LOOK_AGAIN_SECONDS
    attempts: int = 0


@dataclass(slots=True)
class Progress:
    """How far a stream is applied. While a message of it is parked, `held_last` is the last sequence of that one."""

    sequence: int = 0
    held_last: int | None = None


class Agenda:
    """One pass over the messages of a batch.

    `decide` decides one message and may raise. `blockers` are the messages of each subject that wait for a retry and
    are not on the agenda. `doomed` names messages to park unseen, with the reason. `draw` draws from [0, 1) and
    spreads retries.
    """

    def __init__(
        self,
        *,
        progress: dict[StreamKey, Progress],
        decide: Callable[[Arrival], None],
        blockers: Mapping[Subject, Iterable[Order]],
        doomed: Mapping[Order, str],
        draw: Callable[[], float],
    ) -> None:
        self.settled: list[Settled] = []
        self._progress = progress
        self._decide = decide
        self._blockers = defaultdict(set, {subject: set(orders) for subject, orders in blockers.items()})
        self._doomed = doomed
        self._draw = draw
        self._pending: dict[Subject, list[Arrival]] = defaultdict(list)
        self._said: dict[Order, TransientError] = {}

    def run(self, arrivals: Sequence[Arrival]) -> list[Settled]:
        """Settle every one of `arrivals`, which stand in order."""
        for arrival in arrivals:
            if arrival.cause is Cause.RETRY:
                self._blockers[arrival.subject].add(arrival.order)
        for arrival in arrivals:
            if self._take(arrival):
                self._take_again(arrival.subject)
        for pending in self._pending.values():
            self.settled.extend(self._wait(arrival) for arrival in sorted(pending, key=lambda a: a.order))
        return self.settled

    def _take_again(self, subject: Subject) -> None:
        """Take what waits in this batch for the subject, until nothing more moves."""
        moved = True
        while moved and (pending := self._pending.pop(subject, None)):
            moved = False
            for arrival in sorted(pending, key=lambda a: a.order):
                moved = self._take(arrival) or moved

    def _take(self, arrival: Arrival) -> bool:
        """Take one message; answers whether it reached its end."""
        if self._is_superseded(arrival):
            self._end(arrival, Fate.SUPERSEDED)
            return True
        said = self._said.get(arrival.order)
        if self._obstacle(arrival) is not None or (said is not None and not isinstance(said, GapError)):
            self._pending[arrival.subject].append(arrival)
            return False
        refusal = arrival.refusal or self._doomed.get(arrival.order) or self._overlap(arrival)
        if refusal is not None:
            self._park(arrival, refusal)
            return True
        return self._try(arrival)

    def _try(self, arrival: Arrival) -> bool:
        self._said.pop(arrival.order, None)
        try:
            self._decide(arrival)
        except TransientError as error:
            attempts = self._attempts(arrival)
            if attempts >= MAX_TRIES:
                self._park(arrival, f"tried {attempts} times: {error.reason}")
                return True
            self._said[arrival.order] = error
            blockers = self._blockers[arrival.subject]
            (blockers.discard if isinstance(error, GapError) else blockers.add)(arrival.order)
            self._pending[arrival.subject].append(arrival)
            return False
        except PermanentError as error:
            self._park(arrival, error.reason)
        except Exception as error:  # noqa: BLE001 - a defect of the handler must not stop the other messages
            _LOG.exception("deciding %s %s failed", arrival.type, arrival.message_id)
            self._park(arrival, f"{type(error).__name__}: {error}", detail=traceback.format_exc())
        else:
            if arrival.stream is not None:
                progress = self._progress[arrival.stream]
                progress.sequence = max(progress.sequence, arrival.last)
            self._end(arrival, Fate.APPLIED)
        return True

    def _park(self, arrival: Arrival, reason: str, *, detail: str = "") -> None:
        if arrival.stream is not None:
            self._progress[arrival.stream].held_last = arrival.last
        self._end(arrival, Fate.PARKED, reason=reason, detail=detail)

    def _end(self, arrival: Arrival, fate: Fate, *, reason: str = "", detail: str = "") -> None:
        self._blockers[arrival.subject].discard(arrival.order)
        self.settled.append(Settled(arrival, fate, reason=reason, detail=detail, attempts=self._attempts(arrival)))

    def _is_superseded(self, arrival: Arrival) -> bool:
        if arrival.stream is None or UNSAFE.no_inbox:
            return False
        progress = self._progress[arrival.stream]
        if UNSAFE.no_gap_wait:
            return arrival.last == progress.sequence
        return arrival.last <= max(progress.sequence, progress.held_last or 0)

    def _overlap(self, arrival: Arrival) -> str | None:
        """No sender of ours cuts its stream in two ways; to guess which part is new would be to lose or to repeat."""
        if arrival.stream is None or UNSAFE.no_inbox or UNSAFE.no_gap_wait:
            return None
        sequence = self._progress[arrival.stream].sequence
        if arrival.first > sequence:
            return None
        return f"sequence: covers {arrival.first} to {arrival.last}, but {sequence} is applied already"

    def _obstacle(self, arrival: Arrival) -> Cause | None:
        if arrival.stream is not None:
            progress = self._progress[arrival.stream]
            if progress.held_last is not None:
                return Cause.HELD
            if arrival.first > progress.sequence + 1 and not UNSAFE.no_gap_wait:
                return Cause.GAP
        if any(order < arrival.order for order in self._blockers[arrival.subject]):
            return Cause.BEHIND
        return None

    def _wait(self, arrival: Arrival) -> Settled:
        said = self._said.get(arrival.order)
        if said is None:
            obstacle = self._obstacle(arrival)
            delay = 0.0 if obstacle is None else LOOK_AGAIN_SECONDS
            return Settled(
                arrival, Fate.WAITING, obstacle or Cause.BEHIND, delay_seconds=delay, attempts=arrival.attempts
            )
        attempts = self._attempts(arrival)
        delay = min(said.retry_in_seconds * 2 ** max(attempts - 1, 0), LONGEST_RETRY_SECONDS)
        return Settled(
            arrival,
            Fate.WAITING,
            Cause.EARLY if isinstance(said, GapError) else Cause.RETRY,
            reason=said.reason,
            delay_seconds=delay * (0.9 + 0.2 * self._draw()),
            attempts=attempts,
        )

    @staticmethod
    def _attempts(arrival: Arrival) -> int:
        """A look before its time at one that waits for a predecessor does not count against it."""
        return arrival.attempts + (arrival.is_due or arrival.cause is not Cause.EARLY)
