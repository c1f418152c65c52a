"""Who works at the desk, and for which groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from tierdesk_desk.domain.roles import Grant, Verb, allows_in
from tierdesk_policy import Policy

Place = tuple[str, str]
"""A tier, and a group of it."""


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


def places_of(grants: Iterable[Grant], verb: Verb, policy: Policy) -> list[Place]:
    """The groups in house for which the verb is granted, in the order of the policy."""
    held = tuple(grants)
    return [
        (group.tier, group.id)
        for group in policy.groups
        if group.vendor is None and allows_in(held, verb, tier=group.tier, group=group.id)
    ]
