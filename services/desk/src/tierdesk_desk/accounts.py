"""What is done to accounts, each with its entry in the audit and in one transaction with it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from tierdesk_desk.domain.accounts import Account, AccountError, order_grants, read_email, read_login, write_grant
from tierdesk_desk.domain.passwords import ONE_TIME_BYTES, one_time_password
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.store import accounts as store
from tierdesk_desk.store.audit import Trail, open_trail
from tierdesk_desk.store.provider_links import keep_by_hand
from tierdesk_desk.store.sessions import end_sessions
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, Transaction

FIRST_NAME: Final = "admin"
ONE_TIME_VALID: Final = timedelta(days=7)
"""So long may a one-time password be used to choose another, by the database's clock."""


class UnknownAccountError(Exception):
    """The tenant has no such account."""


class NameTakenError(Exception):
    """Another account of the tenant has this login."""


class LastAdministratorError(Exception):
    """Nobody would be left who may give access."""

    def __init__(self) -> None:
        super().__init__("it is the last administrator: make another one first")


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of an account; what is None stays. A capacity of 0 means no limit, an empty `email` none."""

    display_name: str | None = None
    skills: tuple[str, ...] | None = None
    capacity: int | None = None
    disabled: bool | None = None
    email: str | None = None
    party: str | None = None
    """Empty text for the login."""


class Accounts:
    """Keeps the accounts. `by` is the actor that the audit names, such as `person:ana`."""

    def __init__(
        self,
        database: Database,
        hashing: PasswordHashing,
        clock: Clock,
        identifiers: Identifiers,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._hashing = hashing
        self._clock = clock
        self._identifiers = identifiers
        self._random_bytes = random_bytes

    async def add(
        self,
        tenant: str,
        name: str,
        *,
        by: str,
        display_name: str = "",
        skills: Iterable[str] = (),
        capacity: int | None = None,
        email: str = "",
        grants: Iterable[Grant] = (),
        party: str | None = None,
        only_as_first: bool = False,
        must_change: bool = True,
        has_password: bool = True,
    ) -> tuple[Account, str]:
        """Make an account. Answers it and its password, which is told this once and must be changed at the first sign-in.

        Without `has_password` there is none, and its owner comes from a provider. Raises `AccountError` and
        `NameTakenError`; with `only_as_first` the latter when there is any account.
        """
        now = self._clock.now()
        login = read_login(name)
        account = Account(
            tenant=tenant,
            id=self._identifiers.new(),
            name=login,
            display_name=display_name or login,
            created_at=now,
            changed_at=now,
            skills=tuple(dict.fromkeys(skills)),
            capacity=capacity,
            email=read_email(email),
            must_change_password=must_change and has_password,
            grants=order_grants(grants),
            party=party,
        )
        password, password_hash = await self._make_password() if has_password else ("", None)
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, tenant)
            taken = store.has_accounts(tx.connection, tenant) if only_as_first else self._is_taken(tx, account)
            if await taken:
                raise NameTakenError(f"there is an account {login} already")
            await store.add_account(tx.connection, account)
            if password_hash is not None:
                # A desk may stand for weeks before anybody looks at it.
                valid_for = None if only_as_first or not must_change else ONE_TIME_VALID
                await store.save_password(tx.connection, account, password_hash, valid_for=valid_for)
            await self._note(trail, by, "account.added", account, _told(account))
        return account, password

    async def change(self, tenant: str, account_id: UUID, changes: Changes, *, by: str) -> Account:
        """Change what is known of somebody, or disable or enable the account. Who is disabled is signed out at once.

        What changes nothing is not noted. Raises `AccountError`, `UnknownAccountError` and `LastAdministratorError`.
        """
        async with self._changing(tenant, account_id) as (tx, trail, before):
            disabled_at = before.disabled_at
            if changes.disabled is not None:
                disabled_at = (disabled_at or self._clock.now()) if changes.disabled else None
            after = replace(
                before,
                display_name=before.display_name if changes.display_name is None else changes.display_name,
                skills=before.skills if changes.skills is None else tuple(dict.fromkeys(changes.skills)),
                capacity=before.capacity if changes.capacity is None else changes.capacity or None,
                disabled_at=disabled_at,
                email=before.email if changes.email is None else read_email(changes.email),
                party=before.party if changes.party is None else changes.party or None,
            )
            return await self._save(tx, trail, before, after, by)

    async def set_grants(self, tenant: str, account_id: UUID, grants: Iterable[Grant], *, by: str) -> Account:
        """Grant these in the place of all others, and sign the person out. The same ones again change nothing.

        Raises `AccountError`, `UnknownAccountError` and `LastAdministratorError`.
        """
        wanted = order_grants(grants)
        async with self._changing(tenant, account_id) as (tx, trail, before):
            return await self._save(tx, trail, before, replace(before, grants=wanted), by)

    async def add_grants(self, tenant: str, account_id: UUID, grants: Iterable[Grant], *, by: str) -> Account:
        """Grant these too, whatever a provider says later. As `set_grants`."""
        added = tuple(grants)
        async with self._changing(tenant, account_id) as (tx, trail, before):
            await keep_by_hand(tx.connection, before, added)
            after = replace(before, grants=order_grants((*before.grants, *added)))
            return await self._save(tx, trail, before, after, by)

    async def revoke_grants(self, tenant: str, account_id: UUID, grants: Iterable[Grant], *, by: str) -> Account:
        """Take these away. Raises `AccountError` for one that the account does not have; as `set_grants`."""
        taken = set(grants)
        async with self._changing(tenant, account_id) as (tx, trail, before):
            if missing := taken - set(before.grants):
                raise AccountError(
                    "grants", f"{before.name} does not have {write_grant(min(missing, key=write_grant))}"
                )
            after = replace(before, grants=tuple(one for one in before.grants if one not in taken))
            return await self._save(tx, trail, before, after, by)

    async def reset_password(self, tenant: str, account_id: UUID, *, by: str) -> tuple[Account, str]:
        """Make a new password that must be changed, and sign the person out. Answers it: this once.

        It is valid for `ONE_TIME_VALID`. Raises `UnknownAccountError`.
        """
        password, password_hash = await self._make_password()
        async with self._changing(tenant, account_id) as (tx, trail, before):
            account = replace(before, must_change_password=True, changed_at=self._clock.now())
            await store.save_account(tx.connection, account)
            await store.save_password(tx.connection, account, password_hash, valid_for=ONE_TIME_VALID)
            await end_sessions(tx.connection, tenant, account_id)
            await self._note(trail, by, "account.password-reset", account, {})
        return account, password

    async def sign_out(self, tenant: str, account_id: UUID, *, by: str) -> Account:
        """End all sessions of the account. Of whoever has none nothing is noted. Raises `UnknownAccountError`."""
        async with self._changing(tenant, account_id) as (tx, trail, account):
            if await end_sessions(tx.connection, tenant, account_id):
                await self._note(trail, by, "account.signed-out", account, {})
        return account

    async def find(self, tenant: str, name: str) -> Account:
        """The account of this login. Raises `UnknownAccountError`."""
        async with self._database.read() as connection:
            account = await store.find_account(connection, tenant, name.strip().lower())
        if account is None:
            raise UnknownAccountError(f"no account {name} in the tenant {tenant}")
        return account

    async def read(self, tenant: str, account_id: UUID) -> Account:
        """The account of this identifier. Raises `UnknownAccountError`."""
        async with self._database.read() as connection:
            account = await store.read_account(connection, tenant, account_id)
        if account is None:
            raise UnknownAccountError(f"no account {account_id} in the tenant {tenant}")
        return account

    async def page(self, tenant: str, *, after: str | None = None, limit: int) -> list[Account]:
        """Accounts in the order of their logins, those after this one."""
        async with self._database.read() as connection:
            return await store.list_accounts(connection, tenant, after=after, limit=limit)

    @asynccontextmanager
    async def _changing(self, tenant: str, account_id: UUID) -> AsyncIterator[tuple[Transaction, Trail, Account]]:
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, tenant)  # from here on nobody else changes an account of this tenant
            account = await store.read_account(tx.connection, tenant, account_id)
            if account is None:
                raise UnknownAccountError(f"no account {account_id} in the tenant {tenant}")
            yield tx, trail, account

    async def _save(self, tx: Transaction, trail: Trail, before: Account, after: Account, by: str) -> Account:
        if after == before:
            return before
        after = replace(after, changed_at=self._clock.now())
        kept = await store.count_keepers(tx.connection, after.tenant)
        await store.save_account(tx.connection, after)
        if kept and not await store.count_keepers(tx.connection, after.tenant):
            raise LastAdministratorError
        if after.disabled_at != before.disabled_at or after.grants != before.grants:
            await end_sessions(tx.connection, after.tenant, after.id)
        was, now = _told(before), _told(after)
        changed = {name: {"before": was[name], "after": now[name]} for name in now if was[name] != now[name]}
        await self._note(trail, by, _action(before, after), after, changed)
        return after

    async def _make_password(self) -> tuple[str, str]:
        password = one_time_password(self._random_bytes(ONE_TIME_BYTES))
        return password, await self._hashing.hash(password)

    async def _note(self, trail: Trail, by: str, action: str, account: Account, detail: dict[str, Any]) -> None:
        await trail.note(at=self._clock.now(), actor=by, action=action, subject=account.name, detail=detail)

    async def _is_taken(self, tx: Transaction, account: Account) -> bool:
        return await store.find_account(tx.connection, account.tenant, account.name) is not None


async def create_first_administrator(
    database: Database,
    tenant: str,
    clock: Clock,
    identifiers: Identifiers,
    *,
    grants: Iterable[Grant] = (),
    must_change: bool = True,
) -> tuple[str, str] | None:
    """Make the account `admin` of a tenant that has none, and answer login and password; None when it has any.

    Of two processes that try, one makes it. It is an administrator, and has these `grants` besides. The password does not
    expire; with `must_change` another must be chosen at the first sign-in.
    """
    async with database.read() as connection:
        if await store.has_accounts(connection, tenant):
            return None
    hashing = PasswordHashing()
    try:
        account, password = await Accounts(database, hashing, clock, identifiers).add(
            tenant,
            FIRST_NAME,
            by="desk",
            display_name="Administrator",
            grants=(Grant(Role.ADMINISTRATOR), *grants),
            only_as_first=True,
            must_change=must_change,
        )
    except NameTakenError:
        return None
    finally:
        hashing.close()
    return account.name, password


def _action(before: Account, after: Account) -> str:
    if before.disabled_at is None and after.disabled_at is not None:
        return "account.disabled"
    if before.disabled_at is not None and after.disabled_at is None:
        return "account.enabled"
    return "account.granted" if before.grants != after.grants else "account.changed"


def _told(account: Account) -> dict[str, Any]:
    return {
        "display_name": account.display_name,
        "skills": list(account.skills),
        "capacity": account.capacity,
        "email": account.email,
        "disabled": account.disabled_at is not None,
        "grants": [write_grant(grant) for grant in account.grants],
        "party": account.party,
    }
