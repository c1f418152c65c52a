"""Follows tickets and policies: tells which article fits each ticket that is opened, keeps the words of open ones, and what resolutions leave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_contracts.notice import ArticlePublished, ArticleRetired, KnowledgeMatched, PolicyApplied
from tierdesk_contracts.ticket import Opened, SplitOff, TicketChanged, Triaged
from tierdesk_contracts.vocabulary import Channel
from tierdesk_kb.domain.audience import REQUESTER, audiences_of
from tierdesk_kb.domain.matching import DOCUMENTED_FROM, TOLD_FROM
from tierdesk_kb.domain.open_tickets import Course, OpenTicket, TicketKey, articles_tried, course_of, is_kept, steps_of
from tierdesk_kb.handlers.finding import Found, find_matches
from tierdesk_kb.handlers.outlook import Outlook, named_policy
from tierdesk_kb.handlers.proposals import Proposals, find_resolutions, resolution_of
from tierdesk_kb.handlers.uses import UsesOfBatch, load_uses
from tierdesk_kb.search.library import Library, TicketText
from tierdesk_kb.store.catalogue import follow_orders
from tierdesk_kb.store.open_tickets import add_open_tickets, add_tried, follow_courses
from tierdesk_kb.store.policies import AppliedPolicy, PolicyKey, PolicyShelf, save_policy
from tierdesk_kb.store.publications import hold_positions, look_again
from tierdesk_policy import Policy, PolicyError
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import PermanentError, Received, Transaction, TransientError

QUEUE: Final = "kb.events"


Words = tuple[list[str], list[str]]
"""Those of a ticket's title, and of its text."""


