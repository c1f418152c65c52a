"""Who may be calling, by their number."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.numbers import tail_of
from tierdesk_desk.domain.requests import Requester
from tierdesk_desk.store.callback_tables import caller
from tierdesk_desk.store.request_tables import requester

MOST_ALIKE: Final = 50
"""So many whose numbers end alike are compared."""
_KEEP: Final = text("""
    INSERT INTO desk.caller (tenant, tail, party)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:tails AS text[]), CAST(:parties AS text[]))
    ON CONFLICT DO NOTHING
""")


async def keep_callers(connection: AsyncConnection, told: Collection[Requester]) -> None:
    """Note whose numbers these are."""
    numbers = sorted((one.tenant, tail_of(one.phone), one.party) for one in told if one.phone)
    known = [key for key in numbers if key[1]]
    if known:
        tenants, tails, parties = (list(column) for column in zip(*known, strict=True))
        await connection.execute(_KEEP, {"tenants": tenants, "tails": tails, "parties": parties})


async def find_alike(connection: AsyncConnection, tenant: str, tail: str) -> list[Requester]:
    """Requesters of whom a number with these last digits was told, and what is known of them now."""
    columns = (requester.c.tenant, requester.c.party, requester.c.name, requester.c.email, requester.c.phone)
    statement = (
        select(*columns)
        .join(caller, (caller.c.tenant == requester.c.tenant) & (caller.c.party == requester.c.party))
        .where(caller.c.tenant == tenant, caller.c.tail == tail)
        .order_by(requester.c.party)
        .limit(MOST_ALIKE)
    )
    return [Requester(**row) for row in (await connection.execute(statement)).mappings()]
