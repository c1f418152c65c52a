"""Links that show one request to whoever has them, once, and the sessions that they begin.

All times are the database's own, as those of sessions are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.store.portal_tables import guest as guests
from tierdesk_desk.store.portal_tables import link as links

VALID: Final = timedelta(hours=48)
"""So long may a link be used, once."""
STAY: Final = timedelta(hours=8)
"""So long sees the ticket who came by one."""
MOST_OF_TICKET: Final = 5
"""So many unused links of one ticket stand at once; the oldest goes for the newest."""

_FORGET: Final = text("""
    WITH old AS (
        SELECT digest FROM desk.link WHERE expires_at <= now() LIMIT 100 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM desk.link USING old WHERE link.digest = old.digest
""")
_KEEP_NEWEST: Final = text("""
    DELETE FROM desk.link WHERE digest IN (
        SELECT digest FROM desk.link WHERE tenant = :tenant AND ticket = :ticket
        ORDER BY created_at DESC, digest OFFSET :most
    )
""")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who came by a link, by the `digest` of the token that the browser has. Sees `ticket` and nothing else."""

    digest: str
    id: UUID
    tenant: str
    ticket: str
    csrf: str
    expires_at: datetime


async def add_link(connection: AsyncConnection, tenant: str, ticket: str, *, digest: str, made_by: str) -> None:
    """Let whoever has the token of this digest see this ticket, once, and forget what is over."""
    await connection.execute(_FORGET)
    await connection.execute(
        insert(links).values(
            digest=digest,
            tenant=tenant,
            ticket=ticket,
            made_by=made_by,
            created_at=func.clock_timestamp(),
            expires_at=func.now() + VALID,
        )
    )
    await connection.execute(_KEEP_NEWEST, {"tenant": tenant, "ticket": ticket, "most": MOST_OF_TICKET})


async def is_link(connection: AsyncConnection, digest: str) -> bool:
    """Whether this link can be used still."""
    found = select(links.c.digest).where(links.c.digest == digest, links.c.expires_at > func.now())
    return (await connection.execute(select(found.exists()))).scalar_one()


async def take_link(connection: AsyncConnection, digest: str) -> tuple[str, str] | None:
    """Use a link up. Answers its tenant and ticket; None when it was used, is over, or never was. Of two, one gets it."""
    taken = (
        delete(links)
        .where(links.c.digest == digest)
        .returning(links.c.tenant, links.c.ticket, links.c.expires_at > func.now())
    )
    row = (await connection.execute(taken)).one_or_none()
    return None if row is None or not row[2] else (row[0], row[1])


async def add_guest(
    connection: AsyncConnection, tenant: str, ticket: str, *, guest_id: UUID, digest: str, csrf: str
) -> None:
    """Let whoever has the token of this digest see this ticket for `STAY`, and forget who saw theirs for long enough."""
    await connection.execute(delete(guests).where(guests.c.expires_at <= func.now()))
    await connection.execute(
        insert(guests).values(
            digest=digest,
            id=guest_id,
            tenant=tenant,
            ticket=ticket,
            csrf=csrf,
            created_at=func.now(),
            expires_at=func.now() + STAY,
        )
    )


async def find_guest(connection: AsyncConnection, digest: str) -> Guest | None:
    """Who came by a link, unless their time is over."""
    statement = select(
        guests.c.digest, guests.c.id, guests.c.tenant, guests.c.ticket, guests.c.csrf, guests.c.expires_at
    ).where(guests.c.digest == digest, guests.c.expires_at > func.now())
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Guest(**row)


async def end_guest(connection: AsyncConnection, digest: str) -> None:
    """They leave."""
    await connection.execute(delete(guests).where(guests.c.digest == digest))
