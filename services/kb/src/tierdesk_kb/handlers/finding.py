"""What the index finds, checked against PostgreSQL: nothing uncommitted and nothing retired is ever passed on."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.matching import Match
from tierdesk_kb.search.library import Library, Sought, TicketText
from tierdesk_kb.store.articles import Written, read_published

Found = tuple[Match, Written]
"""A match, and the article as readers see it."""


async def find_matches(connection: AsyncConnection, library: Library, texts: Sequence[Sought]) -> list[Found | None]:
    """The best match of each ticket, in order; None where nothing fits. Raises `IndexNotReadyError`."""
    matches = await library.match(texts)
    wanted: dict[str, set[UUID]] = {}
    for ticket, match in zip(texts, matches, strict=True):
        if match is not None:
            wanted.setdefault(ticket.tenant, set()).add(UUID(match.article_id))
    published = {
        tenant: await read_published(connection, tenant, article_ids) for tenant, article_ids in wanted.items()
    }
    return [
        _found(ticket, match, published.get(ticket.tenant, {})) for ticket, match in zip(texts, matches, strict=True)
    ]


def _found(ticket: Sought, match: Match | None, published: dict[UUID, Written]) -> Found | None:
    """The match, unless the article was retired meanwhile or is written for somebody else now."""
    written = None if match is None else published.get(UUID(match.article_id))
    if match is None or written is None:
        return None
    audiences = ticket.audiences if isinstance(ticket, TicketText) else None
    is_theirs = audiences is None or written.content.audience in audiences
    return (match, written) if is_theirs else None
