"""What a client posts to the door: one model per kind of event, read strictly, and turned into the message of its type."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError, WithJsonSchema

from tierdesk_contracts.intake import (
    MAX_ATTACHMENTS,
    Alerted,
    AlertReport,
    AttachedFile,
    Cancellation,
    Cancelled,
    Confirmation,
    Confirmed,
    FactReport,
    FactsTold,
    ProblemReport,
    ProblemReported,
    Reopened,
    Reopening,
    Reply,
    Requester,
    RequesterReplied,
)
from tierdesk_contracts.vocabulary import Channel, Contract, Instant, refuse_nul
from tierdesk_intake.domain.refusals import describe, refuse_field
from tierdesk_intake.domain.strict_json import check_strict

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""

OccurredAt = Annotated[
    Instant | None,
    Field(description="When it happened, with its offset from UTC; now, when nothing is said."),
]
TicketId = Annotated[UUID, Field(description="The ticket's identifier, as answered when it was opened.")]


_CHANNELS: Final = [channel.value for channel in Channel if channel is not Channel.UNKNOWN]


class PostedRequester(Requester):
    """Who asks, and how to reach them."""

    # As in the contract, where the pattern stands behind a check by code and so in no schema.
    email: (
        Annotated[
            str,
            StringConstraints(min_length=1, max_length=200, pattern=r"^[^@\s]+@[^@\s]+$"),
            AfterValidator(refuse_nul),
        ]
        | None
    ) = None


class PostedProblem(ProblemReport):
    """A new problem; opens a ticket. Give of the seven facts what is known."""

    type: Literal["problem_reported"]
    channel: Annotated[Channel, WithJsonSchema({"type": "string", "enum": _CHANNELS})] = Channel.PORTAL
    requester: PostedRequester
    occurred_at: OccurredAt = None


class PostedAlert(AlertReport):
    """An alert of a monitoring system; opens a ticket."""

    type: Literal["alert"]
    occurred_at: OccurredAt = None


class PostedReply(Reply):
    """The requester says something on a ticket."""

    type: Literal["requester_replied"]
    ticket: TicketId
    attachments: Annotated[
        tuple[UUID, ...],
        Field(
            max_length=MAX_ATTACHMENTS,
            description="Files of this ticket that belong to the reply, each named by one reply at most.",
        ),
    ] = ()
    occurred_at: OccurredAt = None


class PostedFacts(FactReport):
    """The requester tells facts of the incident description, as `facts_requested` asks for them; what is left out stays."""

    type: Literal["facts_told"]
    ticket: TicketId
    occurred_at: OccurredAt = None


class PostedConfirmation(Confirmation):
    """The requester confirms that it is solved."""

    type: Literal["confirmed"]
    ticket: TicketId
    occurred_at: OccurredAt = None


class PostedReopening(Reopening):
    """The requester says that it is not solved."""

    type: Literal["reopened"]
    ticket: TicketId
    occurred_at: OccurredAt = None


class PostedCancellation(Cancellation):
    """The requester needs it no more."""

    type: Literal["cancelled"]
    ticket: TicketId
    occurred_at: OccurredAt = None


PostedOpening: TypeAlias = PostedProblem | PostedAlert
"""The events that open a ticket."""
PostedFollowUp: TypeAlias = PostedReply | PostedFacts | PostedConfirmation | PostedReopening | PostedCancellation
"""The events of a ticket that exists."""
PostedEvent: TypeAlias = Annotated[PostedOpening | PostedFollowUp, Field(discriminator="type")]


class PostedLine(Contract):
    """One line of a batch."""

    key: Annotated[
        str,
        Field(pattern=r"^[\x20-\x7e]{1,200}$", description="The idempotency key of this line; printable ASCII."),
    ]
    event: PostedEvent


_EVENT: Final[TypeAdapter[PostedOpening | PostedFollowUp]] = TypeAdapter(PostedEvent)
_MESSAGES: Final[dict[type[Contract], tuple[type[Contract], tuple[str, ...]]]] = {
    posted: (message, tuple(posted.__mro__[1].model_fields))  # type: ignore[attr-defined]  # each has its stem as base
    for posted, message in (
        (PostedProblem, ProblemReported),
        (PostedAlert, Alerted),
        (PostedReply, RequesterReplied),
        (PostedFacts, FactsTold),
        (PostedConfirmation, Confirmed),
        (PostedReopening, Reopened),
        (PostedCancellation, Cancelled),
    )
}


def read_event(body: bytes, *, now: datetime) -> PostedOpening | PostedFollowUp:
    """Read one posted event. Raises `RefusedError` that names each faulty field."""
    try:
        event = _EVENT.validate_json(body, strict=True)
    except ValidationError as error:
        raise describe(error, tag_at=0) from None
    check_strict(body)
    _check(event, now, prefix="")
    return event


def read_line(line: bytes, *, now: datetime) -> PostedLine:
    """Read one line of a batch. Raises `RefusedError` that names each faulty field."""
    try:
        posted = PostedLine.model_validate_json(line, strict=True)
    except ValidationError as error:
        raise describe(error, tag_at=1) from None
    check_strict(line)
    _check(posted.event, now, prefix="event.")
    return posted


def as_message(
    event: PostedOpening | PostedFollowUp,
    *,
    reference: str | None = None,
    attachments: tuple[AttachedFile, ...] = (),
) -> Contract:
    """The message that tells this event; `reference` for one that opens a ticket, `attachments` for a reply."""
    model, fields = _MESSAGES[type(event)]
    values: dict[str, Any] = {name: getattr(event, name) for name in fields}
    if reference is not None:
        values["reference"] = reference
    if attachments:
        values["attachments"] = attachments
    return model(**values)


def check_time(at: datetime | None, now: datetime, *, field: str) -> None:
    """Raise `RefusedError` for a time that lies further ahead than clocks differ."""
    if at is not None and at > now + CLOCK_SKEW:
        raise refuse_field(field, f"{at.isoformat()} lies in the future; it is now {now.isoformat()}")


def business_time(at: datetime | None, now: datetime) -> datetime:
    """The time of an event that says `at`: never later than now, so that a fast clock of a sender promises nothing."""
    return now if at is None else min(at, now)


def _check(event: PostedOpening | PostedFollowUp, now: datetime, *, prefix: str) -> None:
    check_time(event.occurred_at, now, field=f"{prefix}occurred_at")
    if isinstance(event, PostedProblem) and event.channel is Channel.UNKNOWN:
        raise refuse_field(f"{prefix}channel", f"not a channel; known are {', '.join(_CHANNELS)}")
