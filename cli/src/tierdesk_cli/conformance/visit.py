"""One piece of work, offered to the consumer under test: what is said of it, and what the desk answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tierdesk_contracts import AnyEnvelope
from tierdesk_contracts.outcome import (
    Outcome,
    WorkAccepted,
    WorkEscalated,
    WorkResolved,
    WorkReturned,
    WorkTransferred,
)
from tierdesk_contracts.vocabulary import Contract, OfferReason, RejectReason, WithdrawReason
from tierdesk_contracts.work import Case, OutcomeRejected, WorkAssigned, WorkOffered, WorkWithdrawn

ENDINGS: Final = (WorkResolved, WorkEscalated, WorkTransferred, WorkReturned)


@dataclass(slots=True)
class Visit:
    """As strict as the router is, and it answers at once what the router would answer in its own time."""

    ticket: str
    assignment_id: UUID
    token: int
    case: Case
    assigns: bool = True
    """Whether an acceptance is answered with an assignment."""
    loses: int | None = None
    """The ordinal that never arrives the first time, as if the broker had lost it; what comes after it meets a gap."""
    worker: str | None = None
    last_ordinal: int = 0
    is_over: bool = False
    heard: list[AnyEnvelope] = field(default_factory=list)
    """All that was said of it, repeats too."""
    applied: list[AnyEnvelope] = field(default_factory=list)
    lost: AnyEnvelope | None = None
    gap: OutcomeRejected | None = None
    """The refusal of what came after the lost one."""
    _read: set[UUID] = field(default_factory=set)
    _early: dict[int, AnyEnvelope] = field(default_factory=dict)

    @property
    def is_ended(self) -> bool:
        """Whether the consumer itself ended it."""
        return bool(self.applied) and isinstance(self.applied[-1].data, ENDINGS)

    @property
    def is_accepted(self) -> bool:
        """Whether anything was said of it that took effect."""
        return bool(self.applied)

    def offer(self) -> WorkOffered:
        """The message that offers it."""
        return WorkOffered(
            assignment_id=self.assignment_id,
            token=self.token,
            tier="l4",
            group="conformance",
            reason=OfferReason.TRIAGE,
            case=self.case,
        )

    def assignment(self, last_ordinal: int = 1) -> WorkAssigned:
        """The answer to an acceptance; sent again with 1, it is that of a bus that has lost its disk."""
        return WorkAssigned(
            assignment_id=self.assignment_id,
            token=self.token,
            worker=self.worker or "nobody",
            last_ordinal=last_ordinal,
            case=self.case,
        )

    def withdraw(self) -> WorkWithdrawn:
        """Take it back."""
        self.is_over = True
        return WorkWithdrawn(assignment_id=self.assignment_id, token=self.token, reason=WithdrawReason.CANCELLED)

    def take(self, envelope: AnyEnvelope) -> Iterator[Contract]:
        """Judge what was said; yields the desk's answers."""
        self.heard.append(envelope)
        outcome: Outcome = envelope.data
        if envelope.id in self._read:
            return
        if outcome.ordinal == self.loses and self.lost is None:
            self.lost = envelope
            return
        self._read.add(envelope.id)
        if self.is_over or outcome.token != self.token:
            yield self._refuse(envelope, RejectReason.STALE, "the work was withdrawn, or has ended")
        elif self.worker not in {None, outcome.worker}:
            yield self._refuse(envelope, RejectReason.NOT_OWNER, f"{self.worker} owns it")
        elif outcome.ordinal <= self.last_ordinal:
            if isinstance(outcome, WorkAccepted):
                yield self.assignment(self.last_ordinal)
            else:
                yield self._refuse(envelope, RejectReason.REPEATED, "something was applied under this ordinal")
        elif outcome.ordinal > self.last_ordinal + 1:
            yield from self._hold_early(envelope)
        else:
            yield from self._apply(envelope)

    def _hold_early(self, envelope: AnyEnvelope) -> Iterator[Contract]:
        if self.lost is not None and self.gap is None:
            self.gap = self._refuse(envelope, RejectReason.GAP, f"ordinal {self.last_ordinal + 1} never came")
            yield self.gap
        else:
            self._early[envelope.data.ordinal] = envelope

    def _apply(self, envelope: AnyEnvelope) -> Iterator[Contract]:
        outcome: Outcome = envelope.data
        first, self.worker, self.last_ordinal = not self.applied, outcome.worker, outcome.ordinal
        self.applied.append(envelope)
        if first and self.assigns:
            yield self.assignment()
        self.is_over = isinstance(outcome, ENDINGS)
        follower = self._early.pop(outcome.ordinal + 1, None)
        if follower is not None and not self.is_over:
            yield from self._apply(follower)

    def _refuse(self, envelope: AnyEnvelope, reason: RejectReason, detail: str) -> OutcomeRejected:
        outcome: Outcome = envelope.data
        return OutcomeRejected(
            assignment_id=self.assignment_id,
            token=self.token,
            outcome_id=envelope.id,
            worker=outcome.worker,
            ordinal=outcome.ordinal,
            reason=reason,
            detail=detail,
            last_ordinal=self.last_ordinal,
        )
