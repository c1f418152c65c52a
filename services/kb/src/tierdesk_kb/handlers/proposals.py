"""Drafts from resolutions: what is solved high up is written down, for an author to publish."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.ticket import Resolved, TicketChanged
from tierdesk_contracts.vocabulary import ActorKind
from tierdesk_kb.domain.articles import Article, ArticleKey, ArticleState, Content, retire
from tierdesk_kb.domain.open_tickets import TicketKey
from tierdesk_kb.domain.proposals import Proposal, Step, content_of, decide_step
from tierdesk_kb.store.articles import add_article, add_revision, save_article
from tierdesk_kb.store.proposals import (
    find_articles,
    lock_articles,
    lock_proposals,
    save_proposals,
)
from tierdesk_policy import Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Received, Transaction


@dataclass(frozen=True, slots=True)
class Resolution:
    """A ticket that was resolved, as its message tells."""

    key: TicketKey
    reference: str
    category: str
    event: Resolved

    @property
    def named(self) -> ArticleKey | None:
        """The article that says how, by who resolved it; outside, nobody knows the desk's articles."""
        if self.event.article_id is None or self.event.actor.kind is ActorKind.VENDOR:
            return None
        try:
            return self.key[0], UUID(self.event.article_id)
        except ValueError:
            return None


@dataclass(slots=True)
class Proposals:
    """What a batch reads of drafts, and what it writes."""

    by_ticket: dict[TicketKey, Proposal] = field(default_factory=dict)
    articles: dict[ArticleKey, Article] = field(default_factory=dict)
    known: set[ArticleKey] = field(default_factory=set)
    changed: dict[TicketKey, None] = field(default_factory=dict)
    written: list[tuple[Step, Article, Content | None, str]] = field(default_factory=list)

    @classmethod
    async def load(cls, connection: AsyncConnection, resolutions: Collection[Resolution]) -> Proposals:
        """Lock what the tickets have proposed, and look up the articles that their resolutions name."""
        proposals = await lock_proposals(connection, [one.key for one in resolutions])
        drafts = [(one.tenant, one.article_id) for one in proposals.values() if one.article_id is not None]
        known = await find_articles(connection, {one.named for one in resolutions if one.named is not None})
        return cls(proposals, await lock_articles(connection, drafts), known)

    def follow(self, resolution: Resolution, policy: Policy | None, publisher: Publisher) -> None:
        """Decide what a resolution does to the draft of its ticket."""
        tenant, ticket = key = resolution.key
        event, before = resolution.event, self.by_ticket.get(resolution.key)
        named = self.find_named(resolution)
        content = content_of(event, audience=_audience(policy, event.tier))
        wanted = content is not None and (event.draft is not None or named is None)
        article = (
            None if before is None or before.article_id is None else self.articles.get((tenant, before.article_id))
        )
        # A resolution that names the ticket's own draft says that it held.
        declined = bool(event.waiver) or (named is not None and (before is None or named != before.article_id))
        step = decide_step(before, article, sequence=event.sequence, wanted=wanted, declined=declined)
        if step is Step.NONE:
            return
        match step:
            case Step.WRITE:
                article = Article(tenant, publisher.new_id(), ArticleState.DRAFT, revision=1)
            case Step.REVISE:
                assert article is not None
                article = replace(article, revision=article.revision + 1)
            case Step.WITHDRAW:
                assert article is not None
                article = retire(article)
        self.articles[tenant, article.id] = article
        self.written.append((step, article, content, event.actor.id))
        self.by_ticket[key] = Proposal(
            tenant,
            ticket,
            reference=resolution.reference,
            tier=event.tier or "",
            category=resolution.category,
            sequence=event.sequence,
            article_id=None if step is Step.WITHDRAW else article.id,
            revision=article.revision,
            proposed_at=publisher.now() if before is None or step is Step.WRITE else before.proposed_at,
        )
        self.changed[key] = None

    def find_named(self, resolution: Resolution) -> UUID | None:
        """The article that says how, if there is one as the resolution names it."""
        return resolution.named[1] if resolution.named is not None and resolution.named in self.known else None

    async def save(self, tx: Transaction, now: datetime) -> None:
        """Write the drafts and which ticket each is of."""
        for step, article, content, author in self.written:
            match step:
                case Step.WRITE:
                    assert content is not None
                    await add_article(tx.connection, article, content, author, now)
                case Step.REVISE:
                    assert content is not None
                    await add_revision(tx.connection, article, content, author, now)
                    await save_article(tx.connection, article, now, visible=False)
                case Step.WITHDRAW:
                    await save_article(tx.connection, article, now, visible=False)
        await save_proposals(tx.connection, [self.by_ticket[key] for key in self.changed])


def find_resolutions(messages: Sequence[Received]) -> Iterator[Resolution]:
    """The last resolution that each message tells of. A subject that is no ticket's is left to who decides the message."""
    for envelope in (message.envelope for message in messages):
        if isinstance(envelope.data, TicketChanged):
            try:
                ticket = UUID(envelope.subject)
            except ValueError:
                continue
            resolution = resolution_of(envelope.tenant, ticket, envelope.data)
            if resolution is not None:
                yield resolution


def resolution_of(tenant: str, ticket: UUID, data: TicketChanged) -> Resolution | None:
    """The last resolution that a message tells of; None without one."""
    event = next((event for event in reversed(data.events) if isinstance(event, Resolved)), None)
    return None if event is None else Resolution((tenant, ticket), data.reference, data.category or "", event)


def _audience(policy: Policy | None, tier: str | None) -> str:
    """For whom a draft is written that does not say: the tier that takes documented problems, else who solved it."""
    if policy is not None and policy.knowledge is not None:
        return policy.group(policy.knowledge.group).tier
    return tier or ""
