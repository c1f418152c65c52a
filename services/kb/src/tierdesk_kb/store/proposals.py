"""What tickets have proposed: which draft came of which ticket."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.articles import Article, ArticleKey, ArticleState
from tierdesk_kb.domain.open_tickets import TicketKey
from tierdesk_kb.domain.proposals import Proposal
from tierdesk_kb.store.articles import read_article
from tierdesk_kb.store.resolution_tables import proposal as proposals
from tierdesk_kb.store.tables import article as articles

SCANNED: Final = 500
"""So many proposals are looked at for one page, those that are published or withdrawn among them."""

_PAGE: Final = text("""
    SELECT a.*, p.ticket, p.reference, p.tier, p.category, p.proposed_at, r.title, r.audience, r.author
    FROM (
        SELECT * FROM kb.proposal WHERE tenant = :tenant AND ticket < :before ORDER BY ticket DESC LIMIT :scanned
    ) AS p
    LEFT JOIN kb.article AS a ON a.tenant = p.tenant AND a.id = p.article_id
    LEFT JOIN kb.revision AS r ON r.tenant = a.tenant AND r.article_id = a.id AND r.revision = a.revision
    ORDER BY p.ticket DESC
""")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A draft that nobody has published or withdrawn yet, and where it comes from."""

    ticket: UUID
    reference: str
    tier: str
    category: str
    proposed_at: datetime
    article_id: UUID
    revision: int
    state: ArticleState
    title: str
    audience: str
    author: str


async def lock_proposals(connection: AsyncConnection, keys: Iterable[TicketKey]) -> dict[TicketKey, Proposal]:
    """What these tickets have proposed, locked in order until the transaction ends."""
    sought = sorted(set(keys))
    if not sought:
        return {}
    statement = (
        select(proposals)
        .where(tuple_(proposals.c.tenant, proposals.c.ticket).in_(sought))
        .order_by(proposals.c.tenant, proposals.c.ticket)
        .with_for_update()
    )
    rows = (await connection.execute(statement)).mappings()
    return {(row["tenant"], row["ticket"]): Proposal(**row) for row in rows}


async def lock_articles(connection: AsyncConnection, keys: Iterable[ArticleKey]) -> dict[ArticleKey, Article]:
    """Those of these articles that exist, locked in order until the transaction ends."""
    sought = sorted(set(keys))
    if not sought:
        return {}
    statement = (
        select(articles)
        .where(tuple_(articles.c.tenant, articles.c.id).in_(sought))
        .order_by(articles.c.tenant, articles.c.id)
        .with_for_update()
    )
    found = [read_article(row) for row in (await connection.execute(statement)).mappings()]
    return {(article.tenant, article.id): article for article in found}


async def find_articles(connection: AsyncConnection, keys: Collection[ArticleKey]) -> set[ArticleKey]:
    """Those of these articles that exist and are not retired."""
    if not keys:
        return set()
    statement = select(articles.c.tenant, articles.c.id).where(
        tuple_(articles.c.tenant, articles.c.id).in_(sorted(keys)), articles.c.state != ArticleState.RETIRED.value
    )
    return {(tenant, article_id) for tenant, article_id in await connection.execute(statement)}


async def save_proposals(connection: AsyncConnection, changed: Sequence[Proposal]) -> None:
    """Write proposals, new and old."""
    if not changed:
        return
    statement = insert(proposals)
    key = [proposals.c.tenant, proposals.c.ticket]
    changes = {column.name: statement.excluded[column.name] for column in proposals.c if not column.primary_key}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changes), [asdict(one) for one in changed]
    )


async def read_proposed(
    connection: AsyncConnection, tenant: str, *, before: UUID, limit: int
) -> tuple[list[Proposed], UUID | None]:
    """Up to `limit` drafts of tickets that were opened before this one, the newest first; and the last that was looked at.

    Looks at `SCANNED` proposals at most, so that a page may hold fewer than asked for, or none. None at the end.
    """
    rows = (await connection.execute(_PAGE, {"tenant": tenant, "before": before, "scanned": SCANNED})).mappings().all()
    found: list[Proposed] = []
    for row in rows:
        if row["state"] is None or row["published_revision"] is not None:
            continue
        if row["state"] != ArticleState.RETIRED.value:
            found.append(_proposed(row))
            if len(found) == limit:
                break
    if len(found) == limit:
        return found, None if found[-1].ticket == rows[-1]["ticket"] and len(rows) < SCANNED else found[-1].ticket
    return found, rows[-1]["ticket"] if len(rows) == SCANNED else None


def _proposed(row: RowMapping) -> Proposed:
    article = read_article(row)
    return Proposed(
        ticket=row["ticket"],
        reference=row["reference"],
        tier=row["tier"],
        category=row["category"],
        proposed_at=row["proposed_at"],
        article_id=article.id,
        revision=article.revision,
        state=article.state,
        title=row["title"],
        audience=row["audience"],
        author=row["author"],
    )
