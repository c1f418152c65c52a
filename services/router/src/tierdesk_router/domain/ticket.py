"""A ticket as the router holds it: the fold of its events."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tierdesk_contracts.vocabulary import Channel, OfferReason, Status, StepTried


class Assignment(BaseModel):
    """The owning assignment: work offered to one group, under one token, to at most one worker."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    token: int
    tier: str
    group: str
    vendor: str | None = None
    reason: OfferReason
    attempt: int
    offered_at: datetime
    accept_by: datetime | None = None
    worker: str | None = None


class Ticket(BaseModel):
    """Where a ticket stands. Personal data are not here: `requester_id` refers to them.

    `assignment` is the live one; without it, no party has the ticket. `senders` is the path of groups that handed it
    on, the last one first to get it back. `last_at` is the business time of the last act of a party.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    id: UUID
    reference: str
    policy_version: str
    status: Status
    sequence: int
    opened_at: datetime
    last_at: datetime
    channel: Channel
    requester_id: UUID
    title: str
    text: str = ""
    asset: str | None = None
    location: str | None = None
    affected: str | None = None
    department: str | None = None
    category: str | None = None
    impact: int | None = None
    urgency: int | None = None
    priority: int | None = None
    tier: str | None = None
    group: str | None = None
    completeness: float = 0.0
    missing_facts: tuple[str, ...] = ()
    rule: str = ""
    explanation: tuple[str, ...] = ()
    steps_tried: tuple[StepTried, ...] = ()
    findings: str = ""
    article_id: str | None = None
    article_title: str | None = None
    token: int = 0
    assignment: Assignment | None = None
    senders: tuple[str, ...] = ()
    hand_offs: int = 0
    paused_for: str | None = None
    problems: tuple[str, ...] = ()
    """References of the problems that it is linked to."""
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
