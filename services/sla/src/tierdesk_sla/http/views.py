"""What the endpoints answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from tierdesk_sla.domain.account import Account
from tierdesk_sla.domain.clocks import Clock, ClockState, elapsed_seconds
from tierdesk_sla.domain.segments import Segment, used_seconds


class TargetView(BaseModel):
    """What was promised, in seconds of the calendar's open time."""

    within_seconds: int
    calendar: str
    warn_at: tuple[float, ...]
    policy_version: str


class HoldView(BaseModel):
    """A stretch that does not count; still on when `until` is null. `party` is whom it waited for."""

    since: AwareDatetime
    until: AwareDatetime | None
    party: str


class WordView(BaseModel):
    """What was said of a clock: `warned` of this share, `breached`, or `retracted`."""

    cycle: int
    word: str
    share: float
    due_at: AwareDatetime
    said_at: AwareDatetime


class ClockView(BaseModel):
    """One promise. Seconds are of its calendar's open time, pauses left out; null where nothing is promised."""

    id: UUID
    kind: str
    tier: str | None
    group: str | None
    vendor: str | None
    state: ClockState
    overdue: bool
    started_at: AwareDatetime
    due_at: Annotated[AwareDatetime | None, Field(description="Null while a pause stops the clock in time.")]
    ended_at: AwareDatetime | None
    target: TargetView | None
    elapsed_seconds: float | None
    remaining_seconds: float | None
    holds: tuple[HoldView, ...]
    said: tuple[WordView, ...]


class UsedView(BaseModel):
    """How much of a clock was used up in a segment, in seconds of its calendar's open time, pauses left out."""

    clock_id: UUID
    kind: str
    seconds: float


class SegmentView(BaseModel):
    """A stretch of a ticket's life and who had it: `visit` (a group), `desk` (nobody was asked yet), or `resolved`.

    `until` is null while it lasts; `elapsed_seconds` count each second, also while it waited; `used` tells of all clocks
    that ran meanwhile.
    """

    since: AwareDatetime
    until: AwareDatetime | None
    holder: Annotated[str, Field(json_schema_extra={"enum": ["visit", "desk", "resolved"]})]
    tier: str | None
    group: str | None
    vendor: str | None
    worker: str | None
    accepted_at: AwareDatetime | None
    ended_by: Annotated[str | None, Field(description="The kind of the ticket's event that ended it.")]
    elapsed_seconds: float
    waits: Annotated[tuple[HoldView, ...], Field(description="When its holder waited for a party, and for which.")]
    used: tuple[UsedView, ...]


_SEGMENT_FIELDS: Final = (
    "since", "until", "holder", "tier", "group", "vendor", "worker", "accepted_at", "ended_by",
)  # fmt: skip


class TicketClocksView(BaseModel):
    """The clocks of one ticket as they stand at the business time `at`, and who had it when."""

    ticket_id: UUID
    reference: str
    policy_version: str
    at: AwareDatetime
    clocks: tuple[ClockView, ...]
    segments: tuple[SegmentView, ...]


class KindCount(BaseModel):
    """How many promises of one kind there are, by state. `void` ended without a verdict."""

    kind: str
    running: int = 0
    paused: int = 0
    met: int = 0
    missed: int = 0
    void: int = 0


class SummaryView(BaseModel):
    """All promises of the tenant."""

    kinds: tuple[KindCount, ...]


def view_clocks(account: Account) -> TicketClocksView:
    """The view of a ticket."""
    timeline = account.timeline
    return TicketClocksView(
        ticket_id=timeline.ticket_id,
        reference=timeline.reference,
        policy_version=timeline.policy_version,
        at=account.at,
        clocks=tuple(_view(clock, account) for clock in timeline.clocks),
        segments=view_segments(account),
    )


def view_segments(account: Account) -> tuple[SegmentView, ...]:
    """The view of who had it when."""
    return tuple(_view_segment(segment, account) for segment in account.segments)


def view_summary(counts: Sequence[tuple[str, str, int]]) -> SummaryView:
    """The view of counts by kind and state."""
    kinds: dict[str, dict[str, int]] = {}
    for kind, state, count in counts:
        kinds.setdefault(kind, {})[state] = count
    return SummaryView(kinds=tuple(KindCount(kind=kind, **states) for kind, states in kinds.items()))


def _view_segment(segment: Segment, account: Account) -> SegmentView:
    until = segment.until or account.at
    used = [
        UsedView(clock_id=clock.id, kind=clock.kind.value, seconds=seconds)
        for clock in account.timeline.clocks
        if (policy := account.policy_of(clock)) is not None
        and (seconds := used_seconds(segment, clock, account.at, policy)) > 0
    ]
    return SegmentView(
        **{name: getattr(segment, name) for name in _SEGMENT_FIELDS},
        elapsed_seconds=max(0.0, (until - segment.since).total_seconds()),
        waits=tuple(HoldView.model_validate(wait, from_attributes=True) for wait in segment.waits),
        used=tuple(used),
    )


def _view(clock: Clock, account: Account) -> ClockView:
    promise, policy = clock.promise, account.policy_of(clock)
    elapsed = remaining = None
    if promise is not None and policy is not None:
        elapsed = elapsed_seconds(clock, account.at, policy)
        remaining = None if elapsed is None else max(0, promise.within_seconds - elapsed)
    return ClockView(
        id=clock.id,
        kind=clock.kind.value,
        tier=clock.tier,
        group=clock.group,
        vendor=clock.vendor,
        state=clock.state,
        overdue=clock.is_overdue(clock.ended_at or account.at),
        started_at=clock.started_at,
        due_at=clock.due_at,
        ended_at=clock.ended_at,
        target=promise and TargetView.model_validate(promise, from_attributes=True),
        elapsed_seconds=elapsed,
        remaining_seconds=remaining,
        holds=tuple(HoldView.model_validate(hold, from_attributes=True) for hold in clock.holds),
        said=tuple(WordView.model_validate(word, from_attributes=True) for word in account.said.get(clock.id, ())),
    )