@dataclass(slots=True)
class Batch:
    """What a batch reads and decides. `found` and `texts` are by message, and so are `words`, of tickets that may be kept; `indexed`
    says what was searched, by tenant.
    """

    policies: dict[PolicyKey, Policy]
    found: dict[UUID, Found | None]
    texts: dict[UUID, TicketText]
    words: dict[UUID, Words]
    indexed: dict[str, int]
    uses: UsesOfBatch
    applied: list[AppliedPolicy] = field(default_factory=list)
    matched: list[tuple[Received, KnowledgeMatched]] = field(default_factory=list)
    opened: dict[TicketKey, OpenTicket] = field(default_factory=dict)
    courses: dict[TicketKey, tuple[Course, datetime]] = field(default_factory=dict)
    tried: dict[TicketKey, dict[UUID, None]] = field(default_factory=dict)
    standing: dict[TicketKey, tuple[str, str]] = field(default_factory=dict)
    """Reference and status of each ticket of the batch."""
    proposals: Proposals = field(default_factory=Proposals)
    outlook: Outlook = field(default_factory=Outlook)
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
        versions: dict[UUID, PolicyKey] = {}
        resolutions = list(find_resolutions(messages))
        opened: dict[UUID, TicketText] = {}
        for envelope in (message.envelope for message in messages):
            if isinstance(envelope.data, TicketChanged):
                text = _text_of(envelope.tenant, envelope.data)
                if text is not None:
                    opened[envelope.id] = text
                    versions[envelope.id] = envelope.tenant, envelope.data.policy_version
        others = {version for message in messages if (version := named_policy(message.envelope)) is not None}
        stored = await self._shelf.fetch(tx.connection, {*versions.values(), *others})
        policies = stored | _read_policies(messages)
        opened = {key: _under(policies.get(versions[key]), text) for key, text in opened.items()}
        texts = list(opened.values())
        indexed = {tenant: self._library.position(tenant) for tenant in {text.tenant for text in texts}}
        found = await find_matches(tx.connection, self._library, texts)
        kept = [key for key, version in versions.items() if _may_be_kept(policies.get(version), opened[key])]
        words = await self._library.read_words([opened[key] for key in kept])
        return Batch(
            policies,
            dict(zip(opened, found, strict=True)),
            opened,
            dict(zip(kept, words, strict=True)),
            indexed,
            await load_uses(tx.connection, messages),
            proposals=await Proposals.load(tx.connection, resolutions),
        )

    def decide(self, state: Batch, message: Received) -> None:
        """Decide one message. Raises `TransientError` for an unknown policy, `PermanentError` for an unreadable one."""
        envelope = message.envelope
        match envelope.data:
            case TicketChanged():
                if envelope.id in state.found:
                    _open(state, message, envelope.data)
                _follow(state, message, envelope.data)
                self._follow_resolution(state, message, envelope.data)
            case PolicyApplied():
                state.applied.append(_applied(envelope.tenant, envelope.data, state.policies))
            case ArticlePublished() | ArticleRetired():
                state.articles_changed = True

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Keep the policies and the words of open tickets, and publish the matches."""
        for applied in state.applied:
            await save_policy(tx.connection, applied)
        await self._keep_opened(tx, state)
        await state.proposals.save(tx, self._publisher.now())
        await state.outlook.save(tx, state.tried)
        await add_tried(tx.connection, state.tried)
        await follow_courses(tx.connection, state.courses)
        await state.uses.save(tx.connection)
        await follow_orders(tx.connection, state.standing)
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

    def _follow_resolution(self, state: Batch, message: Received, data: TicketChanged) -> None:
        """Note what the message says of articles on the ticket, and what a resolution leaves behind."""
        key = _key(message)
        policy = state.policies.get((key[0], data.policy_version))
        resolution = resolution_of(*key, data)
        if resolution is not None:
            state.proposals.follow(resolution, policy, self._publisher)
        named = None if resolution is None else state.proposals.find_named(resolution)
        state.outlook.follow(key, data, named=named, documented_from=documented_from(policy))

    async def _keep_opened(self, tx: Transaction, state: Batch) -> None:
        """Keep the tickets that were opened; what was published meanwhile and not searched is looked at for them later.

        Until the commit nothing further is published: whoever looks at the open tickets for it then finds these.
        """
        if not state.opened:
            return
        positions = await hold_positions(tx.connection, {tenant for tenant, _ in state.opened})
        for tenant, position in positions.items():
            if position > state.indexed[tenant]:
                first = min(ticket for other, ticket in state.opened if other == tenant)
                before = UUID(int=max(0, first.int - 1))
                await look_again(tx.connection, tenant, state.indexed[tenant], before)
                self._poke()
        await add_open_tickets(tx.connection, state.opened.values())


def documented_from(policy: Policy | None) -> float:
    """The score from which an article documents a problem."""
    return DOCUMENTED_FROM if policy is None or policy.knowledge is None else policy.knowledge.threshold


def _open(state: Batch, message: Received, data: TicketChanged) -> None:
    """Tell what fits a ticket that is opened, and keep its words.

    Raises `TransientError` for an unknown policy, and `PermanentError` for a subject that names no ticket.
    """
    envelope, key = message.envelope, _key(message)
    policy = state.policies.get((envelope.tenant, data.policy_version))
    if policy is None:
        raise TransientError(f"policy {data.policy_version} is not known here yet")
    notice = _notice(state.found[envelope.id], policy)
    if notice is not None:
        state.matched.append((message, notice))
    words = state.words.get(envelope.id)
    if words is None or not is_kept(policy, state.texts[envelope.id].category):
        return
    title_words, text_words = words
    state.opened[key] = OpenTicket(
        *key,
        policy_version=data.policy_version,
        title_words=tuple(title_words),
        text_words=tuple(text_words),
        reopen_seconds=policy.reopen_within_seconds,
        told_article=None if notice is None else UUID(notice.article_id),
        told_score=0.0 if notice is None else notice.score,
    )


def _follow(state: Batch, message: Received, data: TicketChanged) -> None:
    """Note whether the ticket is open after the message, which articles were tried, and what became of them."""
    course = course_of(data)
    if course is not None:
        state.courses[_key(message)] = course
    state.uses.follow(_key(message), data)
    state.standing[_key(message)] = data.reference, data.status.value
    for event in data.events:
        steps = steps_of(event)
        if steps and (articles := articles_tried(steps)):
            state.tried.setdefault(_key(message), {}).update(dict.fromkeys(articles))


def _key(message: Received) -> TicketKey:
    """The ticket. Raises `PermanentError`."""
    try:
        return message.envelope.tenant, UUID(message.envelope.subject)
    except ValueError as error:
        raise PermanentError("subject: not the identifier of a ticket") from error


def _text_of(tenant: str, data: TicketChanged) -> TicketText | None:
    opened = next((event for event in data.events if isinstance(event, Opened)), None)
    if opened is None:
        return None
    if opened.channel is Channel.PHONE and not any(isinstance(event, SplitOff) for event in data.events):
        return None  # the desk itself words the ticket of a call, which says nothing of the matter
    triaged = next((event for event in data.events if isinstance(event, Triaged)), None)
    category = triaged.category if triaged else opened.category or ""
    tried = frozenset(step.article_id for step in opened.steps_tried if step.article_id)
    return TicketText(tenant, opened.title, opened.text, category, exclude=tried)


def _may_be_kept(policy: Policy | None, text: TicketText) -> bool:
    """Whether the ticket's words are needed. A policy that is not known yet may come with the same batch."""
    return policy is None or is_kept(policy, text.category)


def _under(policy: Policy | None, text: TicketText) -> TicketText:
    """The ticket as it is matched under its policy. One whose policy is not known waits for it, whatever is found."""
    audiences = frozenset((REQUESTER,)) if policy is None else audiences_of(policy)
    return replace(text, audiences=audiences, documented_from=documented_from(policy))


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


def _read_policies(messages: Sequence[Received]) -> dict[PolicyKey, Policy]:
    """The policies that come with the batch; one that cannot be read is refused when its turn comes."""
    found: dict[PolicyKey, Policy] = {}
    for envelope in (message.envelope for message in messages):
        if isinstance(envelope.data, PolicyApplied):
            with contextlib.suppress(PolicyError):
                key = envelope.tenant, envelope.data.version
                found[key] = Policy.from_document(envelope.data.document, source=envelope.data.version)
    return found


def _applied(tenant: str, data: PolicyApplied, policies: dict[PolicyKey, Policy]) -> AppliedPolicy:
    try:
        policy = Policy.from_document(data.document, source=data.version)
    except PolicyError as error:
        raise PermanentError(f"policy {data.version} is none to this release: {error}") from error
    policies[tenant, data.version] = policy
    return AppliedPolicy(tenant, data.version, dict(data.document), data.applied_at)
