"""The table of a consumer's work: what each message from the desk means for it.

Every message is taken off the queue as it comes, however many offers wait. There is one queue, so the desk's answers,
the requester's replies and the withdrawals stand behind all offers made before them: a consumer that left offers in
the queue until it had a worker free would wait for ever for an answer that stands behind them. So offers wait here.
A bounded number of them is held unacknowledged, and goes back to the queue if this process dies. Offers beyond that
are acknowledged and wait in memory alone: if this process dies, the desk offers them again when nobody has accepted
them in time.

The desk repeats its messages when the bus has lost its data, and then outcomes may be lost with them. So a repeated
assignment lets all be said again that was said of it, whether the work goes on or has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from tierdesk_bus import Delivery, Message
from tierdesk_contracts import AnyEnvelope
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_contracts.work import OutcomeRejected, Work, WorkAssigned, WorkOffered, WorkUpdated, WorkWithdrawn
from tierdesk_tier.assignment import Assignment, Key
from tierdesk_tier.errors import WorkLostError
from tierdesk_tier.memory import Memory

log = logging.getLogger(__name__)

RESTARTS: Final = 3
"""How often work is begun again because its last step was refused; then people must look."""

_LOSSES: Final = frozenset({RejectReason.STALE, RejectReason.NOT_OWNER, RejectReason.FOREIGN})


class Table:
    """Assignments by key. The caller starts what `take_next` answers, and calls `finish` when it has ended."""

    def __init__(
        self,
        *,
        choose_worker: Callable[[WorkOffered], str | None],
        settle: Callable[[Sequence[Delivery]], None],
        say_again: Callable[[Key, Sequence[Message], Delivery], None],
        most_held: int,
    ) -> None:
        """`choose_worker` answers None to decline; `settle` acknowledges, now or soon.

        `say_again` publishes these once more, in order, and then settles the delivery.
        """
        self._choose_worker = choose_worker
        self._settle = settle
        self._say_again = say_again
        self._most_held = most_held
        self._holding = 0
        self._assignments: dict[Key, Assignment] = {}
        self._ready: deque[Key] = deque()
        self._offered: OrderedDict[Key, None] = OrderedDict()
        self._ended = Memory()

    def take(self, envelope: AnyEnvelope, delivery: Delivery) -> None:
        """Do what the message says."""
        match envelope.data:
            case WorkOffered():
                self._on_offered(envelope, delivery)
            case WorkAssigned():
                self._on_assigned(envelope, delivery)
            case WorkUpdated():
                self._on_updated(envelope, delivery)
            case WorkWithdrawn():
                self._on_withdrawn(envelope.data, delivery)
            case OutcomeRejected():
                self._on_rejected(envelope, delivery)
            case _:
                log.warning("a %s is no message for a tier; left aside", envelope.type)
                self._settle([delivery])

    def take_next(self) -> Assignment | None:
        """What to start next: work that is ours already first, then the oldest offer."""
        if self._ready:
            return self._assignments[self._ready.popleft()]
        if self._offered:
            return self._assignments[self._offered.popitem(last=False)[0]]
        return None

    def release(self, assignment: Assignment, message_id: UUID) -> None:
        """Acknowledge one message of it, if it is still held."""
        delivery = assignment.held.pop(message_id, None)
        if delivery is not None:
            self._holding -= 1
            self._settle([delivery])

    def finish(self, assignment: Assignment) -> None:
        """It has ended: acknowledge what was held; begin it again if its last step was refused meanwhile."""
        del self._assignments[assignment.key]
        self._holding -= len(assignment.held)
        ledger = assignment.ledger if assignment.lost is None else None
        self._ended.keep(assignment.key, () if ledger is None else ledger.said)
        last = None if ledger is None else ledger.last_id
        if last in assignment.refusing:
            refusing = assignment.refusing[last]
            self._begin_again(refusing, assignment.held.pop(refusing.id, None))
        self._settle(list(assignment.held.values()))

    def _on_offered(self, envelope: AnyEnvelope, delivery: Delivery) -> None:
        key = _key(envelope.data)
        assignment = self._assignments.get(key)
        if assignment is not None:
            self._hold_again(assignment, envelope.id, delivery)
            return
        if key in self._ended:
            self._on_ended(key, delivery)
            return
        worker = self._choose_worker(envelope.data)
        if worker is None:
            self._settle([delivery])
            return
        assignment = self._add(envelope, worker)
        self._hold_if_room(assignment, envelope.id, delivery)
        self._offered[key] = None

    def _on_assigned(self, envelope: AnyEnvelope, delivery: Delivery) -> None:
        """The desk's answer; or, of work that this process does not know, what an earlier one left unfinished."""
        data: WorkAssigned = envelope.data
        key = _key(data)
        if key in self._ended and key not in self._assignments:
            self._on_ended(key, delivery)
            return
        assignment = self._assignments.get(key)
        if assignment is None:
            assignment = self._add(envelope, data.worker)
            self._ready.append(key)
        elif key in self._offered:
            del self._offered[key]
            self._ready.append(key)
        if assignment.assigned is None:
            # It may name another worker than was asked for: the one for whom an earlier process had accepted.
            assignment.assigned, assignment.worker = data, data.worker
            assignment.traceparent = envelope.traceparent or assignment.traceparent
            assignment.answered.set()
            self._hold(assignment, envelope.id, delivery)
        else:
            self._hold_again(assignment, envelope.id, delivery)
            if assignment.ledger is not None and assignment.lost is None:
                assignment.repairs.add(asyncio.create_task(assignment.ledger.repeat()))

    def _on_ended(self, key: Key, delivery: Delivery) -> None:
        said = self._ended.said(key)
        if said:
            self._say_again(key, said, delivery)
        else:
            self._settle([delivery])

    def _on_updated(self, envelope: AnyEnvelope, delivery: Delivery) -> None:
        assignment = self._assignments.get(_key(envelope.data))
        if assignment is None:
            self._settle([delivery])
        elif envelope.id in assignment.updates:
            self._hold_again(assignment, envelope.id, delivery)
        else:
            assignment.updates[envelope.id] = envelope.data
            self._hold_if_room(assignment, envelope.id, delivery)
            if assignment.job is not None:
                assignment.job.tell(envelope.data)

    def _on_withdrawn(self, data: WorkWithdrawn, delivery: Delivery) -> None:
        self._settle([delivery])
        assignment = self._assignments.get(_key(data))
        if assignment is not None:
            self._lose(assignment, WorkLostError(data.reason))

    def _on_rejected(self, envelope: AnyEnvelope, delivery: Delivery) -> None:
        data: OutcomeRejected = envelope.data
        assignment = self._assignments.get(_key(data))
        if assignment is None and data.reason not in _LOSSES:
            self._begin_again(envelope, delivery)
        elif assignment is None or data.worker != assignment.worker:
            self._settle([delivery])
        elif data.reason in _LOSSES:
            self._settle([delivery])
            self._lose(assignment, WorkLostError(data.reason, data.detail))
        elif envelope.id in assignment.held:
            self._hold_again(assignment, envelope.id, delivery)
        else:
            self._hold_if_room(assignment, envelope.id, delivery)
            self._mend(assignment, envelope)

    def _mend(self, assignment: Assignment, envelope: AnyEnvelope) -> None:
        """Note the refusal, which may be that of a message yet to be said again here; see `Ledger`."""
        data: OutcomeRejected = envelope.data
        log.info("%s of %s: ordinal %d refused: %s", assignment.worker, assignment.subject, data.ordinal, data.detail)
        assignment.refusals[data.outcome_id] = data
        assignment.refusing[data.outcome_id] = envelope
        if assignment.ledger is not None:
            assignment.repairs.add(asyncio.create_task(assignment.ledger.mend(data.outcome_id)))

    def _begin_again(self, envelope: AnyEnvelope, delivery: Delivery | None) -> None:
        """Ask for the work again, to go on where the desk stands; not if that was done often enough."""
        refused: OutcomeRejected = envelope.data
        key = _key(refused)
        restarts = self._ended.count_restart(key)
        if restarts >= RESTARTS:
            log.error(
                "%s of %s: refused again after %d restarts, so it stays with its worker until somebody looks: %s",
                refused.worker, envelope.subject, restarts, refused.detail,
            )  # fmt: skip
            self._settle([] if delivery is None else [delivery])
            return
        assignment = self._add(envelope, refused.worker)
        assignment.is_again = True
        # What is said again as before must not go out under the identifier that the desk has read and refused.
        assignment.refusals[refused.outcome_id] = refused
        if refused.reason not in {RejectReason.REPEATED, RejectReason.GAP}:
            assignment.refused = refused
        if delivery is not None:
            self._hold(assignment, envelope.id, delivery)
        self._ready.append(key)

    def _add(self, envelope: AnyEnvelope, worker: str) -> Assignment:
        assignment = Assignment(
            key=_key(envelope.data),
            subject=envelope.subject,
            tenant=envelope.tenant,
            traceparent=envelope.traceparent,
            worker=worker,
            request=envelope.id,
        )
        self._assignments[assignment.key] = assignment
        return assignment

    def _lose(self, assignment: Assignment, error: WorkLostError) -> None:
        log.info("%s of %s: lost, %s", assignment.worker, assignment.subject, error)
        assignment.lose(error)
        if assignment.task is None:
            self._offered.pop(assignment.key, None)
            if assignment.key in self._ready:
                self._ready.remove(assignment.key)
            self.finish(assignment)

    def _hold(self, assignment: Assignment, message_id: UUID, delivery: Delivery) -> None:
        assignment.held[message_id] = delivery
        self._holding += 1

    def _hold_if_room(self, assignment: Assignment, message_id: UUID, delivery: Delivery) -> None:
        if self._holding < self._most_held:
            self._hold(assignment, message_id, delivery)
        else:
            self._settle([delivery])

    def _hold_again(self, assignment: Assignment, message_id: UUID, delivery: Delivery) -> None:
        """A message that came before: if it is held, its newer delivery is, for the older may have been taken back."""
        older = assignment.held.get(message_id)
        if older is not None:
            assignment.held[message_id] = delivery
        self._settle([delivery if older is None else older])


def _key(work: Work) -> Key:
    return work.assignment_id, work.token
