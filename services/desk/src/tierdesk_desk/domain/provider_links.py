"""Whose account somebody opens who proved at a provider who they are.

An account is opened by issuer and subject, which the provider never gives to another person; the login that its claims name
only leads there for the first time. Who controls that claim (at many providers, anybody about themselves) must not come into
an account that somebody else has or keeps. So it opens none by itself that has a password, is opened by somebody else of that
issuer already, or may give access to others: for these, an administrator of the desk says beforehand that it shall.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tierdesk_desk.domain.accounts import Account, keeps_accounts, order_grants
from tierdesk_desk.domain.roles import Grant

RESERVED: Final = frozenset({"admin"})
"""No provider makes an account of this login: it is that of the first administrator."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider tells of them. `login` is None where the claims name none that could be one here."""

    issuer: str
    subject: str
    login: str | None
    display_name: str = ""
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """The account of the login that was told, and what speaks for or against its being theirs."""

    account: Account
    has_password: bool
    is_linked: bool
    """Somebody else of this issuer opens it."""
    is_consented: bool
    """An administrator said that whoever has this login at the provider shall open it."""


class Refusal(StrEnum):
    """Why somebody is not let in, as the audit tells it. The person is told one thing for all of them."""

    DISABLED = "disabled"
    UNKNOWN = "unknown"
    NO_LOGIN = "no-login"
    RESERVED = "reserved"
    OTHERS = "linked-to-another"
    PASSWORD = "has-a-password"  # noqa: S105 - a word of the audit
    KEEPER = "keeps-accounts"
    NOT_LINKED = "not-linked"


@dataclass(frozen=True, slots=True)
class Opens:
    """They open this account; with `is_new_link`, from now on."""

    account: Account
    is_new_link: bool = False


@dataclass(frozen=True, slots=True)
class Creates:
    """They get an account of this login."""

    login: str


@dataclass(frozen=True, slots=True)
class Refuses:
    """They are not let in; `account` is the one it was about."""

    why: Refusal
    account: Account | None = None


Admission = Opens | Creates | Refuses


def decide(
    identity: Identity,
    *,
    linked: Account | None,
    invited: Named | None,
    named: Named | None,
    link_by_login: bool,
    creates_accounts: bool,
) -> Admission:
    """What becomes of somebody who proved who they are.

    `linked` is the account that they open already, `invited` the one that an administrator opened to this very subject,
    `named` the one of their login. A link counts before all else: who has one opens that account, whatever login is told.
    """
    if linked is not None:
        return Refuses(Refusal.DISABLED, linked) if linked.disabled_at is not None else Opens(linked)
    if invited is not None:
        return _link(invited)
    if identity.login is None:
        return Refuses(Refusal.NO_LOGIN)
    if named is not None:
        return _link(named) if named.is_consented else _claim(named, link_by_login=link_by_login)
    return _create(identity.login, creates_accounts=creates_accounts)


def refresh_grants(
    held: tuple[Grant, ...], given_before: tuple[Grant, ...], given_now: tuple[Grant, ...]
) -> tuple[tuple[Grant, ...], tuple[Grant, ...]]:
    """All that is granted from now on, and what of it the provider gave: what it gives no more goes, what others gave stays."""
    own = set(held) - set(given_before)
    return order_grants(own | set(given_now)), order_grants(set(given_now) - own)


def _create(login: str, *, creates_accounts: bool) -> Admission:
    if not creates_accounts:
        return Refuses(Refusal.UNKNOWN)
    return Refuses(Refusal.RESERVED) if login in RESERVED else Creates(login)


def _claim(named: Named, *, link_by_login: bool) -> Admission:
    for speaks_against, why in (
        (not link_by_login, Refusal.NOT_LINKED),
        (named.has_password, Refusal.PASSWORD),
        (keeps_accounts(named.account), Refusal.KEEPER),
    ):
        if speaks_against:
            return Refuses(why, named.account)
    return _link(named)


def _link(named: Named) -> Admission:
    if named.account.disabled_at is not None:
        return Refuses(Refusal.DISABLED, named.account)
    if named.is_linked:
        return Refuses(Refusal.OTHERS, named.account)
    return Opens(named.account, is_new_link=True)
