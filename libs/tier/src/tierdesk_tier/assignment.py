"""One assignment, from the offer to its end, as this process knows it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from tierdesk_bus import Delivery
from tierdesk_contracts import AnyEnvelope
from tierdesk_contracts.work import OutcomeRejected, WorkAssigned, WorkUpdated
from tierdesk_tier.errors import WorkLostError
from tierdesk_tier.job import Job
from tierdesk_tier.ledger import Ledger

Key = tuple[UUID, int]
"""Assignment and token: a later offer of the same ticket is other work."""


@dataclass(slots=True, eq=False)
class Assignment:
    """Waiting for a free worker, for the desk's answer, or worked on."""

    key: Key
    subject: str
    tenant: str
    traceparent: str | None
    """Of the offer, then of the assignment: what outcomes carry."""
    worker: str
    request: UUID
    """The message that it began with, which is settled once the desk was asked for the work."""
    assigned: WorkAssigned | None = None
    is_again: bool = False
    """It is begun again, because its last step was refused."""
    refused: OutcomeRejected | None = None
    """Why, if the work function can do something about it."""
    refusals: dict[UUID, OutcomeRejected] = field(default_factory=dict)
    """By the identifier of the outcome that changed nothing."""
    refusing: dict[UUID, AnyEnvelope] = field(default_factory=dict)
    """The messages that brought them, likewise."""
    updates: dict[UUID, WorkUpdated] = field(default_factory=dict)
    held: dict[UUID, Delivery] = field(default_factory=dict)
    """Deliveries that go back to the queue if this process dies."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    lost: WorkLostError | None = None
    ledger: Ledger | None = None
    job: Job | None = None
    task: asyncio.Task[None] | None = None
    repairs: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def is_for_order(self) -> bool:
        """It is begun again, and nothing is wrong but the order: a step came late, or another stands in its place.

        Then all is said again from the first step on. What the desk has it knows by its identifier, so that a note which
        came after its successor's refusal is not noted twice.
        """
        return self.is_again and self.refused is None

    def lose(self, error: WorkLostError) -> None:
        """Stop working on it; what the work function still says is refused with `error`."""
        self.lost = error
        if self.job is not None:
            self.job.lost = error
        if self.task is not None:
            self.task.cancel()
