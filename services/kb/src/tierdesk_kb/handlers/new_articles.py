"""Looks at open tickets again when an article is published: those that it fits better than what they were told hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.notice import KnowledgeMatched
from tierdesk_kb.domain.audience import may_be_matched
from tierdesk_kb.domain.open_tickets import OpenTicket
from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.search.languages import LanguageFit
from tierdesk_kb.search.library import Library
from tierdesk_kb.store.articles import Written, read_published
from tierdesk_kb.store.open_tickets import forget_tickets, lock_open_tickets, read_page, save_told
from tierdesk_kb.store.policies import PolicyKey, PolicyShelf
from tierdesk_kb.store.publications import Publication, claim_publication, drop_publication, move_publication
from tierdesk_policy import Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database, Transaction
from tierdesk_store.pausing import wait_for_any

PAGE: Final = 500
"""So many open tickets are looked at in one transaction."""
LOOK_SECONDS: Final = 1.0
FORGET_SECONDS: Final = 60.0


class NewArticles:
    """Works off what was published, page by page. Any number of replicas may run it: each claims what no other holds.

    How far a publication has got is a row, written with the matches of its page: after a crash the next page follows.
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
    ) -> None:
        self._database = database
        self._library = library
        self._shelf = shelf
        self._publisher = publisher
        self._follower = follower
        self._page = page

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second until `stop` is set."""
        await wait_for_any(stop, self._library.ready)
        await keep_looking(self.look, stop, rest_seconds=LOOK_SECONDS)

    async def look(self) -> bool:
        """Look at the next page of tickets for one publication; answers whether there was anything to do.

        An article that is retired by then matches nothing.
        """
        async with self._database.transaction() as tx:
            publication = await claim_publication(tx.connection)
            if publication is None:
                return False
            if self._library.position(publication.tenant) < publication.position:
                self._follower.poke()
                return False
            tenant, article_id = publication.tenant, publication.article_id
            written = (await read_published(tx.connection, tenant, [article_id])).get(article_id)
            fit = None if written is None else self._library.fit(tenant, str(article_id))
            if written is None or fit is None:
                await drop_publication(tx.connection, tenant, article_id)
                return True
            page, until = await read_page(tx.connection, tenant, publication.after, rows=self._page, words=fit.words)
            await self._tell(
                tx, publication, written, await self._fitting(tx.connection, publication, written, fit, page)
            )
            if until is None:
                await drop_publication(tx.connection, tenant, article_id)
            else:
                await move_publication(tx.connection, publication, until)
            return True

    async def _fitting(
        self,
        connection: AsyncConnection,
        publication: Publication,
        written: Written,
        fit: LanguageFit,
        page: Sequence[OpenTicket],
    ) -> list[OpenTicket]:
        """Those of the page that want the article, as they are under lock, each with its score."""
        policies = await self._shelf.fetch(connection, {_policy_of(ticket) for ticket in page})
        scores = await asyncio.to_thread(lambda: _score(page, written.content.audience, fit, policies))
        wanting = _wanting(page, publication.article_id, scores, policies)
        if not wanting:
            return []
        locked = await lock_open_tickets(connection, publication.tenant, wanting)
        still = _wanting(locked, publication.article_id, scores, policies)
        return [
            replace(ticket, told_article=publication.article_id, told_score=scores[ticket.id])
            for ticket in locked
            if ticket.id in still
        ]

    async def _tell(
        self, tx: Transaction, publication: Publication, written: Written, tickets: Sequence[OpenTicket]
    ) -> None:
        await save_told(tx.connection, tickets)
        for ticket in tickets:
            notice = KnowledgeMatched(
                article_id=str(publication.article_id),
                title=written.content.title,
                score=ticket.told_score,
                documented=True,
                new_article=True,
            )
            self._publisher.send(tx, notice, tenant=ticket.tenant, subject=str(ticket.id))


class Forgetting:
    """Forgets, each minute, tickets that can be reopened no more."""

    def __init__(self, database: Database, publisher: Publisher, *, limit: int = 1_000) -> None:
        self._database = database
        self._publisher = publisher
        self._limit = limit

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        await keep_looking(self.forget, stop, rest_seconds=FORGET_SECONDS)

    async def forget(self) -> int:
        """Forget some of them; answers how many."""
        async with self._database.transaction() as tx:
            return await forget_tickets(tx.connection, self._publisher.now(), limit=self._limit)


def _score(
    tickets: Sequence[OpenTicket], audience: str, fit: LanguageFit, policies: dict[PolicyKey, Policy]
) -> dict[UUID, float]:
    """The score of each ticket that the article may document, and whose knowledge group may read it. A policy that this
    release cannot read has no threshold.
    """
    scores: dict[UUID, float] = {}
    for ticket in tickets:
        policy = policies.get(_policy_of(ticket))
        if policy is None or policy.knowledge is None or not may_be_matched(audience, policy):
            continue
        if fit.may_reach(policy.knowledge.threshold, ticket.title_words, ticket.text_words):
            tried = frozenset(map(str, ticket.tried))
            scores[ticket.id] = fit.score(ticket.title_words, ticket.text_words, exclude=tried)
    return scores


def _wanting(
    tickets: Collection[OpenTicket], article_id: UUID, scores: dict[UUID, float], policies: dict[PolicyKey, Policy]
) -> set[UUID]:
    """Those that are to hear of the article."""
    return {
        ticket.id
        for ticket in tickets
        if ticket.id in scores
        and (policy := policies.get(_policy_of(ticket))) is not None
        and ticket.wants(article_id, scores[ticket.id], policy)
    }


def _policy_of(ticket: OpenTicket) -> PolicyKey:
    return ticket.tenant, ticket.policy_version
