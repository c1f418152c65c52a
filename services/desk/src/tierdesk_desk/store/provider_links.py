"""Who opens which account from a provider, whom an administrator let in, and what was used up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.accounts import Account, read_grant, write_grant
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.store.link_tables import account_invitation as invitations
from tierdesk_desk.store.link_tables import account_link as links
from tierdesk_desk.store.link_tables import spent

_FORGET: Final = text("""
    DELETE FROM desk.spent WHERE digest IN (
        SELECT digest FROM desk.spent WHERE expires_at <= now() ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
    )
""")
_ROLES: Final = frozenset(role.value for role in Role)


@dataclass(frozen=True, slots=True)
class Link:
    """Somebody of an issuer, and the account that they open. `granted` is what of its grants the provider gave."""

    tenant: str
    issuer: str
    subject: str
    account_id: UUID
    provider: str
    granted: tuple[Grant, ...]
    linked_at: datetime
    seen_at: datetime


async def find_link(connection: AsyncConnection, tenant: str, issuer: str, subject: str) -> Link | None:
    """The link of this subject."""
    statement = select(links).where(links.c.tenant == tenant, links.c.issuer == issuer, links.c.subject == subject)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _link(row)


async def list_links(connection: AsyncConnection, tenant: str, account_ids: Iterable[UUID]) -> list[Link]:
    """The links of these accounts."""
    statement = select(links).where(links.c.tenant == tenant, links.c.account_id.in_(list(account_ids)))
    return [_link(row) for row in (await connection.execute(statement.order_by(links.c.issuer))).mappings()]


async def is_linked(connection: AsyncConnection, tenant: str, account_id: UUID, issuer: str) -> bool:
    """Whether anybody of this issuer opens the account."""
    found = select(links.c.subject).where(
        links.c.tenant == tenant, links.c.account_id == account_id, links.c.issuer == issuer
    )
    return bool((await connection.execute(select(found.exists()))).scalar_one())


async def add_link(connection: AsyncConnection, link: Link) -> None:
    """Let this subject open this account. Raises SQLAlchemy's `IntegrityError` where either is linked already."""
    await connection.execute(
        insert(links).values(
            tenant=link.tenant,
            issuer=link.issuer,
            subject=link.subject,
            account_id=link.account_id,
            provider=link.provider,
            granted=_written(link.granted),
            linked_at=link.linked_at,
            seen_at=link.seen_at,
        )
    )


async def save_link(connection: AsyncConnection, link: Link) -> None:
    """Write what may change of a link."""
    await connection.execute(
        update(links)
        .where(links.c.tenant == link.tenant, links.c.issuer == link.issuer, links.c.subject == link.subject)
        .values(provider=link.provider, granted=_written(link.granted), seen_at=link.seen_at)
    )


async def keep_by_hand(connection: AsyncConnection, account: Account, granted: Iterable[Grant]) -> None:
    """What a provider gave of these is given by hand from now on, and stays whatever the provider says."""
    for link in await list_links(connection, account.tenant, [account.id]):
        left = tuple(grant for grant in link.granted if grant not in set(granted))
        if left != link.granted:
            await connection.execute(
                update(links)
                .where(links.c.tenant == link.tenant, links.c.issuer == link.issuer, links.c.subject == link.subject)
                .values(granted=_written(left))
            )


async def remove_links(connection: AsyncConnection, tenant: str, account_id: UUID, provider: str | None) -> list[Link]:
    """Let nobody of this provider, or of any, open the account; answers the links that there were."""
    statement = delete(links).where(links.c.tenant == tenant, links.c.account_id == account_id)
    if provider is not None:
        statement = statement.where(links.c.provider == provider)
    return [_link(row) for row in (await connection.execute(statement.returning(*links.c))).mappings()]


async def invite(
    connection: AsyncConnection, account: Account, provider: str, subject: str | None, *, valid_for: timedelta
) -> None:
    """Open the account to somebody of this provider, once; so long, by the database's clock.

    Raises SQLAlchemy's `IntegrityError` where another account is open to this subject.
    """
    await connection.execute(
        delete(invitations).where(
            invitations.c.tenant == account.tenant,
            invitations.c.provider == provider,
            invitations.c.subject == subject,
            invitations.c.expires_at <= func.now(),
        )
    )
    values = {"subject": subject, "expires_at": func.now() + valid_for}
    statement = upsert(invitations).values(tenant=account.tenant, account_id=account.id, provider=provider, **values)
    keys = [invitations.c.tenant, invitations.c.account_id, invitations.c.provider]
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))


async def find_invited(connection: AsyncConnection, tenant: str, provider: str, subject: str) -> UUID | None:
    """The account that is open to this very subject."""
    statement = select(invitations.c.account_id).where(
        invitations.c.tenant == tenant,
        invitations.c.provider == provider,
        invitations.c.subject == subject,
        invitations.c.expires_at > func.now(),
    )
    found: UUID | None = (await connection.execute(statement)).scalar_one_or_none()
    return found


async def is_open_to_login(connection: AsyncConnection, tenant: str, account_id: UUID, provider: str) -> bool:
    """Whether the account is open to whoever has its login at this provider."""
    found = select(invitations.c.account_id).where(
        invitations.c.tenant == tenant,
        invitations.c.account_id == account_id,
        invitations.c.provider == provider,
        invitations.c.subject.is_(None),
        invitations.c.expires_at > func.now(),
    )
    return bool((await connection.execute(select(found.exists()))).scalar_one())


async def end_invitations(connection: AsyncConnection, tenant: str, account_id: UUID, provider: str | None) -> None:
    """Open the account no more to anybody of this provider, or of any, who does not open it already."""
    statement = delete(invitations).where(invitations.c.tenant == tenant, invitations.c.account_id == account_id)
    if provider is not None:
        statement = statement.where(invitations.c.provider == provider)
    await connection.execute(statement)


async def spend(connection: AsyncConnection, digest: str, *, valid_for: timedelta) -> bool:
    """Use up what has this digest, and forget a hundred that are over; answers whether it was not used before.

    It is kept for `valid_for`: by then it must be good for nothing anyway.
    """
    await connection.execute(_FORGET)
    statement = upsert(spent).values(digest=digest, expires_at=func.now() + valid_for)
    done = await connection.execute(statement.on_conflict_do_nothing().returning(spent.c.digest))
    return done.one_or_none() is not None


def _link(row: RowMapping) -> Link:
    """Grants of roles that this release does not know are none."""
    values: dict[str, Any] = dict(row)
    told = (one for one in values.pop("granted") if one.partition(":")[0] in _ROLES)
    return Link(**values, granted=tuple(read_grant(one) for one in told))


def _written(granted: Iterable[Grant]) -> list[str]:
    return [write_grant(grant) for grant in granted]
