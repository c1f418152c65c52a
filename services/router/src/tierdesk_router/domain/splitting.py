"""Splitting: a report that holds two matters becomes two tickets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from tierdesk_contracts import intake
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor
from tierdesk_policy import Policy
from tierdesk_router.domain.disclosure import Party
from tierdesk_router.domain.lifecycle import MOVES, Draft
from tierdesk_router.domain.ticket import Ticket

_PARTS: Final = UUID("6d1f0c3e-52f4-4b7e-9a86-0f9f5a4c7d21")
"""The name space of the identifiers of tickets that are split off."""


class SplitError(Exception):
    """The ticket cannot be split; the text says why. `field` names what was told wrong, if that is why."""

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Part:
    """What is split off: a matter of its own. What is None is as on the ticket that it was part of, or was not told.

    `with_steps` says whether the steps tried so far count for it too.
    """

    title: str
    text: str = ""
    category: str | None = None
    location: str | None = None
    asset: str | None = None
    affected: str | None = None
    department: str | None = None
    impact: int | None = None
    urgency: int | None = None
    with_steps: bool = True

    def identify(self, source: Ticket) -> UUID:
        """The new ticket's identifier: the same for the same matter of the same ticket, and no easier to guess than that one's."""
        told = json.dumps([str(source.id), self.title, self.text])
        return uuid5(_PARTS, hashlib.sha256(told.encode()).hexdigest())


def check_part(part: Part, policy: Policy) -> None:
    """Raise `SplitError` for a category or department that the policy in force does not have."""
    if part.category is not None and policy.find_category(part.category) is None:
        raise SplitError(f"there is no category {part.category}", field="category")
    departments = {department.id for department in policy.departments}
    if part.department is not None and departments and part.department not in departments:
        raise SplitError(f"there is no department {part.department}", field="department")


def report_part(source: Ticket, part: Part, party: Party, reference: str) -> intake.ProblemReported:
    """The part as its requester would have reported it by itself: who, how to reach them, where and on what are the same."""
    return intake.ProblemReported(
        reference=reference,
        channel=source.channel,
        requester=intake.Requester(party=party.external, name=party.name, email=party.email, phone=party.phone),
        contact=party.contact,
        title=part.title,
        text=part.text,
        category=part.category,
        location=source.location if part.location is None else part.location,
        asset=source.asset if part.asset is None else part.asset,
        affected=part.affected,
        department=part.department,
        impact=part.impact,
        urgency=part.urgency,
        steps_tried=source.steps_tried if part.with_steps else (),
    )


def split(source: Ticket, new: Ticket, *, reason: str, by: Actor, at: datetime) -> Draft:
    """What happens to the ticket itself: it names the other, and keeps its owner and its clocks. Raises `SplitError`."""
    check_splittable(source)
    draft = Draft(source, at=max(at, source.last_at), actor=by)
    draft.record(events.Split, ticket=new.id, reference=new.reference, reason=reason)
    return draft


def check_splittable(source: Ticket) -> None:
    """Raise `SplitError` for a ticket that is over."""
    if (source.status, "split") not in MOVES:
        raise SplitError(
            f"{source.reference} is {source.status.value}: only open and resolved tickets are split; "
            "report the other matter by itself"
        )


def told_apart(source: Ticket) -> frozenset[UUID]:
    """The tickets that a new part of this one is no repeat of: itself, what it was part of, and its other parts."""
    whole = () if source.split_from is None else (source.split_from,)
    return frozenset((source.id, *whole, *source.parts))
