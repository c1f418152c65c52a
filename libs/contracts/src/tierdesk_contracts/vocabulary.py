"""The closed words of the protocol, and the kinds of text that a message may hold."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints


class Contract(BaseModel):
    """The base of all that crosses a border: immutable; a writer may add no field, a reader ignores unknown ones.

    Readers get that tolerance from `tierdesk_contracts.envelope.parse`, which validates with `extra="ignore"`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OpenEnum(StrEnum):
    """An enumeration that may grow within a major version: a reader takes a word it does not know as `UNKNOWN`."""

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        return cls.__members__.get("UNKNOWN") if isinstance(value, str) else None


def refuse_nul(text: str) -> str:
    """Refuse what no PostgreSQL text column can hold. Raises `ValueError`."""
    if "\x00" in text:
        raise ValueError("the character NUL is not text")
    return text


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""A name that people choose for a tenant, tier, group, category or vendor."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(refuse_nul)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(refuse_nul)]
Locator = Annotated[str, StringConstraints(min_length=1, max_length=2_048), AfterValidator(refuse_nul)]
"""Where something is kept: an address or a name in another system, never dereferenced on arrival."""
MAX_TEXT = 65_536
"""The longest `Text`, in characters."""
MAX_RESULT = 4_000
"""The longest result of a step tried: steps travel with every offer."""
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(refuse_nul)]
Level = Annotated[int, Field(ge=1, le=3)]
"""Impact or urgency: 1 high, 2 medium, 3 low."""
Priority = Annotated[int, Field(ge=1, le=5)]
Count = Annotated[int, Field(ge=1, le=2_147_483_647)]
"""Counts from 1. It fits 32 bits, so that a number made up by a stranger overflows no column."""
Instant = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]
"""A moment with its zone, within years that still leave room for arithmetic."""


class Channel(OpenEnum):
    """How an event reached the desk."""

    PORTAL = "portal"
    WEB_FORM = "web_form"
    PHONE = "phone"
    MAIL = "mail"
    CHAT = "chat"
    SOCIAL = "social"
    ALERT = "alert"
    API = "api"
    UNKNOWN = "unknown"


class Status(OpenEnum):
    """Where a ticket stands in its lifecycle."""

    NEW = "new"
    TRIAGED = "triaged"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    PAUSED = "paused"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"
    UNKNOWN = "unknown"


class PauseParty(OpenEnum):
    """Whom or what paused work waits for. Which clocks stop meanwhile is policy."""

    REQUESTER = "requester"
    VENDOR = "vendor"
    VISIT = "visit"
    CHANGE = "change"
    UNKNOWN = "unknown"


class EscalationReason(OpenEnum):
    """Why a tier hands a ticket on."""

    CAUSE_UNCLEAR = "cause_unclear"
    FIRST_FIX_FAILED = "first_fix_failed"
    BEYOND_SCOPE = "beyond_scope"
    COMPLEX_CONFIGURATION = "complex_configuration"
    RECURRING = "recurring"
    OUTAGE_RISK = "outage_risk"
    NEEDS_VENDOR = "needs_vendor"
    FINDINGS = "findings"
    """A higher tier or a vendor hands back with what it found."""
    OVERDUE = "overdue"
    """It took too long, so the desk hands it on by policy."""
    UNKNOWN = "unknown"


class ReturnReason(OpenEnum):
    """Why a receiver gives a ticket back to its sender."""

    WRONG_GROUP = "wrong_group"
    INCOMPLETE_DESCRIPTION = "incomplete_description"
    NOT_OURS = "not_ours"
    UNKNOWN = "unknown"


class OfferReason(OpenEnum):
    """Why a ticket is offered to a group."""

    TRIAGE = "triage"
    ESCALATION = "escalation"
    TRANSFER = "transfer"
    RETURN = "return"
    NOT_ACCEPTED = "not_accepted"
    REOPENED = "reopened"
    KNOWLEDGE = "knowledge"
    OVERDUE = "overdue"
    """It took too long, so the desk asks anew by policy."""
    INVITATION = "invitation"
    """The owner invites the group to contribute; the ticket does not move."""
    UNKNOWN = "unknown"


class Mode(OpenEnum):
    """How work of a category is passed on."""

    TIERED = "tiered"
    """Each tier hands the ticket to the next."""
    SWARM = "swarm"
    """One owner invites experts; the ticket does not move."""
    CARRY_THROUGH = "carry_through"
    """One owner keeps the ticket to its end, through all tiers."""
    UNKNOWN = "unknown"


class Role(OpenEnum):
    """What an assignment is for the ticket."""

    OWNER = "owner"
    """It moves the ticket."""
    CONTRIBUTOR = "contributor"
    """It helps the owner, and moves nothing."""
    UNKNOWN = "unknown"


class WithdrawReason(OpenEnum):
    """Why work is taken back from a tier."""

    NOT_ACCEPTED = "not_accepted"
    ESCALATED = "escalated"
    TRANSFERRED = "transferred"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    MERGED = "merged"
    CLOSED = "closed"
    KNOWLEDGE = "knowledge"
    OWNER_DONE = "owner_done"
    """The owner to whom it contributed has resolved the ticket or handed it on."""
    OVERDUE = "overdue"
    """It took too long, so the desk takes it back by policy."""
    UNKNOWN = "unknown"


class ChainCause(OpenEnum):
    """What began a chain of escalation."""

    CLOCK = "clock"
    """A clock warned, or was breached."""
    UNACCEPTED = "unaccepted"
    """Offers were not accepted."""
    SILENT = "silent"
    """Nothing was heard of accepted work."""
    UNKNOWN = "unknown"


class ChainEnd(OpenEnum):
    """Why a chain of escalation ended."""

    FINISHED = "finished"
    """All of its steps are taken."""
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"
    RETRACTED = "retracted"
    """The breach that began it did not happen after all."""
    ACCEPTED = "accepted"
    """Somebody took what nobody had accepted."""
    HEARD = "heard"
    """Whoever was silent has spoken."""
    UNKNOWN = "unknown"


class RejectReason(OpenEnum):
    """Why the router refused an outcome."""

    STALE = "stale"
    """An older token: the work was offered anew, or withdrawn, since."""
    NOT_OWNER = "not_owner"
    """Another worker of the tier was first."""
    FOREIGN = "foreign"
    """The assignment belongs to another party, or does not exist."""
    FORBIDDEN = "forbidden"
    """The policy has no such edge, or the ticket's state does not allow the step."""
    GAP = "gap"
    """An earlier ordinal never came."""
    INCOMPLETE = "incomplete"
    """The incident description lacks facts: tell them, or say why it is handed on without."""
    REPEATED = "repeated"
    """Another outcome was applied under this ordinal."""
    UNDOCUMENTED = "undocumented"
    """The resolution leaves nothing behind: name the article that says how, draft one, or say why nobody needs one."""
    UNKNOWN = "unknown"


class ActorKind(OpenEnum):
    """Who did something."""

    REQUESTER = "requester"
    WORKER = "worker"
    VENDOR = "vendor"
    DESK = "desk"
    """Tierdesk itself, by policy."""
    UNKNOWN = "unknown"


class Actor(Contract):
    """Who did something; `id` names a party, a worker or a service."""

    kind: ActorKind
    id: Name


class StepTried(Contract):
    """One step already taken, typed, so that nobody is told twice to turn it off and on."""

    step: Line
    result: Annotated[
        Text, Field(max_length=MAX_RESULT, description="What it showed; empty when nothing was said.")
    ] = ""
    article_id: Name | None = None
    article_step: Annotated[Count | None, Field(description="Which step of that article was ticked, from 1.")] = None
