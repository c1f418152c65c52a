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
from tierdesk_desk.store.staff_tables import presence

IDLE: Final = timedelta(hours=12)
"""A session that is not used for so long is over."""
LONGEST: Final = timedelta(days=7)
"""A session is over after so long, however much it is used."""
_SEEN_EVERY: Final = timedelta(minutes=1)
"""Not each request writes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The provider at which somebody proved who they are, and what signing out there needs.

    The session is over after `longest`, however much it is used: what the provider says of them may have changed by then.
    """

    provider: str
    issuer: str
    longest: timedelta
    sid: str | None = None
    id_token: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, by the `digest` of the token that the browser has."""

    digest: str
    csrf: str
    expires_at: datetime
    account: Account
    is_seen: bool
    """Whether it was noted within the last minute that it is used."""
    is_heard: bool = True
    """Whether it was noted within the last minute that a page is open."""
    presence: str | None = None
    """What the person says of themselves: a word of `State`; None before the first."""
    provider: str | None = None
    """Where they proved who they are; None when it was by a password of this desk."""


async def add_session(
    connection: AsyncConnection, account: Account, *, digest: str, csrf: str, origin: Origin | None = None
) -> None:
    """Let whoever has the token of this digest be the owner of this account, and forget what is over."""
    await connection.execute(delete(sessions).where(sessions.c.expires_at <= func.now()))
    longest = LONGEST if origin is None else min(LONGEST, origin.longest)
    await connection.execute(
        insert(sessions).values(
            digest=digest,
            tenant=account.tenant,
            account_id=account.id,
            csrf=csrf,
            created_at=func.now(),
            seen_at=func.now(),
            expires_at=func.now() + longest,
            provider=origin and origin.provider,
            issuer=origin and origin.issuer,
            sid=origin and origin.sid,
            id_token=origin and origin.id_token,
        )
    )


async def find_session(connection: AsyncConnection, digest: str) -> Session | None:
    """The session, unless it is over or its account disabled."""
    statement = (
        select(
            *ACCOUNT_COLUMNS,
            sessions.c.csrf,
            sessions.c.expires_at,
            sessions.c.provider,
            (sessions.c.seen_at > func.now() - _SEEN_EVERY).label("is_seen"),
            (func.greatest(sessions.c.seen_at, sessions.c.heard_at) > func.now() - _SEEN_EVERY).label("is_heard"),
            presence.c.state.label("presence"),
        )
        .join_from(
            sessions, accounts, (accounts.c.tenant == sessions.c.tenant) & (accounts.c.id == sessions.c.account_id)
        )
        .outerjoin(presence, (presence.c.tenant == accounts.c.tenant) & (presence.c.account_id == accounts.c.id))
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
    return Session(
        digest,
        row["csrf"],
        row["expires_at"],
        account_of(row),
        is_seen=row["is_seen"],
        is_heard=row["is_heard"],
        presence=row["presence"],
        provider=row["provider"],
    )


async def read_origin(connection: AsyncConnection, digest: str) -> Origin | None:
    """At which provider somebody signed in, `longest` being what is left; None for a sign-in by password, and for one that is over."""
    columns = (sessions.c.provider, sessions.c.issuer, sessions.c.sid, sessions.c.id_token)
    left = (sessions.c.expires_at - func.now()).label("longest")
    statement = select(*columns, left).where(sessions.c.digest == digest, sessions.c.provider.is_not(None))
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Origin(**row)


async def note_use(connection: AsyncConnection, digest: str) -> None:
    """Note that the session is used now."""
    await connection.execute(
        update(sessions)
        .where(sessions.c.digest == digest, sessions.c.seen_at <= func.now() - _SEEN_EVERY)
        .values(seen_at=func.now())
    )


async def note_page(connection: AsyncConnection, digest: str) -> None:
    """Note that a page of the session is open now."""
    await connection.execute(update(sessions).where(sessions.c.digest == digest).values(heard_at=func.now()))


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


async def end_sessions_of_issuer(
    connection: AsyncConnection, tenant: str, account_id: UUID, issuer: str, *, without_sid: bool
) -> int:
    """End those sessions of an account that began at this issuer, or `without_sid` those in no session of it that is known.

    Answers how many.
    """
    statement = delete(sessions).where(
        sessions.c.tenant == tenant, sessions.c.account_id == account_id, sessions.c.issuer == issuer
    )
    ended = await connection.execute(statement.where(sessions.c.sid.is_(None)) if without_sid else statement)
    return ended.rowcount


async def end_sessions_of_sid(connection: AsyncConnection, tenant: str, issuer: str, sid: str) -> list[UUID]:
    """End what began under this `sid` of the issuer; answers the account of each."""
    ended = await connection.execute(
        delete(sessions)
        .where(sessions.c.tenant == tenant, sessions.c.issuer == issuer, sessions.c.sid == sid)
        .returning(sessions.c.account_id)
    )
    return list(ended.scalars())
