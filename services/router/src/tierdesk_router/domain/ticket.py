"""A ticket as the router holds it: the fold of its events."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tierdesk_contracts.vocabulary import ChainCause, Channel, OfferReason, Status, StepTried


class Assignment(BaseModel):
    """Work offered to one group, under one token, to at most one worker: to own the ticket, or to contribute."""

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
    question: str = ""
    """What an invited group is asked; empty for the owning assignment."""
    heard_at: datetime | None = None
    """When its worker last said anything. None before the acceptance, and while the work is paused: it waits for others."""
    chains_of_silence: tuple[str, ...] = ()
    """The escalations that have begun for the silence since then: each begins once for one silence."""


class Chain(BaseModel):
    """An escalation under way. It sleeps at `step`, a number from 1 (0 at its start), until `due_at`."""

    model_config = ConfigDict(frozen=True)

    escalation: str
    cause: ChainCause
    reason: str
    clock_id: UUID | None = None
    cycle: int | None = None
    step: int = 0
    round: int = 1
    due_at: datetime


class Acknowledgement(BaseModel):
    """Who took notice of what escalated, and which chains that stopped."""

    model_config = ConfigDict(frozen=True)

    by: str
    at: datetime
    note: str = ""
    escalations: tuple[str, ...]


class Ticket(BaseModel):
    """Where a ticket stands. Personal data are not here: `requester_id` refers to them.

    `assignment` is the owning one; without it, no party has the ticket. `contributions` are the live assignments of
    those whom its owner has invited. `senders` is the path of groups that handed it on, the last one first to get it
    back. `contact_owner` is who handed it up first: the requester's contact in house, whoever works on it.
    `last_at` is the business time of the last act of a party.
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
    contributions: tuple[Assignment, ...] = ()
    contact_owner: str | None = None
    merged_into: UUID | None = None
    split_from: UUID | None = None
    parts: tuple[UUID, ...] = ()
    """The tickets that were split off it."""
    senders: tuple[str, ...] = ()
    hand_offs: int = 0
    paused_for: str | None = None
    problems: tuple[str, ...] = ()
    """References of the problems that it is linked to."""
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    unaccepted: int = 0
    """So many offers in a row were not accepted."""
    chains: tuple[Chain, ...] = ()
    """The escalations under way, at most one of a name."""
    acknowledgement: Acknowledgement | None = None
    """The last one, until another chain begins."""
