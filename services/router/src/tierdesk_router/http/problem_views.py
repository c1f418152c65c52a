"""What the endpoints of problems take and answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Count, Line, Name, Text
from tierdesk_router.domain.problems import FixDecision, ProblemKind, ProblemNote, ProblemRecord

MOST_TICKETS: Final = 500
"""So many tickets one request may name."""
_Filled = Annotated[Text, Field(min_length=1)]
_Tickets = Annotated[tuple[Name, ...], Field(max_length=MOST_TICKETS, description="Identifiers or references.")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProblemFields(_Body):
    """What may be told of a problem. What is left out stays as it is."""

    reproduction: Annotated[Text, Field(description="Steps that show it.")] = ""
    environment: Text = ""
    root_cause: Text = ""
    workaround: Text = ""
    known_error: Annotated[Name | None, Field(description="The article that tells of it.")] = None
    recommendation: Annotated[Text, Field(description="What should be improved so that it does not come again.")] = ""
    fix: FixDecision | None = None
    hotfix: Annotated[Name | None, Field(description="Where the fix is: a change, a version.")] = None
    major: Annotated[bool, Field(strict=True)] = False


class ProblemOpening(ProblemFields):
    """A problem that a person opens."""

    title: Line
    kind: ProblemKind = ProblemKind.PROBLEM
    tickets: _Tickets = ()
    why: _Filled


class ProblemChange(ProblemFields):
    """What is to change, in the version that was read."""

    version: Annotated[Count, Field(description="The version that was read; another one is refused with 409.")]
    title: Line | None = None
    kind: ProblemKind | None = None
    status: Literal["open", "known_error", "fix_decided", "dismissed"] | None = None
    why: _Filled


class TicketLinking(_Body):
    """Tickets that belong to a problem."""

    tickets: _Tickets
    why: _Filled


class ProblemAnnouncement(_Body):
    """What is told of a major incident, and to whom."""

    text: _Filled
    audience: Name = "everybody"


class ProblemResolution(_Body):
    """How it was solved."""

    how: _Filled


class TicketOfProblem(BaseModel):
    """A ticket that is linked."""

    id: UUID
    reference: str
    status: str
    tier: str | None
    group: str | None
    title: str


class ProblemPage(BaseModel):
    """Problems, the newest first; `next` is the `after` of the next page, absent on the last."""

    problems: list[ProblemRecord]
    next: UUID | None = None


class ProblemStory(BaseModel):
    """A problem, its tickets and all that was done about it."""

    problem: ProblemRecord
    tickets: list[TicketOfProblem]
    log: list[ProblemNote]
