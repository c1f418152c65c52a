"""Which account somebody opens who proved at a provider who they are; what is changed by it, and by administrators.

Each change stands in the audit, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from tierdesk_desk.accounts import LastAdministratorError, UnknownAccountError
from tierdesk_desk.domain.accounts import Account, order_grants, write_grant
from tierdesk_desk.domain.provider_links import Creates, Identity, Named, Opens, Refuses, decide, refresh_grants
from tierdesk_desk.domain.providers import Provider
from tierdesk_desk.domain.roles import Grant
from tierdesk_desk.store import accounts
from tierdesk_desk.store import provider_links as links
from tierdesk_desk.store.audit import Trail, open_trail
from tierdesk_desk.store.provider_links import Link
from tierdesk_desk.store.sessions import end_sessions
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, Transaction

INVITED: Final = timedelta(days=7)
"""So long an administrator's word that somebody shall open an account is good, by the database's clock."""


class LinkedAlreadyError(Exception):
    """Somebody opens the account, or the account of this subject is another; the text says which."""


class Linking:
    """Keeps the links. `by` is the actor that the audit names."""

    def __init__(self, database: Database, clock: Clock, identifiers: Identifiers) -> None:
        self._database = database
        self._clock = clock
        self._identifiers = identifiers

    async def admit(self, tx: Transaction, trail: Trail, provider: Provider, identity: Identity) -> Account | Refuses:
        """The account that this identity opens, its grants as the provider gives them now; else why it opens none."""
        link = await links.find_link(tx.connection, trail.tenant, identity.issuer, identity.subject)
        admission = decide(
            identity,
            linked=None if link is None else await accounts.read_account(tx.connection, trail.tenant, link.account_id),
            invited=await self._find_invited(tx, trail.tenant, provider, identity),
            named=await self._find_named(tx, trail.tenant, provider, identity),
            link_by_login=provider.link_by_login,
            creates_accounts=provider.creates_accounts,
        )
        match admission:
            case Refuses():
                return admission
            case Creates(login=login):
                account = await self._create(tx, trail, provider, identity, login)
                link = await self._link(tx, trail, provider, identity, account)
            case Opens(account=account, is_new_link=is_new):
                if is_new or link is None:
                    link = await self._link(tx, trail, provider, identity, account)
        return await self._refresh(tx, trail, provider, identity, account, link)

    async def invite(
        self, tenant: str, account_id: UUID, provider: str, *, subject: str | None = None, by: str
    ) -> Account:
        """Let the account be opened by this subject of the provider, else by whoever has its login there; once.

        Good for `INVITED`. Raises `UnknownAccountError` and `LinkedAlreadyError`.
        """
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, tenant)
            account = await self._read(tx, tenant, account_id)
            if any(link.provider == provider for link in await links.list_links(tx.connection, tenant, [account_id])):
                raise LinkedAlreadyError(f"somebody of {provider} opens {account.name} already: unlink it first")
            if subject is not None:
                other = await links.find_invited(tx.connection, tenant, provider, subject)
                if other not in {None, account_id}:
                    raise LinkedAlreadyError(f"another account is open to the subject {subject} already")
            await links.invite(tx.connection, account, provider, subject, valid_for=INVITED)
            detail = {"provider": provider} | ({} if subject is None else {"subject": subject})
            await self._note(trail, by, "account.opened", account, detail)
        return account

    async def unlink(self, tenant: str, account_id: UUID, provider: str | None = None, *, by: str) -> list[Link]:
        """Let nobody of this provider, or of any, open the account; what they gave goes, and the person is signed out.

        Answers the links that there were. Raises `UnknownAccountError` and `LastAdministratorError`.
        """
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, tenant)
            account = await self._read(tx, tenant, account_id)
            await links.end_invitations(tx.connection, tenant, account_id, provider)
            removed = await links.remove_links(tx.connection, tenant, account_id, provider)
            for link in removed:
                detail = {"provider": link.provider, "issuer": link.issuer, "subject": link.subject}
                await self._note(trail, by, "account.unlinked", account, detail)
            given = {grant for link in removed for grant in link.granted}
            left = tuple(grant for grant in account.grants if grant not in given)
            kept = await accounts.count_keepers(tx.connection, tenant)
            await self._grant(tx, trail, account, left, by)
            if kept and not await accounts.count_keepers(tx.connection, tenant):
                raise LastAdministratorError
            if removed:
                await end_sessions(tx.connection, tenant, account_id)
        return removed

    async def links_of(self, tenant: str, account_ids: Iterable[UUID]) -> list[Link]:
        """Who opens these accounts."""
        async with self._database.read() as connection:
            return await links.list_links(connection, tenant, account_ids)

    async def _find_invited(self, tx: Transaction, tenant: str, provider: Provider, identity: Identity) -> Named | None:
        account_id = await links.find_invited(tx.connection, tenant, provider.id, identity.subject)
        account = None if account_id is None else await accounts.read_account(tx.connection, tenant, account_id)
        return None if account is None else await self._name(tx, provider, identity, account)

    async def _find_named(self, tx: Transaction, tenant: str, provider: Provider, identity: Identity) -> Named | None:
        if identity.login is None:
            return None
        account = await accounts.find_account(tx.connection, tenant, identity.login)
        return None if account is None else await self._name(tx, provider, identity, account)

    async def _name(self, tx: Transaction, provider: Provider, identity: Identity, account: Account) -> Named:
        credential = await accounts.read_credential(tx.connection, account.tenant, account.id)
        return Named(
            account,
            has_password=credential is not None and credential.password_hash is not None,
            is_linked=await links.is_linked(tx.connection, account.tenant, account.id, identity.issuer),
            is_consented=await links.is_open_to_login(tx.connection, account.tenant, account.id, provider.id),
        )

    async def _create(
        self, tx: Transaction, trail: Trail, provider: Provider, identity: Identity, login: str
    ) -> Account:
        now = self._clock.now()
        account = Account(
            tenant=trail.tenant,
            id=self._identifiers.new(),
            name=login,
            display_name=identity.display_name or login,
            created_at=now,
            changed_at=now,
            must_change_password=False,
            grants=provider.first_grants,
        )
        await accounts.add_account(tx.connection, account)
        detail = {"display_name": account.display_name, "grants": _written(account.grants), "disabled": False}
        await self._note(trail, _actor(provider), "account.added", account, detail)
        return account

    async def _link(
        self, tx: Transaction, trail: Trail, provider: Provider, identity: Identity, account: Account
    ) -> Link:
        now = self._clock.now()
        link = Link(account.tenant, identity.issuer, identity.subject, account.id, provider.id, (), now, now)
        await links.add_link(tx.connection, link)
        await links.end_invitations(tx.connection, account.tenant, account.id, provider.id)
        detail = {"provider": provider.id, "issuer": identity.issuer, "subject": identity.subject}
        await self._note(trail, _actor(provider), "account.linked", account, detail)
        return link

    async def _refresh(
        self,
        tx: Transaction,
        trail: Trail,
        provider: Provider,
        identity: Identity,
        account: Account,
        link: Link,
    ) -> Account:
        """The last administrator loses that role too where the provider takes it: the command line makes another."""
        held, given = refresh_grants(account.grants, link.granted, identity.grants)
        after = await self._grant(tx, trail, account, held, _actor(provider))
        await links.save_link(
            tx.connection, replace(link, provider=provider.id, granted=given, seen_at=self._clock.now())
        )
        return after

    async def _grant(
        self, tx: Transaction, trail: Trail, before: Account, grants: tuple[Grant, ...], by: str
    ) -> Account:
        if order_grants(grants) == order_grants(before.grants):
            return before
        after = replace(before, grants=grants, changed_at=self._clock.now())
        await accounts.save_account(tx.connection, after)
        await end_sessions(tx.connection, after.tenant, after.id)
        changed = {"grants": {"before": _written(before.grants), "after": _written(grants)}}
        await self._note(trail, by, "account.granted", after, changed)
        return after

    async def _read(self, tx: Transaction, tenant: str, account_id: UUID) -> Account:
        account = await accounts.read_account(tx.connection, tenant, account_id)
        if account is None:
            raise UnknownAccountError(f"no account {account_id} in the tenant {tenant}")
        return account

    async def _note(self, trail: Trail, by: str, action: str, account: Account, detail: dict[str, Any]) -> None:
        await trail.note(at=self._clock.now(), actor=by, action=action, subject=account.name, detail=detail)


def _actor(provider: Provider) -> str:
    return f"provider:{provider.id}"


def _written(grants: Iterable[Grant]) -> list[str]:
    return [write_grant(grant) for grant in grants]
