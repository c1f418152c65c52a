"""Accounts and their grants."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Label, RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.accounts import Account
from tierdesk_desk.domain.roles import PERMISSIONS, Grant, Role, Verb
from tierdesk_desk.store.account_tables import account as accounts
from tierdesk_desk.store.account_tables import account_grant as grants

_KEEPERS: Final = sorted(role.value for role in Role if Verb.KEEP_ACCOUNTS in PERMISSIONS[role])
_ROLES: Final = frozenset(role.value for role in Role)
_GRANTED: Final[Label[Any]] = (
    select(func.jsonb_agg(func.jsonb_build_array(grants.c.role, grants.c.tier, grants.c.group_id), type_=JSONB))
    .where(grants.c.tenant == accounts.c.tenant, grants.c.account_id == accounts.c.id)
    .scalar_subquery()
    .label("granted")
)
ACCOUNT_COLUMNS: Final = (
    accounts.c.tenant, accounts.c.id, accounts.c.name, accounts.c.display_name, accounts.c.skills,
    accounts.c.capacity, accounts.c.must_change_password, accounts.c.disabled_at, accounts.c.email,
    accounts.c.created_at.label("account_created_at"), accounts.c.changed_at, accounts.c.party, _GRANTED,
)  # fmt: skip
"""What `account_of` makes an account of."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves who owns an account. Without `password_hash` no password does."""

    account: Account
    password_hash: str | None
    is_expired: bool
    """Whether the password's time is over, by the database's clock."""


async def has_accounts(connection: AsyncConnection, tenant: str) -> bool:
    """Whether the tenant has any account, disabled ones too."""
    statement = select(select(accounts.c.id).where(accounts.c.tenant == tenant).exists())
    return bool((await connection.execute(statement)).scalar_one())


async def read_account(connection: AsyncConnection, tenant: str, account_id: UUID) -> Account | None:
    """The account; None when the tenant has none of this identifier."""
    return await _one(connection, _accounts(tenant).where(accounts.c.id == account_id))


async def find_account(connection: AsyncConnection, tenant: str, name: str) -> Account | None:
    """The account of this login, which is in lower case."""
    return await _one(connection, _accounts(tenant).where(accounts.c.name == name))


async def find_display_names(connection: AsyncConnection, tenant: str, names: Collection[str]) -> dict[str, str]:
    """How others see the people of these logins."""
    if not names:
        return {}
    statement = select(accounts.c.name, accounts.c.display_name).where(
        accounts.c.tenant == tenant, accounts.c.name.in_(sorted(names))
    )
    return {row.name: row.display_name for row in await connection.execute(statement)}


async def list_accounts(
    connection: AsyncConnection, tenant: str, *, after: str | None = None, limit: int
) -> list[Account]:
    """Accounts in the order of their logins, those after this one."""
    statement = _accounts(tenant).order_by(accounts.c.name).limit(limit)
    if after is not None:
        statement = statement.where(accounts.c.name > after)
    return [account_of(row) for row in (await connection.execute(statement)).mappings()]


async def count_keepers(connection: AsyncConnection, tenant: str) -> int:
    """How many of the tenant may give access: administrators that are not disabled."""
    granted = select(grants.c.account_id).where(
        grants.c.tenant == accounts.c.tenant, grants.c.account_id == accounts.c.id, grants.c.role.in_(_KEEPERS)
    )
    statement = (
        select(func.count())
        .select_from(accounts)
        .where(accounts.c.tenant == tenant, accounts.c.disabled_at.is_(None), granted.exists())
    )
    return int((await connection.execute(statement)).scalar_one())


async def add_account(connection: AsyncConnection, account: Account) -> None:
    """Keep a new account, without a password, and its grants. Raises SQLAlchemy's `IntegrityError` for a login that is taken."""
    await connection.execute(insert(accounts).values(_values(account)))
    await _add_grants(connection, account)


async def save_account(connection: AsyncConnection, account: Account) -> None:
    """Write what may change of an account, and its grants."""
    await connection.execute(update(accounts).where(*_is(account)).values(_values(account)))
    await connection.execute(delete(grants).where(grants.c.tenant == account.tenant, grants.c.account_id == account.id))
    await _add_grants(connection, account)


async def save_password(
    connection: AsyncConnection, account: Account, password_hash: str, *, valid_for: timedelta | None
) -> None:
    """Let this password prove who owns the account; with `valid_for` only so long, by the database's clock."""
    expires_at = None if valid_for is None else func.now() + valid_for
    await connection.execute(
        update(accounts).where(*_is(account)).values(password_hash=password_hash, password_expires_at=expires_at)
    )


async def save_hash(connection: AsyncConnection, account: Account, *, before: str, after: str) -> None:
    """Keep the same password under a better hash, unless it was changed meanwhile."""
    await connection.execute(
        update(accounts).where(*_is(account), accounts.c.password_hash == before).values(password_hash=after)
    )


async def find_credential(connection: AsyncConnection, tenant: str, name: str) -> Credential | None:
    """What proves who owns the account of this login, which is in lower case."""
    return await _credential(connection, _credentials(tenant).where(accounts.c.name == name))


async def read_credential(connection: AsyncConnection, tenant: str, account_id: UUID) -> Credential | None:
    """The same, by the account's identifier."""
    return await _credential(connection, _credentials(tenant).where(accounts.c.id == account_id))


def account_of(row: RowMapping) -> Account:
    """The account of a row of `ACCOUNT_COLUMNS`. Roles that this release does not know grant nothing."""
    granted: Sequence[tuple[str, str, str]] = row["granted"] or ()
    return Account(
        tenant=row["tenant"],
        id=row["id"],
        name=row["name"],
        display_name=row["display_name"],
        created_at=row["account_created_at"],
        changed_at=row["changed_at"],
        skills=tuple(row["skills"]),
        capacity=row["capacity"],
        must_change_password=row["must_change_password"],
        disabled_at=row["disabled_at"],
        email=row["email"],
        party=row["party"],
        grants=tuple(
            Grant(Role(role), tier or None, group or None)
            for role, tier, group in sorted(map(tuple, granted))
            if role in _ROLES
        ),
    )


def _accounts(tenant: str) -> Select[Any]:
    return select(*ACCOUNT_COLUMNS).where(accounts.c.tenant == tenant)


def _credentials(tenant: str) -> Select[Any]:
    expired = func.coalesce(accounts.c.password_expires_at <= func.now(), False).label("is_expired")
    return select(*ACCOUNT_COLUMNS, accounts.c.password_hash, expired).where(accounts.c.tenant == tenant)


async def _one(connection: AsyncConnection, statement: Select[Any]) -> Account | None:
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else account_of(row)


async def _credential(connection: AsyncConnection, statement: Select[Any]) -> Credential | None:
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Credential(account_of(row), row["password_hash"], row["is_expired"])


def _is(account: Account) -> tuple[Any, Any]:
    return accounts.c.tenant == account.tenant, accounts.c.id == account.id


def _values(account: Account) -> dict[str, Any]:
    values = asdict(account)
    del values["grants"]
    return values | {"skills": list(account.skills)}


async def _add_grants(connection: AsyncConnection, account: Account) -> None:
    rows = [
        {
            "tenant": account.tenant,
            "account_id": account.id,
            "role": grant.role.value,
            "tier": grant.tier or "",
            "group_id": grant.group or "",
        }
        for grant in account.grants
    ]
    if rows:
        await connection.execute(insert(grants), rows)
