"""What those who look are told when something changes: enough to show it, and no more than the board shows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.work import Stage


class WorkChange(BaseModel):
    """Work came, moved or went."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    ticket: str
    tier: str
    group: str
    assignment_id: UUID
    stage: Stage
    worker: str | None
    reference: str
    title: str
    priority: int
    due_at: datetime | None
    pushed: bool = False
    """Whether the desk has just given it to `worker`."""


class TicketChange(BaseModel):
    """A ticket that had work here goes on, wherever it is now. `places` are the groups that had work of it."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    ticket: str
    reference: str
    status: str
    tier: str | None
    group: str | None
    places: tuple[Place, ...] = ()


class CallbackChange(BaseModel):
    """Somebody is to be called back, was tried, or need not be called any more."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    ticket: str
    tier: str
    group: str
    callback: UUID
    callback_stage: str
    claimed_by: str | None
    due_at: datetime


class GuardChange(BaseModel):
    """Somebody is reminded of the telephone, or offered to hand on what keeps them. For nobody else."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    guarded: str
    word: str


class PresenceChange(BaseModel):
    """Somebody came, went, or has shifts changed. `serves` are the tiers and groups that they work; None is for all of them."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    person: str
    state: str
    serves: tuple[tuple[str | None, str | None], ...]


class RequestChange(BaseModel):
    """A request moved, or something was said on it that its requester may know. It is told to them alone."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    ticket: str
    party: str


Change = WorkChange | CallbackChange | GuardChange | PresenceChange | TicketChange | RequestChange
