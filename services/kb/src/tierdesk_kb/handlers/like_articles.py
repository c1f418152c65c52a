"""Finds, for each article that is published, the one that says most of the same."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.articles import Content
from tierdesk_kb.domain.likeness import likeness
from tierdesk_kb.search.analysis import stems, words
from tierdesk_kb.search.library import Library
from tierdesk_kb.store.articles import read_published
from tierdesk_kb.store.like_articles import (
    Likeness,
    find_behind,
    find_changed,
    find_lookers,
    hold_progress,
    move_progress,
    replace_likenesses,
)
from tierdesk_store import Database, is_redo
from tierdesk_store.pausing import wait_for_any

PAGE: Final = 20
"""So many changed articles are compared in one transaction."""
LOOKERS: Final = 100
"""So many that were like one of these are compared anew."""
CANDIDATES: Final = 10
"""With so many articles, those that the index ranks first, each is compared word by word."""
TOLD_FROM: Final = 0.3
"""The likeness from which it is kept."""
LOOK_SECONDS: Final = 2.0
_SOUGHT_WORDS: Final = 16
"""So many words of an article's body are looked for, with its title and keywords: the longest, which are rare. To look for a frequent one costs
most, and tells least.
"""


class LikeArticles:
    """Works off what readers see otherwise, page by page. Any number of replicas may run it: each tenant is worked on by one.

    How far it got is a row, written with what was found: after a crash the next page follows.
    """

    def __init__(self, database: Database, library: Library, *, page: int = PAGE) -> None:
        self._database = database
        self._library = library
        self._page = page

    async def run(self, stop: asyncio.Event) -> None:
        """Look every two seconds until `stop` is set. Where there is much to do, half of the time is left to others."""
        loop = asyncio.get_running_loop()
        await wait_for_any(stop, self._library.ready)
        while not stop.is_set():
            more, began = False, loop.time()
            try:
                more = await self.look()
            except Exception as error:
                if not is_redo(error):
                    raise
            await wait_for_any(stop, timeout_seconds=loop.time() - began if more else LOOK_SECONDS)

    async def look(self) -> bool:
        """Compare the next page of each tenant; answers whether there was anything to do."""
        async with self._database.read() as connection:
            tenants = await find_behind(connection)
        done = [await self._look_at(tenant, until) for tenant, until in tenants.items()]
        return any(done)

    async def _look_at(self, tenant: str, until: int) -> bool:
        """Compare the tenant's next page. Without any, what changed up to `until` is no article, as where it is the synonyms."""
        async with self._database.transaction() as tx:
            position = await hold_progress(tx.connection, tenant)
            if position is None:
                return False
            changed = await find_changed(tx.connection, tenant, position, limit=self._page)
            if not changed:
                await move_progress(tx.connection, tenant, max(position, until))
                return False
            if self._library.position(tenant) < changed[-1].position:
                return False
            ids = [one.article_id for one in changed]
            lookers = await find_lookers(tx.connection, tenant, ids, limit=LOOKERS)
            seen = [one.article_id for one in changed if one.seen]
            compared = list(dict.fromkeys([*seen, *lookers]))
            found = await self._compare(tx.connection, tenant, compared)
            await replace_likenesses(tx.connection, tenant, {*ids, *lookers}, found)
            await move_progress(tx.connection, tenant, changed[-1].position)
            return True

    async def _compare(self, connection: AsyncConnection, tenant: str, ids: Sequence[UUID]) -> list[Likeness]:
        """What each of these is most like, told of both."""
        own = await read_published(connection, tenant, ids)
        texts = {article_id: written.content for article_id, written in own.items()}
        candidates = await asyncio.to_thread(self._candidates, tenant, texts)
        wanted = {candidate for found in candidates.values() for candidate in found}
        others = await read_published(connection, tenant, wanted - texts.keys())
        texts |= {article_id: written.content for article_id, written in others.items()}
        return await asyncio.to_thread(_find_best, texts, candidates)

    def _candidates(self, tenant: str, texts: Mapping[UUID, Content]) -> dict[UUID, list[UUID]]:
        found: dict[UUID, list[UUID]] = {}
        for article_id, content in texts.items():
            rare = sorted(set(words().analyze(content.body)), key=lambda word: (-len(word), word))[:_SOUGHT_WORDS]
            sought = " ".join((content.title, *content.keywords, *rare))
            hits = self._library.search(tenant, sought, limit=CANDIDATES + 1, offset=0, audience=None)
            found[article_id] = [one for hit in hits if (one := UUID(hit.article_id)) != article_id]
        return found


def _find_best(texts: Mapping[UUID, Content], candidates: Mapping[UUID, Collection[UUID]]) -> list[Likeness]:
    known = {article_id: _words_of(content) for article_id, content in texts.items()}
    best = []
    for article_id, others in candidates.items():
        measured = [(likeness(known[article_id], known[other]), other) for other in others if other in known]
        share, other = max(measured, default=(0.0, article_id))
        if share >= TOLD_FROM:
            best += [Likeness(article_id, other, share), Likeness(other, article_id, share)]
    return best


def _words_of(content: Content) -> frozenset[str]:
    return frozenset(stems().analyze("\n".join((content.title, *content.keywords, content.body))))
