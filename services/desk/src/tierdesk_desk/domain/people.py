"""Who works at the desk, and for which groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.roles import Grant, Verb, allows_in
from tierdesk_policy import Policy

Place = tuple[str, str]
"""A tier, and a group of it."""
SELF_SERVICE: Final = "self-service"
"""The group that the knowledge base works. Its tier answers by itself: beside it there are bots, and no people."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in. `name` is the login, and the worker that outcomes name."""

    tenant: str
    account_id: UUID
    name: str
    display_name: str
    grants: tuple[Grant, ...] = ()
    skills: tuple[str, ...] = ()
    capacity: int | None = None
    """So many tickets may be held at once; None without a limit."""
    party: str = ""
    """Whom requests name as who asks, when this person does."""
    session: str = field(default="", repr=False, compare=False)
    """The session in which they came: by it, answers that take long look whether it is good yet."""


def places_of(grants: Iterable[Grant], verb: Verb, places: Iterable[Place]) -> list[Place]:
    """Those of these groups for which the verb is granted, in their order."""
    held = tuple(grants)
    return [(tier, group) for tier, group in places if allows_in(held, verb, tier=tier, group=group)]


def places_worked(policy: Policy, named: Collection[str] | None, known: Iterable[Place] = ()) -> list[Place]:
    """The groups in house that people work: those that are `named`, else all but those of a tier that answers by itself.

    Of `known`, which had work here, also those that this policy has no more: tickets keep the policy that they began under.
    """
    by_itself = {group.tier for group in policy.groups if group.id == SELF_SERVICE}
    present = {(group.tier, group.id) for group in policy.groups}
    worked = [
        (group.tier, group.id)
        for group in policy.groups
        if group.vendor is None and (group.tier not in by_itself if named is None else group.id in named)
    ]
    gone = sorted(place for place in set(known) - present if named is None or place[1] in named)
    return worked + gone
