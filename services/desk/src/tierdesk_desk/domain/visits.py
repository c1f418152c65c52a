"""Field visits: where somebody goes, who and when, and what came of it. Pure.

A visit is planned, may be moved, and ends once. `token` counts what was changed: whoever changes it names the one they have
seen, so that of two people who change it at once one is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.work import ForbiddenStepError

LONGEST_SLOT: Final = timedelta(days=1)
"""What is longer is two visits, or a slip of the pen."""
FURTHEST: Final = timedelta(days=366)
"""So far ahead visits are planned."""


class Outcome(StrEnum):
    """What came of a visit."""

    DONE = "done"
    NOBODY_THERE = "nobody_there"
    ANOTHER_NEEDED = "another_needed"
    CALLED_OFF = "called_off"


class ChangedError(ForbiddenStepError):
    """Somebody has changed it since whoever speaks has seen it. `who` is who did so last."""

    def __init__(self, who: str) -> None:
        super().__init__(f"{who} has changed it since: look at it again")
        self.who = who


class EndedError(ForbiddenStepError):
    """It is over; `how` is a word of what came of it."""

    def __init__(self, how: str) -> None:
        super().__init__(f"it is over: {how.replace('_', ' ')}")
        self.how = how


class SlotError(Exception):
    """A slot that cannot be; `field` is what is at fault, and the text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Plan:
    """Where somebody goes, who, and within which slot. `technician` is a name as people say it; it need be nobody's here."""

    address: str
    technician: str
    starts_at: datetime
    ends_at: datetime

    def check(self, at: datetime) -> None:
        """Raises `SlotError` for a slot that is over, too far away, too long, or ends before it starts."""
        if self.ends_at <= self.starts_at:
            raise SlotError("ends_at", "a visit ends after it starts")
        if self.ends_at - self.starts_at > LONGEST_SLOT:
            raise SlotError("ends_at", "a visit has 24 hours at most")
        if self.ends_at <= at:
            raise SlotError("ends_at", "this is over already")
        if self.starts_at > at + FURTHEST:
            raise SlotError("starts_at", f"visits are planned up to {FURTHEST.days} days ahead")

    def slot(self, zone: tzinfo) -> str:
        """When, for whoever reads it in a log."""
        starts, ends = self.starts_at.astimezone(zone), self.ends_at.astimezone(zone)
        until = f"{ends:%H:%M}" if ends.date() == starts.date() else f"{ends:%Y-%m-%d %H:%M}"
        return f"{starts:%Y-%m-%d %H:%M} to {until} ({starts:%Z})"


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit for a ticket. It is open until it has an `outcome`. `note` is what it is for, `report` what was said of it last."""

    tenant: str
    id: UUID
    ticket: str
    reference: str
    tier: str
    group_id: str
    address: str
    technician: str
    starts_at: datetime
    ends_at: datetime
    planned_by: str
    planned_at: datetime
    changed_by: str
    changed_at: datetime
    token: int = 1
    outcome: Outcome | None = None
    note: str = ""
    report: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody is still to go there."""
        return self.outcome is None

    @property
    def plan(self) -> Plan:
        """Where, who and when."""
        return Plan(self.address, self.technician, self.starts_at, self.ends_at)


def move(visit: Visit, plan: Plan, report: str, *, worker: str, token: int, at: datetime) -> Visit:
    """Plan it otherwise. Raises `EndedError`, `ChangedError` and `SlotError`."""
    _check(visit, token)
    plan.check(at)
    return replace(
        visit,
        address=plan.address,
        technician=plan.technician,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        report=report or visit.report,
        token=visit.token + 1,
        changed_by=worker,
        changed_at=at,
    )


def end(visit: Visit, outcome: Outcome, report: str, *, worker: str, token: int, at: datetime) -> Visit:
    """Say what came of it. Raises `EndedError` and `ChangedError`."""
    _check(visit, token)
    return replace(
        visit,
        outcome=outcome,
        report=report or visit.report,
        token=visit.token + 1,
        changed_by=worker,
        changed_at=at,
    )


def _check(visit: Visit, token: int) -> None:
    if visit.outcome is not None:
        raise EndedError(visit.outcome.value)
    if token != visit.token:
        raise ChangedError(visit.changed_by)
