"""Who may do what: roles as data. A grant gives a role in one tenant, for all tiers or for one, or for one group of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What somebody is in a tenant."""

    AGENT = "agent"
    """Works tickets of the tiers and groups that the grant names."""
    LEAD = "lead"
    """Looks after the agents of these tiers and groups, and sees how they stand."""
    AUTHOR = "author"
    """Writes articles."""
    PUBLISHER = "publisher"
    """Reviews and publishes articles."""
    OPERATOR = "operator"
    """Keeps the desk running: parked messages, vendors."""
    ADMINISTRATOR = "administrator"
    """Keeps the accounts."""
    AUDITOR = "auditor"
    """Reads what was done by whom, and changes nothing."""


class Verb(StrEnum):
    """What can be done at the desk."""

    READ_BOARD = "board:read"
    WORK = "work:do"
    OPEN_TICKET = "ticket:open"
    OVERSEE = "board:oversee"
    WRITE_ARTICLES = "article:write"
    PUBLISH_ARTICLES = "article:publish"
    READ_PARKED = "parked:read"
    KEEP_ACCOUNTS = "account:keep"
    READ_AUDIT = "audit:read"


PERMISSIONS: Final = MappingProxyType(
    {
        Role.AGENT: frozenset({Verb.READ_BOARD, Verb.WORK, Verb.OPEN_TICKET}),
        Role.LEAD: frozenset({Verb.READ_BOARD, Verb.OVERSEE}),
        Role.AUTHOR: frozenset({Verb.WRITE_ARTICLES}),
        Role.PUBLISHER: frozenset({Verb.WRITE_ARTICLES, Verb.PUBLISH_ARTICLES}),
        Role.OPERATOR: frozenset({Verb.READ_PARKED}),
        Role.ADMINISTRATOR: frozenset({Verb.KEEP_ACCOUNTS, Verb.READ_AUDIT}),
        Role.AUDITOR: frozenset({Verb.READ_AUDIT}),
    }
)
"""What each role may do. No role has another's permissions by its rank: who is two things has two grants."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role. Without `tier` it holds for all tiers; without `group` for all groups of the tier."""

    role: Role
    tier: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for a group without its tier."""
        if self.group is not None and self.tier is None:
            raise ValueError("a grant for a group names its tier too")

    def covers(self, tier: str, group: str) -> bool:
        """Whether it holds for this group of this tier."""
        return self.tier in {None, tier} and self.group in {None, group}


def allows(grants: Iterable[Grant], verb: Verb) -> bool:
    """Whether any of the grants has this verb, wherever it holds."""
    return any(verb in PERMISSIONS[grant.role] for grant in grants)


def allows_in(grants: Iterable[Grant], verb: Verb, *, tier: str, group: str) -> bool:
    """Whether the verb is granted for this group."""
    return any(verb in PERMISSIONS[grant.role] and grant.covers(tier, group) for grant in grants)


def allows_everywhere(grants: Iterable[Grant], verb: Verb) -> bool:
    """Whether the verb is granted for all groups of all tiers."""
    return any(verb in PERMISSIONS[grant.role] and grant.tier is None for grant in grants)
