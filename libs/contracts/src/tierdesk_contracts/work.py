"""From the router to a tier: offers, and what becomes of them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.vocabulary import (
    Contract,
    Count,
    Identifier,
    Instant,
    Line,
    Name,
    OfferReason,
    Priority,
    RejectReason,
    StepTried,
    Text,
    WithdrawReason,
)


class Case(Contract):
    """What any party may see of a ticket, an outside vendor too: an allow-list, never a ticket with parts removed."""

    reference: Name
    title: Line
    text: Text
    category: Identifier
    priority: Priority
    asset: Name | None = None


class Internal(Contract):
    """What only parties in house see."""

    requester_name: Name | None = None
    contact: Name | None = None
    location: Name | None = None
    affected: Text | None = None
    completeness: Annotated[float, Field(ge=0, le=1)]
    missing_facts: tuple[Name, ...] = ()
    explanation: tuple[Text, ...] = ()
    findings: Annotated[Text, Field(description="What the tier before found.")] = ""
    article_id: Name | None = None
    article_title: Line | None = None


class Deadline(Contract):
    """A promise that holds for this work."""

    kind: Name
    due_at: Instant


class Work(Contract):
    """What names a piece of work. `token` grows per ticket with each offer: of two tokens the older is void."""

    assignment_id: UUID
    token: Count


class WorkOffered(Work):
    """`work.offered.v1`: here is work for this group."""

    tier: Identifier
    group: Identifier
    reason: OfferReason
    attempt: Count = 1
    accept_by: Instant | None = None
    deadlines: tuple[Deadline, ...] = ()
    steps_tried: tuple[StepTried, ...] = ()
    case: Case
    internal: Internal | None = None


class WorkAssigned(Work):
    """`work.assigned.v1`: this worker owns it now.

    Sent again when the owner accepts again, as after a crash; `last_ordinal` says which of its outcomes are applied,
    so that it goes on with the next.
    """

    worker: Name
    last_ordinal: Count
    deadlines: tuple[Deadline, ...] = ()
    steps_tried: tuple[StepTried, ...] = ()
    case: Case
    internal: Internal | None = None


class WorkUpdated(Work):
    """`work.updated.v1`: something about the work changed. Fields that are absent did not change."""

    reply: Annotated[Text | None, Field(description="What the requester says.")] = None
    priority: Priority | None = None
    article_id: Name | None = None
    article_title: Line | None = None
    resumed: bool = False
    resolution: Annotated[
        Text | None, Field(description="How a problem was solved that this is linked to; say whether it is solved too.")
    ] = None


class WorkWithdrawn(Work):
    """`work.withdrawn.v1`: stop; no further outcome of it counts."""

    reason: WithdrawReason


class OutcomeRejected(Work):
    """`work.rejected.v1`: an outcome changed nothing, and why."""

    outcome_id: UUID
    worker: Name
    ordinal: Count
    reason: RejectReason
    detail: Text
    last_ordinal: Annotated[int, Field(ge=0, description="The last ordinal applied for this worker.")] = 0
