"""What portals and phone systems tell the desk, as intake passes it on.

The stem of each class (`ProblemReport`, `Reply` …) is what a client posts; the message adds what intake mints.
"""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.vocabulary import (
    Channel,
    Contract,
    Identifier,
    Instant,
    Level,
    Line,
    Locator,
    Name,
    OpenEnum,
    StepTried,
    Text,
)

MAX_ATTACHMENTS: Final = 100
"""So many files one reply names at most."""


class Requester(Contract):
    """Who asks, and how to reach them. Personal data: kept in one place and referred to by `party_id` elsewhere."""

    party: Annotated[Name, Field(description="The requester's name in the client's own directory: stable, unique.")]
    name: Name | None = None
    email: Annotated[Name | None, Field(pattern=r"^[^@\s]+@[^@\s]+$")] = None
    phone: Name | None = None


class FactReport(Contract):
    """Facts of an incident description: what the requester tells of them, at once or when asked."""

    location: Annotated[Name | None, Field(description="Where from.")] = None
    contact: Annotated[Name | None, Field(description="How to reach them now.")] = None
    steps_tried: tuple[StepTried, ...] = Field(default=(), max_length=100)
    impact: Annotated[Level | None, Field(description="1 many people or a service, 2 a team, 3 one person.")] = None
    affected: Annotated[Text | None, Field(description="Whom and what it stops.")] = None
    department: Annotated[Identifier | None, Field(description="The best-suited department.")] = None
    urgency: Annotated[Level | None, Field(description="How soon: 1 now, 2 today, 3 when it suits.")] = None


class ProblemReport(FactReport):
    """A problem, told by its seven facts as far as known: who, where from, how to reach them, steps already taken,
    impact, best-suited department, how soon.
    """

    channel: Channel = Channel.PORTAL
    requester: Requester
    title: Line
    text: Text = ""
    category: Identifier | None = None
    asset: Name | None = None


class ProblemReported(ProblemReport):
    """`intake.problem_reported.v1`: a new ticket. Its identifier is the subject of the envelope."""

    reference: Name


class Reply(Contract):
    """The requester says something on a ticket."""

    text: Text


class AttachedFile(Contract):
    """A file of a ticket. Intake has its bytes, under this identifier."""

    id: UUID
    file_name: Annotated[Name, Field(description="What the desk calls it.")]
    name: Annotated[Name, Field(description="What its sender called it: a text, to be shown encoded.")]
    media_type: Annotated[Name, Field(description="What its content shows.")]
    size_bytes: Annotated[int, Field(ge=1)]


class RequesterReplied(Reply):
    """`intake.requester_replied.v1`: the requester says something on a ticket."""

    attachments: tuple[AttachedFile, ...] = Field(default=(), max_length=MAX_ATTACHMENTS)


class FactsTold(FactReport):
    """`intake.facts_told.v1`: the requester tells facts of the incident description."""


class Confirmation(Contract):
    """The requester confirms that it is solved."""

    comment: Text = ""


class Confirmed(Confirmation):
    """`intake.confirmed.v1`: the requester confirms that it is solved."""


class Reopening(Contract):
    """The requester says that it is not solved."""

    reason: Text


class Reopened(Reopening):
    """`intake.reopened.v1`: the requester says that it is not solved."""


class Cancellation(Contract):
    """The requester needs it no more."""

    reason: Text = ""


class Cancelled(Cancellation):
    """`intake.cancelled.v1`: the requester needs it no more."""


class AlertReport(Contract):
    """A monitoring system raises an alert."""

    source: Name
    fingerprint: Annotated[Name, Field(description="The monitoring system's own key of this alert.")]
    title: Line
    text: Text = ""
    category: Identifier | None = None
    asset: Name | None = None
    impact: Level | None = None
    urgency: Level | None = None


class Alerted(AlertReport):
    """`intake.alert.v1`: a ticket raised by a machine."""

    reference: Name


class CallOutcome(OpenEnum):
    """How far a call came."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    """Answered, and over."""
    MISSED = "missed"
    VOICEMAIL = "voicemail"
    PROMISED = "promised"
    """The caller was promised to be called back."""
    UNREACHED = "unreached"
    """We called back, and reached nobody."""
    GIVEN_UP = "given_up"
    """We called back for the last time, and reached nobody."""
    UNKNOWN = "unknown"


class Called(Contract):
    """`intake.call.v1`: what is now known of one phone call, folded from the telephone system's events.

    The first of a call opens a ticket; each further one replaces what was known of the call before.
    """

    reference: Name
    provider: Name
    call_id: Name
    direction: Annotated[str, Field(pattern="^(in|out)$")]
    caller: Name | None = None
    called: Name | None = None
    outcome: CallOutcome
    started_at: Instant | None = None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    waiting_seconds: Annotated[float | None, Field(ge=0)] = None
    talking_seconds: Annotated[float | None, Field(ge=0)] = None
    answered_by: Name | None = None
    cause: Name | None = None
    queue: Name | None = None
    route: Annotated[Name | None, Field(description="Where the desk had the telephone system send the caller.")] = None
    recording: Annotated[Locator | None, Field(description="Reference of a recording; never fetched on arrival.")] = (
        None
    )
