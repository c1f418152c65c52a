"""What every event of a ticket has, and why a decision fell as it did.

`tierdesk_contracts.ticket` names all events.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tierdesk_contracts.vocabulary import Actor, Contract, Count, Instant, Name, Text


class TicketEvent(Contract):
    """What happened to a ticket. `sequence` is gapless per ticket, from 1; `at` is business time."""

    sequence: Count
    at: Instant
    actor: Actor


class Explanation(Contract):
    """Why a decision fell as it did."""

    rule: Annotated[Name, Field(description="The rule that won.")]
    because: Annotated[tuple[Text, ...], Field(description="What it saw, a sentence each.")]
    policy_version: Name
