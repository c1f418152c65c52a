"""`ticket.changed.v1`: one message per commit of a ticket, with all events of that commit.

These events are also the router's log: a ticket's row equals its events folded in order.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.vocabulary import (
    Actor,
    Channel,
    Contract,
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
    Status,
    StepTried,
    Text,
    WithdrawReason,
)


class TicketEvent(Contract):
    """What happened to a ticket. `sequence` is gapless per ticket, from 1; `at` is business time."""

    sequence: Count
    at: Instant
    actor: Actor


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


class Explanation(Contract):
    """Why a decision fell as it did."""

    rule: Annotated[Name, Field(description="The rule that won.")]
    because: Annotated[tuple[Text, ...], Field(description="What it saw, a sentence each.")]
    policy_version: Name


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
    """Impact or urgency turned out to be other than told."""

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
    """The tier says that it is solved."""

    kind: Literal["resolved"] = "resolved"
    assignment_id: UUID
    how: Text
    root_cause: Text = ""
    article_id: Name | None = None


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


class ClockAlarm(TicketEvent):
    """The watcher spoke of one of its clocks; noted so that the log tells the whole story."""

    kind: Literal["alarm"] = "alarm"
    clock: Name
    word: Annotated[str, Field(pattern="^(warned|breached|retracted)$")]
    due_at: Instant


class MergeProposed(TicketEvent):
    """The same requester has told of the same matter before: the two may be one."""

    kind: Literal["merge_proposed"] = "merge_proposed"
    older_id: UUID
    older_reference: Name
    because: Text


class Gathered(TicketEvent):
    """It was linked to a problem, or to what may be an outage."""

    kind: Literal["gathered"] = "gathered"
    problem_id: UUID
    problem_reference: Name
    because: Text
    by: Annotated[Name | None, Field(description="Who linked it; absent where the policy did.")] = None


class Released(TicketEvent):
    """It is linked to that problem no more."""

    kind: Literal["released"] = "released"
    problem_id: UUID
    problem_reference: Name
    because: Text
    by: Name


class ResolutionOffered(TicketEvent):
    """A problem that it is linked to is solved; its owner says whether that solves the ticket."""

    kind: Literal["resolution_offered"] = "resolution_offered"
    problem_id: UUID
    problem_reference: Name
    how: Text
    by: Name


class Announced(TicketEvent):
    """A major incident that it is linked to was announced."""

    kind: Literal["announced"] = "announced"
    problem_id: UUID
    problem_reference: Name
    text: Annotated[Text, Field(description="Public: what requesters are told.")]
    audience: Annotated[Name, Field(description="Whom it is meant for, in words.")]
    by: Name


class UnknownEvent(TicketEvent):
    """An event of a later release: kept, counted, and without effect."""

    model_config = ConfigDict(frozen=True, extra="allow")
    kind: Name


def _keep(value: Any) -> Any:
    # A reader parses with `extra="ignore"`, which would empty an event that is kept for its unknown fields.
    return UnknownEvent.model_validate(value, extra="allow") if isinstance(value, dict) else value


_KINDS: dict[str, type[TicketEvent]] = {
    cls.model_fields["kind"].default: cls
    for cls in (
        Opened, Triaged, Offered, Accepted, Progressed, Reprioritised, Paused, Resumed, Resolved, Closed, ReopenedAgain,
        CancelledByRequester, Escalated, Transferred, Returned, Withdrawn, Replied, CallNoted, Matched, ClockAlarm,
        MergeProposed, Gathered, Released, ResolutionOffered, Announced,
    )
}  # fmt: skip


def _kind_of(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if isinstance(kind, str) and kind in _KINDS else "unknown"


AnyTicketEvent = Annotated[
    Annotated[Opened, Tag("opened")]
    | Annotated[Triaged, Tag("triaged")]
    | Annotated[Offered, Tag("offered")]
    | Annotated[Accepted, Tag("accepted")]
    | Annotated[Progressed, Tag("progressed")]
    | Annotated[Reprioritised, Tag("reprioritised")]
    | Annotated[Paused, Tag("paused")]
    | Annotated[Resumed, Tag("resumed")]
    | Annotated[Resolved, Tag("resolved")]
    | Annotated[Closed, Tag("closed")]
    | Annotated[ReopenedAgain, Tag("reopened")]
    | Annotated[CancelledByRequester, Tag("cancelled")]
    | Annotated[Escalated, Tag("escalated")]
    | Annotated[Transferred, Tag("transferred")]
    | Annotated[Returned, Tag("returned")]
    | Annotated[Withdrawn, Tag("withdrawn")]
    | Annotated[Replied, Tag("replied")]
    | Annotated[CallNoted, Tag("called")]
    | Annotated[Matched, Tag("matched")]
    | Annotated[ClockAlarm, Tag("alarm")]
    | Annotated[MergeProposed, Tag("merge_proposed")]
    | Annotated[Gathered, Tag("gathered")]
    | Annotated[Released, Tag("released")]
    | Annotated[ResolutionOffered, Tag("resolution_offered")]
    | Annotated[Announced, Tag("announced")]
    | Annotated[UnknownEvent, BeforeValidator(_keep), Tag("unknown")],
    Discriminator(_kind_of),
]
"""Any event of a ticket; one that this release does not know becomes an `UnknownEvent`."""


class TicketChanged(Contract):
    """`ticket.changed.v1`: the events of one commit, and where the ticket stands after them.

    `sequence` of the envelope is the last event's. A follower that has applied up to `first_sequence - 1` may apply
    this message, no other.
    """

    reference: Name
    policy_version: Name
    status: Status
    tier: Identifier | None = None
    group: Identifier | None = None
    category: Identifier | None = None
    priority: Priority | None = None
    first_sequence: Count
    sequence: Count
    events: Annotated[tuple[AnyTicketEvent, ...], Field(min_length=1)]
