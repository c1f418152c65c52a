"""What the endpoints answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from tierdesk_policy import Policy
from tierdesk_sla.domain.clocks import Clock, ClockState, elapsed_seconds
from tierdesk_sla.domain.timeline import Timeline


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


class TicketClocksView(BaseModel):
    """The clocks of one ticket as they stand at the business time `at`."""

    ticket_id: UUID
    reference: str
    policy_version: str
    at: AwareDatetime
    clocks: tuple[ClockView, ...]


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


def view_clocks(
    timeline: Timeline, alerts: Sequence[Mapping[str, Any]], policies: Mapping[str, Policy], at: datetime
) -> TicketClocksView:
    """The view of a ticket. `policies` are those, by version, that its clocks were promised by."""
    said: dict[UUID, list[WordView]] = {}
    for alert in alerts:
        said.setdefault(alert["clock_id"], []).append(WordView.model_validate(alert, from_attributes=True))
    return TicketClocksView(
        ticket_id=timeline.ticket_id,
        reference=timeline.reference,
        policy_version=timeline.policy_version,
        at=at,
        clocks=tuple(_view(clock, said.get(clock.id, ()), policies, at) for clock in timeline.clocks),
    )


def view_summary(counts: Sequence[tuple[str, str, int]]) -> SummaryView:
    """The view of counts by kind and state."""
    kinds: dict[str, dict[str, int]] = {}
    for kind, state, count in counts:
        kinds.setdefault(kind, {})[state] = count
    return SummaryView(kinds=tuple(KindCount(kind=kind, **states) for kind, states in kinds.items()))


def _view(clock: Clock, said: Sequence[WordView], policies: Mapping[str, Policy], at: datetime) -> ClockView:
    promise = clock.promise
    elapsed = remaining = None
    if promise is not None and promise.policy_version in policies:
        elapsed = elapsed_seconds(clock, at, policies[promise.policy_version])
        remaining = None if elapsed is None else max(0, promise.within_seconds - elapsed)
    return ClockView(
        id=clock.id,
        kind=clock.kind.value,
        tier=clock.tier,
        group=clock.group,
        vendor=clock.vendor,
        state=clock.state,
        overdue=clock.is_overdue(clock.ended_at or at),
        started_at=clock.started_at,
        due_at=clock.due_at,
        ended_at=clock.ended_at,
        target=promise and TargetView.model_validate(promise, from_attributes=True),
        elapsed_seconds=elapsed,
        remaining_seconds=remaining,
        holds=tuple(HoldView.model_validate(hold, from_attributes=True) for hold in clock.holds),
        said=tuple(said),
    )
