"""Looks at resolved tickets in hindsight: which of them a published article documents by now, for people below."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.shift_left import CERTAIN, Candidate, ResolvedTicket, choose_article, kept_since
from tierdesk_kb.handlers.finding import find_matches
from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.handlers.tickets import documented_from
from tierdesk_kb.search.languages import LanguageFit
from tierdesk_kb.search.library import KeptTicket, Library
from tierdesk_kb.store.articles import Written, read_published
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_kb.store.resolutions import (
    Change,
    Progress,
    claim_progress,
    forget_resolutions,
    lock_fresh,
    lock_page,
    read_changed,
    read_drafted,
    read_origins,
    read_tenants,
    save_changes,
    save_progress,
)
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database
from tierdesk_store.pausing import wait_for_any

PAGE: Final = 500
"""So many resolved tickets are looked at in one transaction."""
MOST_ARTICLES: Final = 20
"""When more have changed, each ticket is matched with all articles, not each of these articles with the tickets."""
LOOK_SECONDS: Final = 1.0


class Hindsight:
    """Keeps what documents resolved tickets up to date. Of any number of replicas one at a time is at a tenant.

    How far it has got is a row, written with the tickets of its page: after a crash the next page follows.
    """

    def __init__(
        self,
        database: Database,
        library: Library,
        shelf: PolicyShelf,
        publisher: Publisher,
        follower: IndexFollower,
        *,
        page: int = PAGE,
        most_articles: int = MOST_ARTICLES,
    ) -> None:
        self._database = database
        self._library = library
        self._shelf = shelf
        self._publisher = publisher
        self._follower = follower
        self._page = page
        self._most_articles = most_articles
        self._forgotten: dict[str, date] = {}
        """The first day that is kept, by tenant, where nothing older is left."""

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second until `stop` is set."""
        await wait_for_any(stop, self._library.ready)
        await keep_looking(self.look, stop, rest_seconds=LOOK_SECONDS)

    async def look(self) -> bool:
        """Look at the next page of each tenant; answers whether there was anything to do."""
        async with self._database.read() as connection:
            tenants = await read_tenants(connection)
        more = False
        for tenant in tenants:
            more |= await self._look_at(tenant)
        return more

    async def _look_at(self, tenant: str) -> bool:
        async with self._database.transaction() as tx:
            progress = await claim_progress(tx.connection, tenant)
            if progress is None:
                return False
            if self._library.position(tenant) < progress.newest:
                self._follower.poke()
                return False
            fresh = await lock_fresh(tx.connection, tenant, rows=self._page)
            if fresh:
                await self._save(tx.connection, [(one, None) for one in fresh if one.reopened])
                new = [one for one in fresh if not one.reopened]
                await self._match(tx.connection, tenant, new, changed=frozenset())
                return True
            if progress.target is not None:
                await self._go_on(tx.connection, progress)
                return True
            if progress.newest > progress.position:
                await save_progress(tx.connection, progress.begin())
                return True
            return await self._forget(tx.connection, tenant)

    async def _forget(self, connection: AsyncConnection, tenant: str) -> bool:
        """Forget what is old, once on each day and after each start; answers whether there may be more."""
        day = self._kept_since()
        if self._forgotten.get(tenant) == day:
            return False
        if await forget_resolutions(connection, tenant, day, limit=self._page):
            return True
        self._forgotten[tenant] = day
        return False

    def _kept_since(self) -> date:
        return kept_since(self._publisher.now())

    async def _save(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        await save_changes(connection, changes, kept_since=self._kept_since())

    async def _go_on(self, connection: AsyncConnection, progress: Progress) -> None:
        """Look at the next page for what has changed."""
        tenant = progress.tenant
        ids = await read_changed(connection, progress, limit=self._most_articles + 1)
        changed = frozenset(ids)
        if not changed:  # what changed has changed again since: the next time is for that
            await save_progress(connection, progress.move(None))
            return
        if len(ids) > self._most_articles:
            page, until = await lock_page(connection, progress, rows=self._page, words=None, changed=(), origins=())
            everything = frozenset(one.article_id for one in page if one.article_id is not None)
            await self._match(connection, tenant, page, changed=everything)
        else:
            published = await read_published(connection, tenant, changed)
            fits = {
                article_id: fit
                for article_id in published
                if (fit := self._library.fit(tenant, str(article_id))) is not None
            }
            words = {word for fit in fits.values() for word in fit.words}
            origins = await read_origins(connection, tenant, published)
            page, until = await lock_page(
                connection, progress, rows=self._page, words=words, changed=changed, origins=origins
            )
            await self._compare(connection, page, changed, published, fits, origins)
        await save_progress(connection, progress.move(until))

    async def _compare(
        self,
        connection: AsyncConnection,
        page: Sequence[ResolvedTicket],
        changed: frozenset[UUID],
        published: dict[UUID, Written],
        fits: dict[UUID, LanguageFit],
        origins: dict[UUID, UUID],
    ) -> None:
        """Compare tickets with the articles that have changed; what loses its article is matched with all."""
        policies = await self._shelf.fetch(connection, {(one.tenant, one.policy_version) for one in page})
        scores = await asyncio.to_thread(
            lambda: [
                _score(ticket, fits, documented_from(policies.get((ticket.tenant, ticket.policy_version))))
                for ticket in page
            ]
        )
        chosen: list[Change] = []
        lost = []
        for ticket, by_article in zip(page, scores, strict=True):
            policy = policies.get((ticket.tenant, ticket.policy_version))
            if policy is None:
                continue
            certain = {origins.get(ticket.id), ticket.article_id if ticket.score >= CERTAIN else None}
            candidates = [
                Candidate(
                    article_id, published[article_id].content.audience, CERTAIN if article_id in certain else score
                )
                for article_id, score in by_article.items()
            ]
            threshold = documented_from(policy)
            after = choose_article(ticket, candidates, changed=changed, threshold=threshold, policy=policy)
            if after.article_id is None and ticket.article_id is not None:
                lost.append(ticket)
            elif after != ticket:
                chosen.append((ticket, after))
        await self._save(connection, chosen)
        if lost:
            await self._match(connection, lost[0].tenant, lost, changed=changed)

    async def _match(
        self, connection: AsyncConnection, tenant: str, tickets: Sequence[ResolvedTicket], *, changed: frozenset[UUID]
    ) -> None:
        """Match tickets with all articles, by the words that are kept of them.

        An article that was named, or drafted from the ticket, is as good as certain while it can be read; any that did not
        change is kept.
        """
        policies = await self._shelf.fetch(connection, {(tenant, one.policy_version) for one in tickets})
        thresholds = [documented_from(policies.get((tenant, one.policy_version))) for one in tickets]
        sought = [
            KeptTicket(tenant, one.title_words, one.text_words, threshold)
            for one, threshold in zip(tickets, thresholds, strict=True)
        ]
        found = await find_matches(connection, self._library, sought)
        named = {one.article_id for one in tickets if one.article_id is not None and one.score >= CERTAIN}
        drafted = await read_drafted(connection, tenant, [one.id for one in tickets])
        readable = await read_published(connection, tenant, named | {*drafted.values()})
        chosen: list[Change] = []
        for ticket, match, threshold in zip(tickets, found, thresholds, strict=True):
            policy = policies.get((tenant, ticket.policy_version))
            candidates = []
            if match is not None:
                candidates.append(Candidate(UUID(match[0].article_id), match[1].content.audience, match[0].score))
            certain = {ticket.article_id if ticket.score >= CERTAIN else None, drafted.get(ticket.id)}
            candidates += [
                Candidate(one, readable[one].content.audience, CERTAIN)
                for one in certain
                if one is not None and one in readable
            ]
            after = choose_article(ticket, candidates, changed=changed | named, threshold=threshold, policy=policy)
            chosen.append((ticket, after))
        await self._save(connection, chosen)


def _score(ticket: ResolvedTicket, fits: dict[UUID, LanguageFit], threshold: float) -> dict[UUID, float]:
    """The score of each article; 0 for those that cannot reach the threshold."""
    words = ticket.title_words, ticket.text_words
    return {
        article_id: fit.score(*words) if fit.may_reach(threshold, *words) else 0.0 for article_id, fit in fits.items()
    }
