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
    ChainCause,
    ChainEnd,
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


class FactsRequested(TicketEvent):
    """The requester is asked, once, for the facts that the incident description lacks."""

    kind: Literal["facts_requested"] = "facts_requested"
    missing_facts: tuple[Name, ...]
    question: Text


class Described(TicketEvent):
    """Facts of the incident description were told or put right; how to reach the requester is never written here."""

    kind: Literal["described"] = "described"
    told: tuple[Name, ...]
    location: Name | None = None
    affected: Text | None = None
    department: Identifier | None = None
    steps_tried: tuple[StepTried, ...] = ()
    completeness: Annotated[float, Field(ge=0, le=1)]
    missing_facts: tuple[Name, ...] = ()


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
    override: Annotated[Text, Field(description="Why it went with an incomplete description.")] = ""


class Carried(TicketEvent):
    """Its owner carried it to another tier and stays its owner."""

    kind: Literal["carried"] = "carried"
    assignment_id: UUID
    reason: EscalationReason
    findings: Text = ""
    steps_tried: tuple[StepTried, ...] = ()
    to_tier: Identifier
    override: Text = ""


class Invited(TicketEvent):
    """Its owner asked another group to contribute."""

    kind: Literal["invited"] = "invited"
    assignment_id: UUID
    token: Count
    tier: Identifier
    group: Identifier
    vendor: Identifier | None = None
    question: Text
    attempt: Count = 1
    accept_by: Instant | None = None


class Joined(TicketEvent):
    """An invited worker contributes from now on."""

    kind: Literal["joined"] = "joined"
    assignment_id: UUID
    worker: Name


class Contributed(TicketEvent):
    """An invited worker has done its part."""

    kind: Literal["contributed"] = "contributed"
    assignment_id: UUID
    findings: Text
    steps_tried: tuple[StepTried, ...] = ()


class Declined(TicketEvent):
    """An invited group will not contribute."""

    kind: Literal["declined"] = "declined"
    assignment_id: UUID
    reason: ReturnReason
    findings: Text = ""


class Released(TicketEvent):
    """An invitation or a contribution is over by the desk's decision."""

    kind: Literal["released"] = "released"
    assignment_id: UUID
    token: Count
    reason: WithdrawReason


class Merged(TicketEvent):
    """It goes on in another ticket."""

    kind: Literal["merged"] = "merged"
    into: UUID
    reference: Annotated[Name, Field(description="Of the ticket in which it goes on.")]
    reason: Text = ""


class Absorbed(TicketEvent):
    """Another ticket goes on in this one."""

    kind: Literal["absorbed"] = "absorbed"
    ticket: UUID
    reference: Annotated[Name, Field(description="Of the ticket that was merged into this one.")]
    reason: Text = ""


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


StepNumber = Annotated[Count, Field(description="The number of the step in its chain of the policy.")]
Round = Annotated[Count, Field(description="How often the chain has come by this step, this time included.")]


class ChainStarted(TicketEvent):
    """Something took too long, and a chain of escalation begins: it has the name that the policy gives it."""

    kind: Literal["chain_started"] = "chain_started"
    escalation: Identifier
    cause: ChainCause
    reason: Annotated[Line, Field(description="What took too long, in a sentence.")]
    clock_id: Annotated[UUID | None, Field(description="The clock that spoke, and in which of its cycles.")] = None
    cycle: Count | None = None


class Notified(TicketEvent):
    """Somebody is to be told that it takes too long."""

    kind: Literal["notified"] = "notified"
    escalation: Identifier
    step: StepNumber
    round: Round
    role: Identifier
    to: Annotated[Name | None, Field(description="Who is meant, where the desk knows; else whoever has the role.")] = (
        None
    )
    reason: Line


class StepSkipped(TicketEvent):
    """A step of a chain had no effect."""

    kind: Literal["step_skipped"] = "step_skipped"
    escalation: Identifier
    step: StepNumber
    round: Round
    why: Text


class ChainWaiting(TicketEvent):
    """A chain sleeps until then."""

    kind: Literal["chain_waiting"] = "chain_waiting"
    escalation: Identifier
    step: StepNumber
    round: Round
    until: Instant


class ChainStopped(TicketEvent):
    """A chain of escalation is over."""

    kind: Literal["chain_stopped"] = "chain_stopped"
    escalation: Identifier
    why: ChainEnd


class Acknowledged(TicketEvent):
    """Somebody has taken notice and cares for it, which stops what escalates."""

    kind: Literal["acknowledged"] = "acknowledged"
    note: Text = ""


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
        Opened, Triaged, FactsRequested, Described, Offered, Accepted, Progressed, Reprioritised, Paused, Resumed,
        Resolved, Closed, ReopenedAgain, CancelledByRequester, Escalated, Carried, Transferred, Returned, Withdrawn,
        Invited, Joined, Contributed, Declined, Released, Merged, Absorbed, Replied, CallNoted, Matched, ClockAlarm,
        ChainStarted, Notified, StepSkipped, ChainWaiting, ChainStopped, Acknowledged,
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
    | Annotated[FactsRequested, Tag("facts_requested")]
    | Annotated[Described, Tag("described")]
    | Annotated[Carried, Tag("carried")]
    | Annotated[Invited, Tag("invited")]
    | Annotated[Joined, Tag("joined")]
    | Annotated[Contributed, Tag("contributed")]
    | Annotated[Declined, Tag("declined")]
    | Annotated[Released, Tag("released")]
    | Annotated[Merged, Tag("merged")]
    | Annotated[Absorbed, Tag("absorbed")]
    | Annotated[Replied, Tag("replied")]
    | Annotated[CallNoted, Tag("called")]
    | Annotated[Matched, Tag("matched")]
    | Annotated[ClockAlarm, Tag("alarm")]
    | Annotated[ChainStarted, Tag("chain_started")]
    | Annotated[Notified, Tag("notified")]
    | Annotated[StepSkipped, Tag("step_skipped")]
    | Annotated[ChainWaiting, Tag("chain_waiting")]
    | Annotated[ChainStopped, Tag("chain_stopped")]
    | Annotated[Acknowledged, Tag("acknowledged")]
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
