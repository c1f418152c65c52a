"""Questions for which nothing was found: written in bulk, forgotten in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.unanswered import KEPT_FOR, MOST_KEPT, Unanswered
from tierdesk_kb.store.tables import unanswered as table

_ADD: Final = text("""
    INSERT INTO kb.unanswered AS k (tenant, question, searches, suggestions, first_at, last_at)
    SELECT tenant, question, searches, suggestions, CAST(:now AS timestamptz), CAST(:now AS timestamptz)
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:question AS text[]), CAST(:searches AS bigint[]), CAST(:suggestions AS bigint[])
    ) AS new(tenant, question, searches, suggestions)
    ORDER BY tenant, question
    ON CONFLICT (tenant, question) DO UPDATE SET
        searches = k.searches + excluded.searches,
        suggestions = k.suggestions + excluded.suggestions,
        last_at = greatest(k.last_at, excluded.last_at)
""")
"""In order, so that two processes that write the same questions do not wait for each other in a ring."""
_FORGET_OLD: Final = text("""
    DELETE FROM kb.unanswered WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM kb.unanswered WHERE last_at < :before FOR UPDATE SKIP LOCKED
    ))
""")
_TOO_MANY: Final = text("""
    SELECT tenant, count(*) - :most AS excess FROM kb.unanswered GROUP BY tenant HAVING count(*) > :most
""")
_FORGET_RARE: Final = text("""
    DELETE FROM kb.unanswered WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM kb.unanswered WHERE tenant = :tenant
        ORDER BY searches + suggestions, last_at LIMIT :excess FOR UPDATE SKIP LOCKED
    ))
""")


@dataclass(frozen=True, slots=True)
class KeptQuestion:
    """A question for which nothing was found, since when and how often."""

    question: str
    searches: int
    suggestions: int
    first_at: datetime
    last_at: datetime


async def add_unanswered(connection: AsyncConnection, counts: Sequence[Unanswered], now: datetime) -> None:
    """Add these counts, in one statement."""
    if counts:
        columns = {
            name: [getattr(one, name) for one in counts] for name in ("tenant", "question", "searches", "suggestions")
        }
        await connection.execute(_ADD, columns | {"now": now})


async def forget_unanswered(connection: AsyncConnection, now: datetime, *, most: int = MOST_KEPT) -> int:
    """Forget what was not asked for long, and of each tenant what is more than `most`; answers how many."""
    forgotten = (await connection.execute(_FORGET_OLD, {"before": now - KEPT_FOR})).rowcount
    for tenant, excess in (await connection.execute(_TOO_MANY, {"most": most})).all():
        forgotten += (await connection.execute(_FORGET_RARE, {"tenant": tenant, "excess": excess})).rowcount
    return forgotten


async def read_unanswered(
    connection: AsyncConnection, tenant: str, since: datetime, *, limit: int, offset: int
) -> list[KeptQuestion]:
    """The tenant's questions that were asked since, the most frequent first."""
    often = table.c.searches + table.c.suggestions
    statement = (
        select(table.c.question, table.c.searches, table.c.suggestions, table.c.first_at, table.c.last_at)
        .where(table.c.tenant == tenant, table.c.last_at >= since)
        .order_by(often.desc(), table.c.last_at.desc(), table.c.question)
        .limit(limit)
        .offset(offset)
    )
    return [KeptQuestion(*row) for row in await connection.execute(statement)]
