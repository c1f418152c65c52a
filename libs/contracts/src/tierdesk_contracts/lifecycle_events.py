"""Events that move a ticket through its lifecycle, and what is said of it on the way.

`tierdesk_contracts.ticket` names all events.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.event import Explanation, TicketEvent
from tierdesk_contracts.intake import MAX_ATTACHMENTS, AttachedFile, CallOutcome
from tierdesk_contracts.knowledge import ArticleDraft, Dossier, Waiver
from tierdesk_contracts.vocabulary import (
    Channel,
    Count,
    EscalationReason,
    Identifier,
    Instant,
    Level,
    Line,
    Name,
    OfferReason,
    PauseParty,
    Priority,
    ReturnReason,
    StepTried,
    Text,
    WithdrawReason,
)


class Opened(TicketEvent):
    """The ticket exists."""

    kind: Literal["opened"] = "opened"
    channel: Channel
    requester_id: UUID
    vip: Annotated[bool, Field(description="Whether the policy counts the requester among its VIPs.")] = False
    title: Line
    text: Text
    category: Identifier | None = None
    location: Name | None = None
    affected: Text | None = None
    department: Identifier | None = None
    asset: Name | None = None
    impact: Level | None = None
    urgency: Level | None = None
    steps_tried: tuple[StepTried, ...] = ()


class Triaged(TicketEvent):
    """Priority and category are set, and the group that shall have it is chosen."""

    kind: Literal["triaged"] = "triaged"
    category: Identifier
    impact: Level
    urgency: Level
    priority: Priority
    tier: Identifier
    group: Identifier
    completeness: Annotated[float, Field(ge=0, le=1, description="Share of the facts its category asks for.")]
    missing_facts: tuple[Name, ...] = ()
    explanation: Explanation


class Offered(TicketEvent):
    """Work was offered to a group."""

    kind: Literal["offered"] = "offered"
    assignment_id: UUID
    token: Count
    tier: Identifier
    group: Identifier
    vendor: Identifier | None = None
    reason: OfferReason
    attempt: Count = 1
    accept_by: Instant | None = None


class Accepted(TicketEvent):
    """A worker owns it."""

    kind: Literal["accepted"] = "accepted"
    assignment_id: UUID
    worker: Name


class Progressed(TicketEvent):
    """A note, or an answer to the requester."""

    kind: Literal["progressed"] = "progressed"
    assignment_id: UUID
    note: Text = ""
    answer: Annotated[Text, Field(description="Public: the requester gets it. Empty when there is none.")] = ""
    steps_tried: tuple[StepTried, ...] = ()


class Reprioritised(TicketEvent):
    """Impact or urgency turned out to be other than told, or it took too long and the desk made it more pressing."""

    kind: Literal["reprioritised"] = "reprioritised"
    impact: Level
    urgency: Level
    priority: Priority


class Paused(TicketEvent):
    """Work waits for somebody or something."""

    kind: Literal["paused"] = "paused"
    assignment_id: UUID
    party: PauseParty
    note: Text = ""


class Resumed(TicketEvent):
    """Work goes on."""

    kind: Literal["resumed"] = "resumed"
    assignment_id: UUID
    note: Text = ""


class Resolved(TicketEvent):
    """The tier says that it is solved.

    What it leaves behind is an article, the draft of one, or a waiver; nothing where nothing is owed.
    """

    kind: Literal["resolved"] = "resolved"
    assignment_id: UUID
    how: Text
    root_cause: Text = ""
    article_id: Name | None = None
    draft: ArticleDraft | None = None
    waiver: Waiver = ""
    tier: Annotated[Identifier | None, Field(description="Where it stood then.")] = None
    dossier: Annotated[
        Dossier | None,
        Field(
            description="For the draft that this resolution should have; absent where none is wanted, or it has one."
        ),
    ] = None


class Closed(TicketEvent):
    """Over: the requester confirmed, or the time to object has passed."""

    kind: Literal["closed"] = "closed"
    comment: Text = ""


class ReopenedAgain(TicketEvent):
    """The requester says that it is not solved."""

    kind: Literal["reopened"] = "reopened"
    reason: Text = ""


class CancelledByRequester(TicketEvent):
    """Nobody needs it any more."""

    kind: Literal["cancelled"] = "cancelled"
    reason: Text = ""


class Escalated(TicketEvent):
    """A tier handed it to another tier, up or down."""

    kind: Literal["escalated"] = "escalated"
    assignment_id: UUID
    reason: EscalationReason
    findings: Text = ""
    steps_tried: tuple[StepTried, ...] = ()
    to_tier: Identifier
    to_group: Identifier
    override: Annotated[Text, Field(description="Why it went with an incomplete description.")] = ""
    contact_owner: Annotated[
        Name | None, Field(description="Who handed it up and so stays the requester's contact, if nobody is yet.")
    ] = None


class Transferred(TicketEvent):
    """Handed to another group of the same tier."""

    kind: Literal["transferred"] = "transferred"
    assignment_id: UUID
    findings: Text = ""
    to_group: Identifier


class Returned(TicketEvent):
    """The receiver gave it back to the sender."""

    kind: Literal["returned"] = "returned"
    assignment_id: UUID
    reason: ReturnReason
    findings: Text = ""
    to_tier: Identifier
    to_group: Identifier


class Withdrawn(TicketEvent):
    """An assignment is over by the desk's decision."""

    kind: Literal["withdrawn"] = "withdrawn"
    assignment_id: UUID
    token: Count
    reason: WithdrawReason


class Replied(TicketEvent):
    """The requester said something."""

    kind: Literal["replied"] = "replied"
    text: Text
    attachments: tuple[AttachedFile, ...] = Field(default=(), max_length=MAX_ATTACHMENTS)


class CallNoted(TicketEvent):
    """A phone call of this ticket came so far."""

    kind: Literal["called"] = "called"
    call_id: Name
    outcome: CallOutcome
    answered_at: Instant | None = None
    talking_seconds: float | None = None


class Matched(TicketEvent):
    """The knowledge base knows an article for it."""

    kind: Literal["matched"] = "matched"
    article_id: Name
    title: Line
    score: Annotated[float, Field(ge=0, le=1)]
    new_article: Annotated[bool, Field(description="Whether it was published after the ticket was opened.")] = False


class ClockAlarm(TicketEvent):
    """The watcher spoke of one of its clocks; noted so that the log tells the whole story."""

    kind: Literal["alarm"] = "alarm"
    clock: Name
    word: Annotated[str, Field(pattern="^(warned|breached|retracted)$")]
    due_at: Instant
