"""Events of a ticket that is worked on by those who take part: facts, contributions, carrying.

`tierdesk_contracts.ticket` names all events.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.event import TicketEvent
from tierdesk_contracts.vocabulary import (
    Count,
    EscalationReason,
    Identifier,
    Instant,
    Name,
    ReturnReason,
    StepTried,
    Text,
    WithdrawReason,
)


class FactsRequested(TicketEvent):
    """The requester is asked, once, for the facts that the incident description lacks."""

    kind: Literal["facts_requested"] = "facts_requested"
    missing_facts: tuple[Name, ...]
    question: Text


class Described(TicketEvent):
    """Facts of the incident description were told or put right; how to reach the requester is never written here."""

    kind: Literal["described"] = "described"
    told: tuple[Name, ...]
    location: Name | None = None
    affected: Text | None = None
    department: Identifier | None = None
    steps_tried: tuple[StepTried, ...] = ()
    completeness: Annotated[float, Field(ge=0, le=1)]
    missing_facts: tuple[Name, ...] = ()


class Carried(TicketEvent):
    """Its owner carried it to another tier and stays its owner."""

    kind: Literal["carried"] = "carried"
    assignment_id: UUID
    reason: EscalationReason
    findings: Text = ""
    steps_tried: tuple[StepTried, ...] = ()
    to_tier: Identifier
    override: Text = ""
    contact_owner: Annotated[
        Name | None, Field(description="Who carries it up and so stays the requester's contact, if nobody is yet.")
    ] = None


class Invited(TicketEvent):
    """Its owner asked another group to contribute."""

    kind: Literal["invited"] = "invited"
    assignment_id: UUID
    token: Count
    tier: Identifier
    group: Identifier
    vendor: Identifier | None = None
    question: Text
    attempt: Count = 1
    accept_by: Instant | None = None


class Joined(TicketEvent):
    """An invited worker contributes from now on."""

    kind: Literal["joined"] = "joined"
    assignment_id: UUID
    worker: Name


class Contributed(TicketEvent):
    """An invited worker has done its part."""

    kind: Literal["contributed"] = "contributed"
    assignment_id: UUID
    findings: Text
    steps_tried: tuple[StepTried, ...] = ()


class Declined(TicketEvent):
    """An invited group will not contribute."""

    kind: Literal["declined"] = "declined"
    assignment_id: UUID
    reason: ReturnReason
    findings: Text = ""


class Released(TicketEvent):
    """An invitation or a contribution is over by the desk's decision."""

    kind: Literal["released"] = "released"
    assignment_id: UUID
    token: Count
    reason: WithdrawReason
