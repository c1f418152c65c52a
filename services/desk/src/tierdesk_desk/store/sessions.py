"""Who is signed in.

All times are the database's own: one clock for all replicas, which no demonstration makes run faster and no test of the
business clock moves. How long somebody may be away is a matter of the real world.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.accounts import Account
from tierdesk_desk.store.account_tables import account as accounts
from tierdesk_desk.store.account_tables import session as sessions
from tierdesk_desk.store.accounts import ACCOUNT_COLUMNS, account_of

IDLE: Final = timedelta(hours=12)
"""A session that is not used for so long is over."""
LONGEST: Final = timedelta(days=7)
"""A session is over after so long, however much it is used."""
_SEEN_EVERY: Final = timedelta(minutes=1)
"""Not each request writes."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, by the `digest` of the token that the browser has."""

    digest: str
    csrf: str
    expires_at: datetime
    account: Account
    is_seen: bool
    """Whether it was noted within the last minute that it is used."""


async def add_session(connection: AsyncConnection, account: Account, *, digest: str, csrf: str) -> None:
    """Let whoever has the token of this digest be the owner of this account, and forget what is over."""
    await connection.execute(delete(sessions).where(sessions.c.expires_at <= func.now()))
    await connection.execute(
        insert(sessions).values(
            digest=digest,
            tenant=account.tenant,
            account_id=account.id,
            csrf=csrf,
            created_at=func.now(),
            seen_at=func.now(),
            expires_at=func.now() + LONGEST,
        )
    )


async def find_session(connection: AsyncConnection, digest: str) -> Session | None:
    """The session, unless it is over or its account disabled."""
    statement = (
        select(
            *ACCOUNT_COLUMNS,
            sessions.c.csrf,
            sessions.c.expires_at,
            (sessions.c.seen_at > func.now() - _SEEN_EVERY).label("is_seen"),
        )
        .join_from(
            sessions, accounts, (accounts.c.tenant == sessions.c.tenant) & (accounts.c.id == sessions.c.account_id)
        )
        .where(
            sessions.c.digest == digest,
            sessions.c.expires_at > func.now(),
            sessions.c.seen_at > func.now() - IDLE,
            accounts.c.disabled_at.is_(None),
        )
    )
    row: Any = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    return Session(digest, row["csrf"], row["expires_at"], account_of(row), row["is_seen"])


async def note_use(connection: AsyncConnection, digest: str) -> None:
    """Note that the session is used now."""
    await connection.execute(
        update(sessions)
        .where(sessions.c.digest == digest, sessions.c.seen_at <= func.now() - _SEEN_EVERY)
        .values(seen_at=func.now())
    )


async def end_session(connection: AsyncConnection, digest: str) -> bool:
    """End this one; answers whether there was one."""
    ended = await connection.execute(delete(sessions).where(sessions.c.digest == digest))
    return ended.rowcount > 0


async def end_sessions(connection: AsyncConnection, tenant: str, account_id: UUID) -> int:
    """End all sessions of an account; answers how many."""
    ended = await connection.execute(
        delete(sessions).where(sessions.c.tenant == tenant, sessions.c.account_id == account_id)
    )
    return ended.rowcount
