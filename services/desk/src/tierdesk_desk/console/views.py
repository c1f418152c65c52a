"""What pages show of people and their work: pure functions. They answer words of the protocol; templates translate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tierdesk_contracts.vocabulary import Role
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.work import Stage, Work
from tierdesk_desk.store.tickets import Standing
from tierdesk_policy import Policy, UnknownNameError

SOON: Final = timedelta(minutes=30)
"""A deadline that is nearer than this is shown as close."""
HANDED_ON: Final = frozenset({"escalated", "transferred", "returned"})
"""The outcomes by which work becomes another's, for whoever follows it up."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A promise. `state` is a word of `clock_state`; `due_at` is None while it is stopped or where nothing is known."""

    kind: str
    due_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class Row:
    """A piece of work in a list. `due` is the nearest promise."""

    id: UUID
    reference: str
    title: str
    category: str
    priority: int
    priority_name: str
    place: str
    stage: Stage
    reason: str
    worker: str | None
    waits_for: str | None
    due: Clock | None
    helps: bool
    refused: bool
    vip: bool = False
    given: bool = False
    """Whether the desk has given it to its owner, who has said nothing of it yet."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A group's work: how much stands where, and what is first."""

    tier: str
    group: str
    name: str
    tier_name: str
    waiting: int
    working: int
    paused: int
    first: Row | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose in a form."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class LeftView:
    """What somebody handed on: when, and where it is now. `status` is None where that is not known."""

    row: Row
    at: datetime
    status: str | None
    place: str
    owner: str


def clock_of(due_at: datetime, now: datetime, kind: str = "") -> Clock:
    """A deadline as it stands now."""
    if due_at <= now:
        return Clock(kind, due_at, "overdue")
    return Clock(kind, due_at, "soon" if due_at - now <= SOON else "running")


def name_of_group(policy: Policy, group_id: str) -> str:
    """What people call a group; its identifier where this policy has it no more."""
    try:
        return policy.group(group_id).name
    except UnknownNameError:
        return group_id


def name_of_tier(policy: Policy, tier_id: str) -> str:
    """What people call a tier; its identifier where this policy has it no more."""
    try:
        return policy.tier(tier_id).name
    except UnknownNameError:
        return tier_id


def view_row(work: Work, policy: Policy, now: datetime) -> Row:
    """Work in a list."""
    category = policy.find_category(work.category)
    priorities = policy.priorities
    return Row(
        id=work.assignment_id,
        reference=work.reference,
        title=work.title,
        category=category.name if category else work.category,
        priority=work.priority,
        priority_name=priorities[work.priority - 1] if work.priority <= len(priorities) else str(work.priority),
        place=name_of_group(policy, work.group_id),
        stage=work.stage,
        reason=work.reason,
        worker=work.worker,
        waits_for=work.waits_for,
        due=None if work.due_at is None else clock_of(work.due_at, now),
        helps=work.role == Role.CONTRIBUTOR.value,
        refused=work.refused is not None,
        given=work.is_pushed,
    )


def view_queues(
    places: Sequence[Place],
    policy: Policy,
    counts: Mapping[Place, Mapping[Stage, int]],
    firsts: Mapping[Place, Row] | None = None,
) -> list[Queue]:
    """These groups, in their order."""
    return [
        Queue(
            tier=tier,
            group=group,
            name=name_of_group(policy, group),
            tier_name=name_of_tier(policy, tier),
            waiting=held.get(Stage.OFFERED, 0),
            working=held.get(Stage.OWNED, 0) + held.get(Stage.CLAIMING, 0),
            paused=held.get(Stage.PAUSED, 0),
            first=(firsts or {}).get((tier, group)),
        )
        for tier, group in places
        for held in (counts.get((tier, group), {}),)
    ]


def view_left(left: Sequence[tuple[Work, Standing | None]], policy: Policy, now: datetime) -> list[LeftView]:
    """What somebody handed on, as it stands now; what was resolved is no hand-over and is left out."""
    return [
        LeftView(
            row=view_row(work, policy, now),
            at=work.changed_at,
            status=None if standing is None else standing.status,
            place=name_of_group(policy, standing.group_id) if standing is not None and standing.group_id else "",
            owner=(standing.owner or "") if standing is not None else "",
        )
        for work, standing in left
        if work.ended in HANDED_ON
    ]


def targets_of(work: Work, policy: Policy) -> list[tuple[Choice, list[Choice]]]:
    """Where it may be handed to: each tier that the policy allows, with its groups. Values are `tier` and `tier/group`."""
    return [
        (
            Choice(tier.id, tier.name),
            [Choice(f"{tier.id}/{group.id}", group.name) for group in policy.groups_of(tier.id)],
        )
        for tier in policy.tiers
        if tier.id != work.tier and (work.tier, tier.id) in policy.edges
    ]


def groups_beside(work: Work, policy: Policy) -> list[Choice]:
    """The groups of its tier, its own first: whose other people go on when somebody goes home."""
    beside = [Choice(group.id, group.name) for group in policy.groups if group.tier == work.tier]
    return sorted(beside, key=lambda choice: choice.value != work.group_id)


def groups_to_invite(work: Work, policy: Policy) -> list[Choice]:
    """Every other group, with its tier's name."""
    return [
        Choice(group.id, f"{name_of_tier(policy, group.tier)}: {group.name}")
        for group in policy.groups
        if group.id != work.group_id
    ]
