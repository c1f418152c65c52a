"""What the board's endpoints answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from tierdesk_desk.domain.work import Stage, Work
from tierdesk_desk.store.tickets import Standing


class WorkLine(BaseModel):
    """One piece of work, as a line of the board."""

    assignment_id: UUID
    ticket: str
    reference: str
    title: str
    category: str
    priority: int
    tier: str
    group: str
    role: str
    stage: Stage
    worker: str | None
    waits_for: str | None
    due_at: datetime | None
    offered_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, work: Work) -> Self:
        """The line of this work."""
        return cls(**_line(work))


class WorkView(WorkLine):
    """All that the desk knows of one piece of work."""

    mode: str
    reason: str
    ordinal: Annotated[int, Field(description="Of the last that was said of it.")]
    said: Annotated[
        dict[str, Any] | None, Field(description="The last that was said of it: its `kind`, and what people gave.")
    ]
    question: str
    accept_by: datetime | None
    ended: Annotated[str | None, Field(description="The outcome by which its owner left it, or why it was taken back.")]
    refused: Annotated[
        dict[str, Any] | None,
        Field(description="The last outcome, when it was refused: `reason`, `detail`, what was `said`."),
    ]
    skills: tuple[str, ...]
    view: Annotated[
        dict[str, Any],
        Field(description="`case`, `internal`, `deadlines` and `steps_tried` of the protocol; `told` since."),
    ]

    @classmethod
    def of(cls, work: Work) -> Self:
        """All of this work."""
        return cls(
            **_line(work),
            mode=work.mode,
            reason=work.reason,
            ordinal=work.ordinal,
            said=work.said,
            question=work.question,
            accept_by=work.accept_by,
            ended=work.ended,
            refused=work.refused,
            skills=work.skills,
            view=work.view,
        )


class BoardPage(BaseModel):
    """A page of the board, the most urgent first. `next` is null on the last."""

    works: tuple[WorkLine, ...]
    next: str | None


class LeftWork(BaseModel):
    """Work that somebody has resolved or handed on, and where its ticket stands now."""

    work: WorkLine
    ended: str | None
    status: str | None
    tier: str | None
    group: str | None
    owner: str | None

    @classmethod
    def of(cls, work: Work, standing: Standing | None) -> Self:
        """The line of this work."""
        now = (None,) * 4 if standing is None else (standing.status, standing.tier, standing.group_id, standing.owner)
        status, tier, group, owner = now
        return cls(work=WorkLine.of(work), ended=work.ended, status=status, tier=tier, group=group, owner=owner)


class GroupCounts(BaseModel):
    """How much work of a group stands where."""

    tier: str
    group: str
    offered: int = 0
    claiming: int = 0
    owned: int = 0
    paused: int = 0


class Counts(BaseModel):
    """The groups that the person may see, in the order of the policy."""

    groups: tuple[GroupCounts, ...]


class Works(BaseModel):
    """What a person has."""

    works: tuple[WorkLine, ...]


class Left(BaseModel):
    """What a person has resolved or handed on, the last first."""

    works: tuple[LeftWork, ...]


def _line(work: Work) -> dict[str, Any]:
    return {
        "assignment_id": work.assignment_id,
        "ticket": work.ticket,
        "reference": work.reference,
        "title": work.title,
        "category": work.category,
        "priority": work.priority,
        "tier": work.tier,
        "group": work.group_id,
        "role": work.role,
        "stage": work.stage,
        "worker": work.worker,
        "waits_for": work.waits_for,
        "due_at": work.due_at,
        "offered_at": work.offered_at,
        "changed_at": work.changed_at,
    }
