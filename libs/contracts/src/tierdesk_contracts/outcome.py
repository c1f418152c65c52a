"""From a tier to the router: what became of offered work.

The fence is (assignment, token, worker). `ordinal` counts a worker's outcomes of one assignment from 1 without gaps.
Any outcome of the party to which the work was offered implies acceptance.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.vocabulary import (
    Contract,
    Count,
    EscalationReason,
    Identifier,
    Level,
    Name,
    PauseParty,
    ReturnReason,
    StepTried,
    Text,
)

Steps = Annotated[tuple[StepTried, ...], Field(max_length=100)]


class Outcome(Contract):
    """What every outcome says of itself."""

    assignment_id: UUID
    token: Count
    worker: Name
    ordinal: Count


class WorkAccepted(Outcome):
    """`outcome.accepted.v1`: the worker takes it."""


class WorkProgressed(Outcome):
    """`outcome.progressed.v1`: a note, an answer to the requester, steps tried, or facts put right."""

    note: Text = ""
    answer: Annotated[Text, Field(description="Public: goes to the requester.")] = ""
    steps_tried: Steps = ()
    impact: Level | None = None
    urgency: Level | None = None


class WorkPaused(Outcome):
    """`outcome.paused.v1`: it waits for somebody."""

    party: PauseParty
    note: Text = ""


class WorkResumed(Outcome):
    """`outcome.resumed.v1`: it goes on."""

    note: Text = ""


class WorkResolved(Outcome):
    """`outcome.resolved.v1`: solved, and how."""

    how: Annotated[Text, Field(min_length=1)]
    root_cause: Text = ""
    article_id: Name | None = None
    steps_tried: Steps = ()


class WorkEscalated(Outcome):
    """`outcome.escalated.v1`: to another tier, up or down, along an edge of the policy.

    Without `to_tier` it goes to the next tier that the policy allows; without `to_group`, to that tier's group for
    the ticket's category.
    """

    reason: EscalationReason
    findings: Text = ""
    steps_tried: Steps = ()
    to_tier: Identifier | None = None
    to_group: Identifier | None = None


class WorkTransferred(Outcome):
    """`outcome.transferred.v1`: to another group of the same tier."""

    to_group: Identifier
    findings: Text = ""
    steps_tried: Steps = ()


class WorkReturned(Outcome):
    """`outcome.returned.v1`: back to the group that sent it."""

    reason: ReturnReason
    findings: Text = ""
    steps_tried: Steps = ()
