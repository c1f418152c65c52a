"""Accounts: who may sign in, and what is granted to them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.addresses import AddressError, read_address
from tierdesk_desk.domain.roles import Grant, Role, Verb, allows

LOGIN_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$"
_LOGIN: Final = re.compile(LOGIN_PATTERN)
_LONGEST_TYPED: Final = 200
_PLACE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
ROLES_OF_TIERS: Final = frozenset({Role.AGENT, Role.LEAD})
"""The roles that may be granted for one tier, or one group of it. All others hold in the whole tenant."""


class AccountError(Exception):
    """An account that cannot be; `field` is what is at fault, and the text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. `name` is the login, and the worker that outcomes name; it never changes."""

    tenant: str
    id: UUID
    name: str
    display_name: str
    created_at: datetime
    changed_at: datetime
    skills: tuple[str, ...] = ()
    capacity: int | None = None
    """So many tickets may be held at once; None without a limit."""
    must_change_password: bool = True
    disabled_at: datetime | None = None
    email: str | None = None
    """Where the desk writes to them; None for nowhere."""
    grants: tuple[Grant, ...] = ()
    party: str | None = None
    """Whom requests name as who asks, when its owner does; None for the login."""


def read_login(text: str) -> str:
    """The login that somebody types, in the one form in which it is kept: lower case. Raises `AccountError`."""
    if not _LOGIN.fullmatch(text):
        raise AccountError("name", "a login is a letter or digit, and up to 99 more of them or of . _ @ + -")
    return text.lower()


def fold_login(text: str) -> str:
    """What is looked up for whatever is typed as a login; nothing for what is none, which is nobody's."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST_TYPED]).strip().lower()
    return folded if _LOGIN.fullmatch(folded) else ""


def read_email(text: str) -> str | None:
    """The mail address that somebody types, in the one form in which it is kept; None for an empty text. Raises `AccountError`."""
    if not text.strip():
        return None
    try:
        return str(read_address(text))
    except AddressError as error:
        raise AccountError("email", str(error)) from None


def order_grants(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Each grant once, in the order of roles, tiers and groups. Raises `AccountError` for a tier where none belongs."""
    ordered = tuple(sorted(set(grants), key=write_grant))
    for grant in ordered:
        if grant.tier is not None and grant.role not in ROLES_OF_TIERS:
            raise AccountError("grants", f"{grant.role} holds in the whole tenant; it names no tier")
    return ordered


def read_grant(text: str) -> Grant:
    """The grant that `write_grant` wrote. Raises `AccountError`."""
    role, colon, place = text.partition(":")
    tier, slash, group = place.partition("/")
    try:
        known = Role(role)
    except ValueError:
        raise AccountError("grants", f"{role!r} is no role; there are {', '.join(Role)}") from None
    for mark, part in ((colon, tier), (slash, group)):
        if mark and not _PLACE.fullmatch(part):
            raise AccountError("grants", f"{text!r}: write ROLE, ROLE:TIER or ROLE:TIER/GROUP")
    return Grant(known, tier or None, group or None)


def write_grant(grant: Grant) -> str:
    """A grant in a word: `author`, `agent:l1` or `agent:l1/front`."""
    place = "" if grant.tier is None else f":{grant.tier}"
    return f"{grant.role.value}{place}" + ("" if grant.group is None else f"/{grant.group}")


def keeps_accounts(account: Account) -> bool:
    """Whether it can give others access: an administrator that is not disabled."""
    return account.disabled_at is None and allows(account.grants, Verb.KEEP_ACCOUNTS)
