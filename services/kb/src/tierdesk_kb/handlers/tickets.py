"""Follows tickets and policies: tells which article fits each ticket that is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tierdesk_contracts.notice import ArticlePublished, ArticleRetired, KnowledgeMatched, PolicyApplied
from tierdesk_contracts.ticket import Opened, TicketChanged, Triaged
from tierdesk_contracts.vocabulary import Channel
from tierdesk_kb.domain.matching import DOCUMENTED_FROM, TOLD_FROM
from tierdesk_kb.handlers.finding import Found, find_matches
from tierdesk_kb.publishing import Publisher
from tierdesk_kb.search.library import Library, TicketText
from tierdesk_kb.store.policies import AppliedPolicy, PolicyKey, PolicyShelf, save_policy
from tierdesk_policy import Policy, PolicyError
from tierdesk_store import PermanentError, Received, Transaction, TransientError

QUEUE: Final = "kb.events"


@dataclass(slots=True)
class Batch:
    """What a batch reads and decides. `found` is by message."""

    policies: dict[PolicyKey, Policy]
    found: dict[UUID, Found | None]
    applied: list[AppliedPolicy] = field(default_factory=list)
    matched: list[tuple[Received, KnowledgeMatched]] = field(default_factory=list)
    articles_changed: bool = False


class TicketsHandler:
    """Answers each opened ticket with the article that fits it best, if one fits at all.

    A ticket that names an unknown policy waits for it. Articles that other processes publish are looked for at once.
    """

    name = "kb"
    accepts = frozenset({"ticket.changed.v1", "policy.applied.v1", "article.published.v1", "article.retired.v1"})

    def __init__(self, library: Library, shelf: PolicyShelf, publisher: Publisher, poke: Callable[[], None]) -> None:
        self._library = library
        self._shelf = shelf
        self._publisher = publisher
        self._poke = poke

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Read the policies that the tickets name, and find articles for those that are opened."""
        versions: set[PolicyKey] = set()
        opened: dict[UUID, TicketText] = {}
        for envelope in (message.envelope for message in messages):
            if isinstance(envelope.data, TicketChanged):
                text = _text_of(envelope.tenant, envelope.data)
                if text is not None:
                    opened[envelope.id] = text
                    versions.add((envelope.tenant, envelope.data.policy_version))
        policies = await self._shelf.fetch(tx.connection, versions)
        found = await find_matches(tx.connection, self._library, list(opened.values()))
        return Batch(policies, dict(zip(opened, found, strict=True)))

    def decide(self, state: Batch, message: Received) -> None:
        """Decide one message. Raises `TransientError` for an unknown policy, `PermanentError` for an unreadable one."""
        envelope = message.envelope
        match envelope.data:
            case TicketChanged() if envelope.id in state.found:
                policy = state.policies.get((envelope.tenant, envelope.data.policy_version))
                if policy is None:
                    raise TransientError(f"policy {envelope.data.policy_version} is not known here yet")
                notice = _notice(state.found[envelope.id], policy)
                if notice is not None:
                    state.matched.append((message, notice))
            case PolicyApplied():
                state.applied.append(_applied(envelope.tenant, envelope.data, state.policies))
            case ArticlePublished() | ArticleRetired():
                state.articles_changed = True

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Keep the policies and publish the matches."""
        for applied in state.applied:
            await save_policy(tx.connection, applied)
        for message, notice in state.matched:
            self._publisher.send(
                tx,
                notice,
                tenant=message.envelope.tenant,
                subject=message.envelope.subject,
                traceparent=message.traceparent,
            )
        if state.articles_changed:
            self._poke()


def documented_from(policy: Policy | None) -> float:
    """The score from which an article documents a problem."""
    return DOCUMENTED_FROM if policy is None or policy.knowledge is None else policy.knowledge.threshold


def _text_of(tenant: str, data: TicketChanged) -> TicketText | None:
    opened = next((event for event in data.events if isinstance(event, Opened)), None)
    if opened is None or opened.channel is Channel.PHONE:
        return None  # the desk itself words the ticket of a call, which says nothing of the matter
    triaged = next((event for event in data.events if isinstance(event, Triaged)), None)
    category = triaged.category if triaged else opened.category or ""
    tried = frozenset(step.article_id for step in opened.steps_tried if step.article_id)
    return TicketText(tenant, opened.title, opened.text, category, exclude=tried)


def _notice(found: Found | None, policy: Policy) -> KnowledgeMatched | None:
    if found is None or found[0].score < TOLD_FROM:
        return None
    match, written = found
    return KnowledgeMatched(
        article_id=match.article_id,
        title=written.content.title,
        score=match.score,
        documented=match.score >= documented_from(policy),
    )


def _applied(tenant: str, data: PolicyApplied, policies: dict[PolicyKey, Policy]) -> AppliedPolicy:
    try:
        policy = Policy.from_document(data.document, source=data.version)
    except PolicyError as error:
        raise PermanentError(f"policy {data.version} is none to this release: {error}") from error
    policies[tenant, data.version] = policy
    return AppliedPolicy(tenant, data.version, dict(data.document), data.applied_at)
