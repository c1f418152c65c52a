"""Who is written to: requesters, and those who work here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.requests import Requester
from tierdesk_desk.domain.roles import Role
from tierdesk_desk.store.account_tables import account as accounts
from tierdesk_desk.store.account_tables import account_grant as grants
from tierdesk_desk.store.request_tables import requester as requesters
from tierdesk_desk.store.requests import PartyKey

MOST_COLLEAGUES: Final = 100
"""So many are told of one escalation at most."""


async def find_requesters(connection: AsyncConnection, keys: Collection[PartyKey]) -> dict[PartyKey, Requester]:
    """What is known of these, as far as they are known."""
    if not keys:
        return {}
    statement = select(requesters).where(tuple_(requesters.c.tenant, requesters.c.party).in_(sorted(keys)))
    rows = (await connection.execute(statement)).mappings()
    return {(row["tenant"], row["party"]): Requester(**row) for row in rows}


async def find_colleague(connection: AsyncConnection, tenant: str, login: str) -> str | None:
    """The mail address of this account; None without one, and for nobody who may sign in."""
    statement = select(accounts.c.email).where(
        accounts.c.tenant == tenant, accounts.c.name == func.lower(login), accounts.c.disabled_at.is_(None)
    )
    return (await connection.execute(statement)).scalar_one_or_none()


async def find_colleagues(
    connection: AsyncConnection, tenant: str, role: Role, *, tier: str | None, group: str | None
) -> list[str]:
    """The mail addresses of those who have this role for this group, in order; at most `MOST_COLLEAGUES`."""
    held = select(grants.c.account_id).where(
        grants.c.tenant == accounts.c.tenant,
        grants.c.account_id == accounts.c.id,
        grants.c.role == role.value,
        or_(grants.c.tier == "", grants.c.tier == (tier or "")),
        or_(grants.c.group_id == "", grants.c.group_id == (group or "")),
    )
    statement = (
        select(accounts.c.email)
        .where(accounts.c.tenant == tenant, accounts.c.email.is_not(None), accounts.c.disabled_at.is_(None))
        .where(held.exists())
        .distinct()
        .order_by(accounts.c.email)
        .limit(MOST_COLLEAGUES)
    )
    return [email for email in (await connection.execute(statement)).scalars() if email]
