"""`ticket.changed.v1`: one message per commit of a ticket, with all events of that commit.

These events are also the router's log: a ticket's row equals its events folded in order.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from tierdesk_contracts.chain_events import (
    Acknowledged,
    ChainStarted,
    ChainStopped,
    ChainWaiting,
    Notified,
    StepSkipped,
)
from tierdesk_contracts.event import Explanation, TicketEvent
from tierdesk_contracts.intake import Called, Requester
from tierdesk_contracts.lifecycle_events import (
    Accepted,
    CallNoted,
    CancelledByRequester,
    ClockAlarm,
    Closed,
    Escalated,
    Matched,
    Offered,
    Opened,
    Paused,
    Progressed,
    ReopenedAgain,
    Replied,
    Reprioritised,
    Resolved,
    Resumed,
    Returned,
    Transferred,
    Triaged,
    Withdrawn,
)
from tierdesk_contracts.likeness_events import (
    Absorbed,
    Announced,
    Gathered,
    Merged,
    MergeProposed,
    ResolutionOffered,
    Split,
    SplitOff,
    Ungathered,
)
from tierdesk_contracts.vocabulary import (
    Contract,
    Count,
    Identifier,
    Name,
    Priority,
    Status,
)
from tierdesk_contracts.working_events import (
    Carried,
    Contributed,
    Declined,
    Described,
    FactsRequested,
    Invited,
    Joined,
    Released,
)

__all__ = [
    "Absorbed",
    "Accepted",
    "Acknowledged",
    "Announced",
    "AnyTicketEvent",
    "CallNoted",
    "CancelledByRequester",
    "Carried",
    "ChainStarted",
    "ChainStopped",
    "ChainWaiting",
    "ClockAlarm",
    "Closed",
    "Contributed",
    "Declined",
    "Described",
    "Escalated",
    "Explanation",
    "FactsRequested",
    "Gathered",
    "Invited",
    "Joined",
    "KnownRequester",
    "Matched",
    "MergeProposed",
    "Merged",
    "Notified",
    "Offered",
    "Opened",
    "Paused",
    "Progressed",
    "Released",
    "ReopenedAgain",
    "Replied",
    "Reprioritised",
    "ResolutionOffered",
    "Resolved",
    "Resumed",
    "Returned",
    "Split",
    "SplitOff",
    "StepSkipped",
    "TicketChanged",
    "TicketEvent",
    "Transferred",
    "Triaged",
    "Ungathered",
    "UnknownEvent",
    "Withdrawn",
]


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
        MergeProposed, Gathered, Ungathered, ResolutionOffered, Announced, Split, SplitOff,
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
    | Annotated[Split, Tag("split")]
    | Annotated[SplitOff, Tag("split_off")]
    | Annotated[MergeProposed, Tag("merge_proposed")]
    | Annotated[Gathered, Tag("gathered")]
    | Annotated[Ungathered, Tag("ungathered")]
    | Annotated[ResolutionOffered, Tag("resolution_offered")]
    | Annotated[Announced, Tag("announced")]
    | Annotated[UnknownEvent, BeforeValidator(_keep), Tag("unknown")],
    Discriminator(_kind_of),
]
"""Any event of a ticket; one that this release does not know becomes an `UnknownEvent`."""


class KnownRequester(Requester):
    """Who asks, as they are known when the message goes out. Personal data: told beside the events, never in them."""

    contact: Annotated[Name | None, Field(description="How to reach them now, in their own words.")] = None


class TicketChanged(Contract):
    """`ticket.changed.v1`: the events of one commit, and where the ticket stands after them.

    `sequence` of the envelope is the last event's. A follower that has applied up to `first_sequence - 1` may apply
    this message, no other. `requester` and `calls` are what the events leave out, since a log cannot forget it.
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
    requester: KnownRequester | None = None
    calls: Annotated[
        tuple[Called, ...],
        Field(description="The calls that are noted among the events, as the telephone told of them."),
    ] = ()
