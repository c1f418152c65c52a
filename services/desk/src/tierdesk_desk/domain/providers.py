"""OpenID providers: where people of a company prove who they are, and what their claims are worth here.

All of it is an operator's to say, as data: which claim is the login, which group gives which grant, whether somebody who is
unknown gets an account. A claim that is missing or of another type than expected gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tierdesk_contracts.vocabulary import Identifier, Name
from tierdesk_desk.domain.accounts import AccountError, order_grants, read_grant, read_login
from tierdesk_desk.domain.roles import Grant

Claims = Mapping[str, Any]
"""What a provider says of somebody."""
_LONGEST_NAME: Final = 200
_MOST_VALUES: Final = 10_000
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DOMAIN: Final = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
_ADDRESS: Final = re.compile(r"https?://[!-~]{1,1000}", re.ASCII)


def is_safe_address(url: str) -> bool:
    """Whether what is sent there stays secret on its way: https, or this machine itself."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not _ADDRESS.fullmatch(url) or "\\" in url or not parts.hostname or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


def _check_issuer(url: str) -> str:
    if not is_safe_address(url) or "?" in url:
        raise ValueError("write it as the provider does: https, no query, no fragment (http on this machine alone)")
    return url


def _read_grants(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    try:
        return order_grants(one if isinstance(one, Grant) else read_grant(str(one)) for one in value)
    except AccountError as error:
        raise ValueError(error.reason) from None


def _read_path(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _read_login(value: str) -> str:
    try:
        return read_login(value)
    except AccountError as error:
        raise ValueError(error.reason) from None


Grants = Annotated[tuple[Grant, ...], BeforeValidator(_read_grants)]
ClaimPath = Annotated[tuple[Name, ...], BeforeValidator(_read_path), Field(min_length=1, max_length=5)]
"""The name of a claim, or the names that lead to it in objects: `groups`, `[realm_access, roles]`."""
Login = Annotated[str, AfterValidator(_read_login)]
Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,100}$")]


class Told(BaseModel):
    """The base of what stands in the file: immutable, and not one field more."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GrantRule(Told):
    """Whoever has this value among those of the claim gets these grants."""

    claim: ClaimPath
    value: Name
    grants: Annotated[Grants, Field(min_length=1)]


class Provider(Told):
    """A provider, for the people of one tenant."""

    id: Identifier
    tenant: Identifier = "main"
    name: Annotated[Name, Field(description="What the button says.")]
    issuer: Annotated[str, AfterValidator(_check_issuer)]
    client_id: Name
    client_secret_file: Annotated[
        Path | None, Field(description="Beside this file, unless it begins with /. Without it: a public client.")
    ] = None
    ca_file: Annotated[Path | None, Field(description="Certificates that vouch for the provider's.")] = None
    scopes: Annotated[tuple[Scope, ...], Field(max_length=20)] = ("openid", "profile", "email")
    login_claim: ClaimPath = ("preferred_username",)
    login_domain: Annotated[
        str | None, Field(pattern=_DOMAIN, description="`@` and this are taken off the end of the login claim.")
    ] = None
    name_claim: ClaimPath = ("name",)
    email_is_verified: Annotated[
        bool, Field(description="An `email` is good for the login though the provider does not say `email_verified`.")
    ] = False
    grants: Annotated[tuple[GrantRule, ...], Field(max_length=500)] = ()
    link_by_login: Annotated[
        bool, Field(description="Whether the login claim opens an account that has no password and keeps no accounts.")
    ] = False
    creates_accounts: bool = False
    first_grants: Annotated[Grants, Field(description="What an account that is made so begins with.")] = ()
    userinfo: Annotated[bool, Field(description="Whether claims are asked for at the userinfo endpoint too.")] = False
    session_hours: Annotated[int, Field(ge=1, le=168)] = 12
    signs_out: Annotated[bool, Field(description="Whether signing out here signs out there too.")] = True

    @model_validator(mode="after")
    def _ask_for_a_token(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid is missing, and without it there is no ID token")
        return self


class Providers(Told):
    """All that the file says. `passwords_of` names, for a tenant, the only logins that may sign in with a password."""

    providers: Annotated[tuple[Provider, ...], Field(max_length=100)] = ()
    passwords_of: dict[Identifier, Annotated[tuple[Login, ...], Field(min_length=1, max_length=100)]] = {}

    @model_validator(mode="after")
    def _have_each_once(self) -> Self:
        ids = [one.id for one in self.providers]
        if len(ids) != len(set(ids)):
            raise ValueError("providers: two have the same id")
        clients = [(one.tenant, one.issuer) for one in self.providers]
        if len(clients) != len(set(clients)):
            raise ValueError("providers: two of one tenant have the same issuer")
        if lost := set(self.passwords_of) - {one.tenant for one in self.providers}:
            raise ValueError(f"passwords_of: {min(lost)} has no provider, so nobody else could sign in")
        return self

    def of_tenant(self, tenant: str) -> tuple[Provider, ...]:
        """Those of this tenant, in the order of the file."""
        return tuple(one for one in self.providers if one.tenant == tenant)


def login_of(provider: Provider, claims: Claims) -> str | None:
    """The login that these claims name, as it is kept; None when they name none that could be one here.

    Nothing is folded but upper case: what only looks like a login is none. An `email` that nobody verified is none either.
    """
    value = _pick(claims, provider.login_claim)
    if not isinstance(value, str):
        return None
    if (
        provider.login_claim == ("email",)
        and not provider.email_is_verified
        and claims.get("email_verified") is not True
    ):
        return None
    try:
        login = read_login(value)
        return login if provider.login_domain is None else read_login(login.removesuffix(f"@{provider.login_domain}"))
    except AccountError:
        return None


def name_of(provider: Provider, claims: Claims) -> str:
    """How others see the person; empty when the claims do not tell."""
    value = _pick(claims, provider.name_claim)
    if not isinstance(value, str):
        return ""
    return " ".join("".join(one if one.isprintable() else " " for one in value[: 4 * _LONGEST_NAME]).split())[
        :_LONGEST_NAME
    ]


def grants_of(provider: Provider, claims: Claims) -> tuple[Grant, ...]:
    """What these claims give, by the rules."""
    found = (
        grant for rule in provider.grants if rule.value in _texts(_pick(claims, rule.claim)) for grant in rule.grants
    )
    return order_grants(found)


def _pick(claims: Claims, path: tuple[str, ...]) -> object:
    value: object = claims
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _texts(value: object) -> frozenset[str]:
    def each() -> Iterator[str]:
        for one in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            if isinstance(one, str):
                yield one

    return frozenset(one for _, one in zip(range(_MOST_VALUES), each(), strict=False))
