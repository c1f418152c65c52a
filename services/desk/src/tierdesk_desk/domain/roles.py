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
    """Keeps the desk running: parked messages, mails, vendors."""
    ADMINISTRATOR = "administrator"
    """Keeps the accounts."""
    AUDITOR = "auditor"
    """Reads what was done by whom, and changes nothing."""
    REQUESTER = "requester"
    """Asks for help in the portal, and follows what they asked for."""
    MODERATOR = "moderator"
    """Keeps order among the questions and answers of the community."""


class Verb(StrEnum):
    """What can be done at the desk."""

    READ_BOARD = "board:read"
    WORK = "work:do"
    OPEN_TICKET = "ticket:open"
    OVERSEE = "board:oversee"
    WRITE_ARTICLES = "article:write"
    PUBLISH_ARTICLES = "article:publish"
    READ_VENDORS = "vendor:read"
    READ_PARKED = "parked:read"
    KEEP_MAILS = "mail:keep"
    RESOLVE_PARKED = "parked:resolve"
    KEEP_ACCOUNTS = "account:keep"
    READ_AUDIT = "audit:read"
    ASK = "request:make"
    MODERATE = "community:moderate"


PERMISSIONS: Final = MappingProxyType(
    {
        Role.AGENT: frozenset({Verb.READ_BOARD, Verb.WORK, Verb.OPEN_TICKET}),
        Role.LEAD: frozenset({Verb.READ_BOARD, Verb.OVERSEE, Verb.READ_VENDORS}),
        Role.AUTHOR: frozenset({Verb.WRITE_ARTICLES}),
        Role.PUBLISHER: frozenset({Verb.WRITE_ARTICLES, Verb.PUBLISH_ARTICLES}),
        Role.OPERATOR: frozenset({Verb.READ_VENDORS, Verb.READ_PARKED, Verb.RESOLVE_PARKED, Verb.KEEP_MAILS}),
        Role.ADMINISTRATOR: frozenset({Verb.KEEP_ACCOUNTS, Verb.READ_AUDIT}),
        Role.AUDITOR: frozenset({Verb.READ_AUDIT}),
        Role.REQUESTER: frozenset({Verb.ASK}),
        Role.MODERATOR: frozenset({Verb.MODERATE}),
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

    def meets(self, tier: str | None, group: str | None) -> bool:
        """Whether it holds for any group of these; None is for all of them."""
        return (self.tier is None or tier in {None, self.tier}) and (self.group is None or group in {None, self.group})


def allows(grants: Iterable[Grant], verb: Verb) -> bool:
    """Whether any of the grants has this verb, wherever it holds."""
    return any(verb in PERMISSIONS[grant.role] for grant in grants)


def allows_in(grants: Iterable[Grant], verb: Verb, *, tier: str, group: str) -> bool:
    """Whether the verb is granted for this group."""
    return any(verb in PERMISSIONS[grant.role] and grant.covers(tier, group) for grant in grants)


def allows_everywhere(grants: Iterable[Grant], verb: Verb) -> bool:
    """Whether the verb is granted for all groups of all tiers."""
    return any(verb in PERMISSIONS[grant.role] and grant.tier is None for grant in grants)


def grants_with(grants: Iterable[Grant], verb: Verb) -> list[Grant]:
    """Those of the grants that have this verb."""
    return [grant for grant in grants if verb in PERMISSIONS[grant.role]]
