"""What the endpoints of sessions, accounts and the audit take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from tierdesk_contracts.vocabulary import Identifier, Name, refuse_nul
from tierdesk_desk.domain.accounts import LOGIN_PATTERN, ROLES_OF_TIERS, Account
from tierdesk_desk.domain.addresses import LONGEST as LONGEST_ADDRESS
from tierdesk_desk.domain.addresses import read_address
from tierdesk_desk.domain.audit import Entry
from tierdesk_desk.domain.passwords import LONGEST, SHORTEST
from tierdesk_desk.domain.roles import Grant, Role

Login = Annotated[str, Field(pattern=LOGIN_PATTERN, description="The login. Upper case is read as lower case.")]
NewPassword = Annotated[
    str,
    StringConstraints(min_length=SHORTEST, max_length=LONGEST),
    AfterValidator(refuse_nul),
    Field(description="Any characters, and not the login."),
]
SomePassword = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]
_TIERED: list[JsonValue] = [role.value for role in sorted(ROLES_OF_TIERS)]


def refuse_truth(value: object) -> object:
    """Pydantic would take true for 1."""
    if isinstance(value, bool):
        raise ValueError("a number is expected")  # noqa: TRY004 - what Pydantic tells as a fault of the field
    return value


def _check_email(value: str) -> str:
    """What can be no address is told as a fault of the field; an empty text is none."""
    return str(read_address(value)) if value.strip() else ""


Capacity = Annotated[int, Field(ge=1, le=1_000), BeforeValidator(refuse_truth)]
Skills = Annotated[tuple[Identifier, ...], Field(max_length=100)]
_DOCUMENTED_ADDRESS: Final = r"^([a-z0-9]{1,60}@[a-z]([a-z0-9]{0,60}[a-z])?\.[a-z]{2,20})?$"
"""What is told of addresses; `domain.addresses` is what judges them, and takes more."""
Email = Annotated[
    str,
    StringConstraints(max_length=LONGEST_ADDRESS),
    AfterValidator(refuse_nul),
    AfterValidator(_check_email),
    Field(json_schema_extra={"pattern": _DOCUMENTED_ADDRESS}),
]


class Taken(BaseModel):
    """The base of what is taken: immutable, and not one field more."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SignInRequest(Taken):
    """Who wants to sign in."""

    name: Annotated[Name, Field(description="The login.")]
    password: SomePassword
    tenant: Annotated[
        Identifier | None, Field(description="Whose account it is; without it the tenant of this desk.")
    ] = None


class PasswordRequest(Taken):
    """Another password for oneself."""

    old: SomePassword
    new: NewPassword


