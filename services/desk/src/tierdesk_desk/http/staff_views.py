"""What the endpoints of presence, people and shifts take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from tierdesk_contracts.vocabulary import Identifier, Instant
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.presence import Presence, Standing, State
from tierdesk_desk.domain.records import Line, Proposal, Tally
from tierdesk_desk.domain.shifts import Shift
from tierdesk_desk.http.account_views import Login, Taken


class PresenceRequest(Taken):
    """What one says of oneself."""

    state: Annotated[
        State, Field(description="`busy` takes work as before and is given none; who is `away` is not there.")
    ]


class PresenceView(BaseModel):
    """What somebody says of themselves, since when. Who has said nothing yet is away."""

    state: State
    since: datetime | None

    @classmethod
    def of(cls, presence: Presence) -> Self:
        """The view of this."""
        return cls(state=presence.state, since=presence.since)


class PlaceView(BaseModel):
    """A group."""

    tier: str
    group: str

    @classmethod
    def of(cls, place: Place) -> Self:
        """The view of this."""
        return cls(tier=place[0], group=place[1])


class PersonStanding(BaseModel):
    """How somebody stands at the desk."""

    name: Annotated[str, Field(description="The login.")]
    display_name: str
    state: State
    since: datetime | None
    seen: Annotated[bool, Field(description="Whether a page of theirs was open within the last three minutes.")]
    held: int
    capacity: int | None
    quiet_since: Annotated[
        datetime | None,
        Field(
            description="Since when nothing has moved in what they hold and that waits for nobody: where that is longest."
        ),
    ]
    on_rota: Annotated[bool, Field(description="Whether they have a shift within a week: then only shifts count.")]
    on_shift: Annotated[tuple[PlaceView, ...], Field(description="The groups of the shifts that run now.")]
    shift_ends_at: datetime | None
    next_shift_at: datetime | None

    @classmethod
    def of(cls, one: Standing) -> Self:
        """The view of this."""
        return cls(
            name=one.name,
            display_name=one.display_name,
            state=one.presence.state,
            since=one.presence.since,
            seen=one.is_seen,
            held=one.held,
            capacity=one.capacity,
            quiet_since=one.quiet_since,
            on_rota=one.on_rota,
            on_shift=tuple(PlaceView.of(place) for place in one.on_shift),
            shift_ends_at=one.ends_at,
            next_shift_at=one.begins_at,
        )


class PeoplePage(BaseModel):
    """Some of the people, in the order of their logins. `next` is null on the last page."""

    people: tuple[PersonStanding, ...]
    next: str | None


class TallyView(BaseModel):
    """How work ended. Shares are of what was solved or escalated; `reopened_share` is of what was solved."""

    solved: int
    escalated: int
    reopened: int
    solved_share: float | None
    escalated_share: float | None
    reopened_share: float | None

    @classmethod
    def of(cls, tally: Tally) -> Self:
        """The view of this."""
        return cls(
            solved=tally.solved,
            escalated=tally.escalated,
            reopened=tally.reopened,
            solved_share=tally.solved_share,
            escalated_share=tally.escalated_share,
            reopened_share=tally.reopened_share,
        )


class RecordLine(BaseModel):
    """One category in one group, and how it ended with all others there."""

    tier: str
    group: str
    category: str
    own: TallyView
    colleagues: TallyView

    @classmethod
    def of(cls, line: Line) -> Self:
        """The view of this."""
        tier, group = line.place
        own, others = TallyView.of(line.tally), TallyView.of(line.colleagues)
        return cls(tier=tier, group=group, category=line.category, own=own, colleagues=others)


class ProposalView(BaseModel):
    """`skill`: what the person shows and is not known to have. `training`: what they escalate more often than others."""

    kind: str
    tier: str
    group: str
    category: str
    skills: tuple[str, ...]

    @classmethod
    def of(cls, one: Proposal) -> Self:
        """The view of this."""
        tier, group = one.place
        return cls(kind=one.kind, tier=tier, group=group, category=one.category, skills=one.skills)


class RecordView(BaseModel):
    """What somebody solved and escalated in the last three months, and what follows from it."""

    name: str
    display_name: str
    lines: tuple[RecordLine, ...]
    proposals: tuple[ProposalView, ...]


class ShiftRequest(Taken):
    """A shift to be added."""

    person: Login
    tier: Identifier
    group: Identifier
    starts_at: Instant
    ends_at: Annotated[Instant, Field(description="After `starts_at`, by seven days at most.")]


class ShiftView(BaseModel):
    """Somebody serves a group from then to then."""

    id: UUID
    person: str
    tier: str
    group: str
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, shift: Shift) -> Self:
        """The view of this."""
        return cls(
            id=shift.id,
            person=shift.name,
            tier=shift.tier,
            group=shift.group_id,
            starts_at=shift.starts_at,
            ends_at=shift.ends_at,
        )


class ShiftPage(BaseModel):
    """Some shifts, in the order in which they end. `next` is null on the last page."""

    shifts: tuple[ShiftView, ...]
    next: str | None
