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


Change = WorkChange | TicketChange
