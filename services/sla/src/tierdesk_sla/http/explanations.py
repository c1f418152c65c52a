"""What `GET /v1/clocks/{ticket}/explanation` answers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from tierdesk_sla.domain.account import Account
from tierdesk_sla.domain.clocks import Clock
from tierdesk_sla.domain.explanation import explain, tell_interval, title_of
from tierdesk_sla.domain.intervals import find_intervals
from tierdesk_sla.http.views import SegmentView, TargetView, view_segments


class IntervalView(BaseModel):
    """A stretch of a clock's time. `seconds` are those of its calendar that count in it."""

    since: AwareDatetime
    until: AwareDatetime
    counts: bool
    cause: Annotated[
        str,
        Field(
            description="It is open or closed by the calendar, or on hold; `further` is the rest of very many stretches.",
            json_schema_extra={"enum": ["open", "closed", "hold", "further"]},
        ),
    ]
    party: Annotated[str | None, Field(description="For whom it waited; `resolved` until a reopening.")]
    seconds: float
    told: str


class ClockExplanationView(BaseModel):
    """Why a clock is due when it is. The intervals reach from its start to its end or due instant, the earlier of them.

    `target_index` is the place of its target in the policy's list, from 0; null when nothing is promised.
    """

    clock_id: UUID
    kind: str
    title: str
    target: TargetView | None
    target_index: int | None
    due_at: AwareDatetime | None
    intervals: tuple[IntervalView, ...]


class ExplanationView(BaseModel):
    """Why the deadlines of a ticket are what they are, as of the business time `at`; `text` tells all of it to people."""

    ticket_id: UUID
    reference: str
    policy_version: str
    at: AwareDatetime
    text: str
    clocks: tuple[ClockExplanationView, ...]
    segments: tuple[SegmentView, ...]


def view_explanation(account: Account) -> ExplanationView:
    """The view of an account."""
    ticket = account.timeline
    return ExplanationView(
        ticket_id=ticket.ticket_id,
        reference=ticket.reference,
        policy_version=ticket.policy_version,
        at=account.at,
        text=explain(account),
        clocks=tuple(_view(clock, account) for clock in ticket.clocks),
        segments=view_segments(account),
    )


def _view(clock: Clock, account: Account) -> ClockExplanationView:
    found = account.target_of(clock)
    return ClockExplanationView(
        clock_id=clock.id,
        kind=clock.kind.value,
        title=title_of(clock),
        target=clock.promise and TargetView.model_validate(clock.promise, from_attributes=True),
        target_index=None if found is None else found[0] - 1,
        due_at=clock.due_at,
        intervals=_view_intervals(clock, account),
    )


def _view_intervals(clock: Clock, account: Account) -> tuple[IntervalView, ...]:
    policy, zone = account.policy_of(clock), account.zone_of(clock)
    if policy is None or clock.promise is None:
        return ()
    return tuple(
        IntervalView(
            since=one.since,
            until=one.until,
            counts=one.seconds > 0,
            cause=one.cause,
            party=one.party,
            seconds=one.seconds,
            told=tell_interval(one, clock, zone),
        )
        for one in find_intervals(clock, policy.calendar(clock.promise.calendar), account.at)
    )
