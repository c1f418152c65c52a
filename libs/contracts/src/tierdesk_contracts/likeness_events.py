"""Events of tickets that are alike: merged, or linked to a problem; and of one that is split.

`tierdesk_contracts.ticket` names all events.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.event import TicketEvent
from tierdesk_contracts.vocabulary import Name, Text


class Merged(TicketEvent):
    """It goes on in another ticket."""

    kind: Literal["merged"] = "merged"
    into: UUID
    reference: Annotated[Name, Field(description="Of the ticket in which it goes on.")]
    reason: Text = ""


class Absorbed(TicketEvent):
    """Another ticket goes on in this one."""

    kind: Literal["absorbed"] = "absorbed"
    ticket: UUID
    reference: Annotated[Name, Field(description="Of the ticket that was merged into this one.")]
    reason: Text = ""


class Split(TicketEvent):
    """Part of it goes on as a ticket of its own."""

    kind: Literal["split"] = "split"
    ticket: UUID
    reference: Annotated[Name, Field(description="Of the new ticket.")]
    reason: Text = ""


class SplitOff(TicketEvent):
    """It was part of another ticket."""

    kind: Literal["split_off"] = "split_off"
    ticket: UUID
    reference: Annotated[Name, Field(description="Of the ticket that it was part of.")]
    reason: Text = ""


class MergeProposed(TicketEvent):
    """The same requester has told of the same matter before: the two may be one."""

    kind: Literal["merge_proposed"] = "merge_proposed"
    older_id: UUID
    older_reference: Name
    because: Text


class Gathered(TicketEvent):
    """It was linked to a problem, or to what may be an outage."""

    kind: Literal["gathered"] = "gathered"
    problem_id: UUID
    problem_reference: Name
    because: Text
    by: Annotated[Name | None, Field(description="Who linked it; absent where the policy did.")] = None


class Ungathered(TicketEvent):
    """It is linked to that problem no more."""

    kind: Literal["ungathered"] = "ungathered"
    problem_id: UUID
    problem_reference: Name
    because: Text
    by: Name


class ResolutionOffered(TicketEvent):
    """A problem that it is linked to is solved; its owner says whether that solves the ticket."""

    kind: Literal["resolution_offered"] = "resolution_offered"
    problem_id: UUID
    problem_reference: Name
    how: Text
    by: Name


class Announced(TicketEvent):
    """A major incident that it is linked to was announced."""

    kind: Literal["announced"] = "announced"
    problem_id: UUID
    problem_reference: Name
    text: Annotated[Text, Field(description="Public: what requesters are told.")]
    audience: Annotated[Name, Field(description="Whom it is meant for, in words.")]
    by: Name
