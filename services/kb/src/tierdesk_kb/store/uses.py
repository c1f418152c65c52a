"""Uses of articles on tickets, and the counts that come of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.articles import ArticleKey
from tierdesk_kb.domain.open_tickets import TicketKey
from tierdesk_kb.domain.uses import Use, UseCounts, Verdict

_FIND: Final = text("""
    SELECT found.*
    FROM unnest(CAST(:tenants AS text[]), CAST(:tickets AS uuid[])) AS k(tenant, ticket)
    CROSS JOIN LATERAL (
        SELECT u.tenant, u.ticket, u.article_id, u.verdict, u.answered, u.confirmed FROM kb.article_use AS u
        WHERE u.tenant = k.tenant AND u.ticket = k.ticket OFFSET 0
    ) AS found
""")
_FIND_SENT: Final = text("""
    SELECT found.*
    FROM unnest(CAST(:tenants AS text[]), CAST(:assignments AS uuid[])) AS k(tenant, assignment_id)
    CROSS JOIN LATERAL (
        SELECT j.tenant, j.assignment_id, j.article_id FROM kb.job AS j
        WHERE j.tenant = k.tenant AND j.assignment_id = k.assignment_id AND j.article_id IS NOT NULL
        LIMIT 1
    ) AS found
""")
_FIND_ARTICLES: Final = text("""
    SELECT found.*
    FROM unnest(CAST(:tenants AS text[]), CAST(:articles AS uuid[])) AS k(tenant, id)
    CROSS JOIN LATERAL (
        SELECT a.tenant, a.id FROM kb.article AS a WHERE a.tenant = k.tenant AND a.id = k.id LIMIT 1
    ) AS found
""")
_SAVE: Final = text("""
    INSERT INTO kb.article_use (tenant, ticket, article_id, verdict, answered, confirmed)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:ticket AS uuid[]), CAST(:article_id AS uuid[]), CAST(:verdict AS text[]),
        CAST(:answered AS boolean[]), CAST(:confirmed AS boolean[])
    )
    ON CONFLICT (tenant, ticket, article_id) DO UPDATE
    SET verdict = excluded.verdict, answered = excluded.answered, confirmed = excluded.confirmed
""")
_COUNT: Final = text("""
    INSERT INTO kb.article_record AS r (tenant, article_id, worked, failed, answered, confirmed)
    SELECT tenant, article_id, worked, failed, answered, confirmed
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:article_id AS uuid[]), CAST(:worked AS integer[]), CAST(:failed AS integer[]),
        CAST(:answered AS integer[]), CAST(:confirmed AS integer[])
    ) AS k(tenant, article_id, worked, failed, answered, confirmed)
    ORDER BY tenant COLLATE "C", article_id
    ON CONFLICT (tenant, article_id) DO UPDATE
    SET worked = r.worked + excluded.worked, failed = r.failed + excluded.failed,
        answered = r.answered + excluded.answered, confirmed = r.confirmed + excluded.confirmed
""")


async def find_uses(connection: AsyncConnection, tickets: Collection[TicketKey]) -> dict[TicketKey, dict[UUID, Use]]:
    """What is known of articles on these tickets. Whoever follows a ticket's events holds it, so they are not locked."""
    found: dict[TicketKey, dict[UUID, Use]] = {}
    if tickets:
        keys = sorted(tickets)
        parameters = {"tenants": [tenant for tenant, _ in keys], "tickets": [ticket for _, ticket in keys]}
        for row in await connection.execute(_FIND, parameters):
            verdict = None if row.verdict is None else Verdict(row.verdict)
            found.setdefault((row.tenant, row.ticket), {})[row.article_id] = Use(verdict, row.answered, row.confirmed)
    return found


async def find_sent(connection: AsyncConnection, assignments: Collection[tuple[str, UUID]]) -> dict[UUID, UUID]:
    """Which article level 0 sent on which of these assignments."""
    if not assignments:
        return {}
    keys = sorted(assignments)
    parameters = {"tenants": [tenant for tenant, _ in keys], "assignments": [assignment for _, assignment in keys]}
    return {row.assignment_id: UUID(row.article_id) for row in await connection.execute(_FIND_SENT, parameters)}


async def find_articles(connection: AsyncConnection, articles: Collection[ArticleKey]) -> set[ArticleKey]:
    """Those of these articles that there are, in whatever state."""
    if not articles:
        return set()
    keys = sorted(articles)
    parameters = {"tenants": [tenant for tenant, _ in keys], "articles": [article for _, article in keys]}
    return {(row.tenant, row.id) for row in await connection.execute(_FIND_ARTICLES, parameters)}


async def save_uses(connection: AsyncConnection, uses: Mapping[TicketKey, Mapping[UUID, Use]]) -> None:
    """Write these."""
    rows = [(*key, article, use) for key, known in sorted(uses.items()) for article, use in sorted(known.items())]
    if rows:
        await connection.execute(
            _SAVE,
            {
                "tenant": [tenant for tenant, *_ in rows],
                "ticket": [ticket for _, ticket, *_ in rows],
                "article_id": [article for *_, article, _ in rows],
                "verdict": [use.verdict for *_, use in rows],
                "answered": [use.answered for *_, use in rows],
                "confirmed": [use.confirmed for *_, use in rows],
            },
        )


async def add_counts(connection: AsyncConnection, changes: Mapping[ArticleKey, UseCounts]) -> None:
    """Add to the counts of articles. Their rows are locked in one order by everybody."""
    rows = [(key, asdict(counts)) for key, counts in changes.items() if counts != UseCounts()]
    if rows:
        names = ("worked", "failed", "answered", "confirmed")
        await connection.execute(
            _COUNT,
            {"tenant": [tenant for (tenant, _), _ in rows], "article_id": [article for (_, article), _ in rows]}
            | {name: [counts[name] for _, counts in rows] for name in names},
        )
