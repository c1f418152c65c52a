"""Counts, from the events of tickets, how articles were used. Each message is applied once, so each use counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.ticket import TicketChanged
from tierdesk_kb.domain.articles import ArticleKey
from tierdesk_kb.domain.open_tickets import TicketKey
from tierdesk_kb.domain.uses import (
    UNUSED,
    Use,
    UseCounts,
    answering_assignments,
    articles_named,
    count_use,
    follow_uses,
    tells_of_uses,
)
from tierdesk_kb.store.uses import add_counts, find_articles, find_sent, find_uses, save_uses
from tierdesk_store import Received


@dataclass(slots=True)
class UsesOfBatch:
    """What a batch finds of uses, and what it changes. `sent` are the articles of level 0, by assignment."""

    known: dict[TicketKey, dict[UUID, Use]]
    sent: dict[UUID, UUID]
    articles: set[ArticleKey]
    changed: dict[TicketKey, dict[UUID, Use]] = field(default_factory=dict)
    counts: dict[ArticleKey, UseCounts] = field(default_factory=dict)

    def follow(self, key: TicketKey, data: TicketChanged) -> None:
        """Take what a message tells of a ticket."""
        if not tells_of_uses(data.events):
            return
        tenant = key[0]
        before = self.known.get(key, {})
        after = follow_uses(before, data.events, self.sent)
        changes = {
            article: use
            for article, use in after.items()
            if use != before.get(article, UNUSED) and (tenant, article) in self.articles
        }
        for article, use in changes.items():
            change = count_use(use).minus(count_use(before.get(article, UNUSED)))
            self.counts[tenant, article] = self.counts.get((tenant, article), UseCounts()).plus(change)
        self.known[key] = before | changes
        self.changed.setdefault(key, {}).update(changes)

    async def save(self, connection: AsyncConnection) -> None:
        """Write the uses that changed, and their counts."""
        await save_uses(connection, self.changed)
        await add_counts(connection, self.counts)


async def load_uses(connection: AsyncConnection, messages: Sequence[Received]) -> UsesOfBatch:
    """Read what is known of the tickets whose messages tell of uses. Articles that the tenant does not have count nowhere."""
    tickets: set[TicketKey] = set()
    assignments: set[tuple[str, UUID]] = set()
    articles: set[ArticleKey] = set()
    for envelope in (message.envelope for message in messages):
        if isinstance(envelope.data, TicketChanged) and tells_of_uses(envelope.data.events):
            ticket = _identifier(envelope.subject)
            if ticket is not None:
                tickets.add((envelope.tenant, ticket))
                assignments |= {(envelope.tenant, one) for one in answering_assignments(envelope.data.events)}
                articles |= {(envelope.tenant, one) for one in articles_named(envelope.data.events)}
    known = await find_uses(connection, tickets)
    sent = await find_sent(connection, assignments)
    articles |= {(tenant, sent[one]) for tenant, one in assignments if one in sent}
    articles |= {(tenant, article) for (tenant, _), uses in known.items() for article in uses}
    return UsesOfBatch(known, sent, await find_articles(connection, articles))


def _identifier(subject: str) -> UUID | None:
    """The ticket; None for a subject that names none, which `decide` refuses."""
    try:
        return UUID(subject)
    except ValueError:
        return None
