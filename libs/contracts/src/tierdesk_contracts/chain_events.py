"""Events of the chains by which a ticket escalates when something takes too long.

`tierdesk_contracts.ticket` names all events.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.event import TicketEvent
from tierdesk_contracts.vocabulary import ChainCause, ChainEnd, Count, Identifier, Instant, Line, Name, Text

StepNumber = Annotated[Count, Field(description="The number of the step in its chain of the policy.")]
Round = Annotated[Count, Field(description="How often the chain has come by this step, this time included.")]


class ChainStarted(TicketEvent):
    """Something took too long, and a chain of escalation begins: it has the name that the policy gives it."""

    kind: Literal["chain_started"] = "chain_started"
    escalation: Identifier
    cause: ChainCause
    reason: Annotated[Line, Field(description="What took too long, in a sentence.")]
    clock_id: Annotated[UUID | None, Field(description="The clock that spoke, and in which of its cycles.")] = None
    cycle: Count | None = None


class Notified(TicketEvent):
    """Somebody is to be told that it takes too long."""

    kind: Literal["notified"] = "notified"
    escalation: Identifier
    step: StepNumber
    round: Round
    role: Identifier
    to: Annotated[Name | None, Field(description="Who is meant, where the desk knows; else whoever has the role.")] = (
        None
    )
    reason: Line


class StepSkipped(TicketEvent):
    """A step of a chain had no effect."""

    kind: Literal["step_skipped"] = "step_skipped"
    escalation: Identifier
    step: StepNumber
    round: Round
    why: Text


class ChainWaiting(TicketEvent):
    """A chain sleeps until then."""

    kind: Literal["chain_waiting"] = "chain_waiting"
    escalation: Identifier
    step: StepNumber
    round: Round
    until: Instant


class ChainStopped(TicketEvent):
    """A chain of escalation is over."""

    kind: Literal["chain_stopped"] = "chain_stopped"
    escalation: Identifier
    why: ChainEnd


class Acknowledged(TicketEvent):
    """Somebody has taken notice and cares for it, which stops what escalates."""

    kind: Literal["acknowledged"] = "acknowledged"
    note: Text = ""