class GrantBody(Taken):
    """A role. Without `tier` it holds for all tiers; without `group` for all groups of the tier."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"tier": {"type": "null"}, "group": {"type": "null"}}},
                {
                    "properties": {"role": {"enum": _TIERED}, "tier": {"type": "string"}},
                    "required": ["tier"],
                },
            ]
        }
    )

    role: Role
    tier: Annotated[Identifier | None, Field(description="Of agents and leads alone.")] = None
    group: Identifier | None = None

    @model_validator(mode="after")
    def _have_its_place(self) -> Self:
        if self.group is not None and self.tier is None:
            raise ValueError("a grant for a group names its tier too")
        if self.tier is not None and self.role not in ROLES_OF_TIERS:
            raise ValueError(f"{self.role.value} holds in the whole tenant; it names no tier")
        return self

    def grant(self) -> Grant:
        """What it grants."""
        return Grant(self.role, self.tier, self.group)

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """The body of a grant that stands."""
        return cls(role=grant.role, tier=grant.tier, group=grant.group)


Grants = Annotated[tuple[GrantBody, ...], Field(max_length=100)]


class NewAccount(Taken):
    """An account to be made."""

    name: Login
    display_name: Name | None = None
    skills: Skills = ()
    capacity: Annotated[
        Capacity | None, Field(description="So many tickets may be held at once; null without a limit.")
    ] = None
    email: Annotated[Email | None, Field(description="Where the desk writes to them.")] = None
    grants: Grants = ()
    party: Annotated[
        Name | None, Field(description="Whom requests name as who asks, when this person does; null for the login.")
    ] = None


class AccountChange(Taken):
    """What is to be changed of an account; what is left out stays."""

    display_name: Name | None = None
    skills: Skills | None = None
    capacity: Annotated[Capacity | None, Field(description="Null takes the limit away.")] = None
    disabled: Annotated[bool | None, Field(strict=True)] = None
    email: Annotated[Email | None, Field(description="Empty takes it away.")] = None
    party: Annotated[Name | None, Field(description="Null for the login.")] = None


class GrantsRequest(Taken):
    """All that is to be granted to an account."""

    grants: Grants


class PersonView(BaseModel):
    """Who is signed in."""

    tenant: str
    account_id: UUID
    name: str
    display_name: str
    grants: tuple[GrantBody, ...]
    skills: tuple[str, ...]
    capacity: int | None


class SessionView(BaseModel):
    """A session. Send `csrf` in X-CSRF-Token with whatever changes something."""

    csrf: str
    person: PersonView
    must_change_password: Annotated[bool, Field(description="Until a password is chosen, nothing else can be done.")]


class AccountView(BaseModel):
    """An account, as administrators see it."""

    id: UUID
    name: str
    display_name: str
    skills: tuple[str, ...]
    capacity: int | None
    must_change_password: bool
    disabled_at: datetime | None
    email: str | None
    grants: tuple[GrantBody, ...]
    party: str
    created_at: datetime
    changed_at: datetime


class AccountPage(BaseModel):
    """Some accounts, in the order of their logins. `next` is null on the last page."""

    accounts: tuple[AccountView, ...]
    next: str | None


class PasswordMade(BaseModel):
    """An account, and the password that was made for it: told this once, and to be changed at the first sign-in."""

    account: AccountView
    one_time_password: str


class EntryView(BaseModel):
    """Something that was done."""

    position: int
    at: datetime
    actor: Annotated[
        str, Field(description="`person:<login>`, `command-line:<user>`, `provider:<id>`, `desk`, or `stranger`.")
    ]
    action: str
    subject: str
    detail: dict[str, Any]
    previous_hash: str
    hash: str


class EntryPage(BaseModel):
    """Some entries, the newest first. `next` is null on the last page."""

    entries: tuple[EntryView, ...]
    next: int | None


class FaultView(BaseModel):
    """The first entry that is not as it was written."""

    position: int
    what: str


class VerdictView(BaseModel):
    """How far the chain holds: to the entry at `position`, whose hash is `hash`; all of it when `fault` is null."""

    position: int
    hash: str
    fault: FaultView | None


def view_person(account: Account) -> PersonView:
    """The person of an account."""
    return PersonView(
        tenant=account.tenant,
        account_id=account.id,
        name=account.name,
        display_name=account.display_name,
        grants=tuple(GrantBody.of(grant) for grant in account.grants),
        skills=account.skills,
        capacity=account.capacity,
    )


def view_account(account: Account) -> AccountView:
    """The account, without what proves its owner."""
    return AccountView(
        id=account.id,
        name=account.name,
        display_name=account.display_name,
        skills=account.skills,
        capacity=account.capacity,
        must_change_password=account.must_change_password,
        disabled_at=account.disabled_at,
        email=account.email,
        grants=tuple(GrantBody.of(grant) for grant in account.grants),
        party=account.party or account.name,
        created_at=account.created_at,
        changed_at=account.changed_at,
    )


def view_entry(entry: Entry) -> EntryView:
    """The entry, whole: whoever has it can follow the chain."""
    return EntryView(
        position=entry.position,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        detail=dict(entry.detail),
        previous_hash=entry.previous_hash,
        hash=entry.hash,
    )
