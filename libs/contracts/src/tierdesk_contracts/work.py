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
    Mode,
    Name,
    OfferReason,
    Priority,
    RejectReason,
    Role,
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
    requester: Annotated[
        Name | None,
        Field(description="For vendors: a pseudonym, the same in all cases of that requester which the vendor sees."),
    ] = None


class Internal(Contract):
    """What only parties in house see."""

    requester: Annotated[Name | None, Field(description="The requester's name in the client's own directory.")] = None
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


class Part(Work):
    """What a group or its worker is asked for: to own the ticket, or to contribute to another's work on it."""

    role: Role = Role.OWNER
    question: Annotated[Text, Field(description="What an invited group is asked; empty for an owner.")] = ""
    mode: Annotated[Mode, Field(description="How an owner may pass it on.")] = Mode.TIERED


class WorkOffered(Part):
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


class WorkAssigned(Part):
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


class Contribution(Contract):
    """What became of an invitation."""

    group: Identifier
    worker: Name | None = None
    word: Annotated[str, Field(pattern="^(joined|noted|contributed|declined|not_accepted)$")]
    text: Text = ""
    steps_tried: tuple[StepTried, ...] = ()


class WorkUpdated(Work):
    """`work.updated.v1`: something about the work changed. Fields that are absent did not change."""

    reply: Annotated[Text | None, Field(description="What the requester says.")] = None
    priority: Priority | None = None
    article_id: Name | None = None
    article_title: Line | None = None
    resumed: bool = False
    note: Annotated[
        Text | None, Field(description="What the desk itself says, as that another ticket goes on in it.")
    ] = None
    internal: Annotated[Internal | None, Field(description="Facts were told: how it stands now, in house.")] = None
    contribution: Annotated[Contribution | None, Field(description="What an invited group did.")] = None
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
