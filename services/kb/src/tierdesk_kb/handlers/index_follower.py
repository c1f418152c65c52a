"""Keeps this process's search index equal to what is committed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from tierdesk_kb.search.index import IndexedArticle
from tierdesk_kb.search.library import Library
from tierdesk_kb.store.articles import VisibleChange, read_changes, read_positions
from tierdesk_kb.store.synonyms import read_synonyms
from tierdesk_store import Database

LOOK_SECONDS: Final = 0.5


class IndexFollower:
    """Builds the indexes from PostgreSQL and follows what changes there, in the order of commits.

    A change made by any process is found within `LOOK_SECONDS` and the time to index it. When the database goes back, the
    index of each tenant that it takes changes from is built anew.
    """

    def __init__(self, database: Database, library: Library) -> None:
        self._database = database
        self._library = library
        self._positions: dict[str, int] = {}
        self._worded: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Look now: something was published."""
        self._poked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set. Raises what the database raises; run again, it goes on where it was."""
        while not stop.is_set():
            self._poked.clear()
            await self.catch_up()
            self._library.ready.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._poked.wait()

    async def catch_up(self) -> None:
        """Index all that is committed now."""
        async with self._database.read() as connection:
            positions = await read_positions(connection)
        for tenant in [one for one, known in self._positions.items() if positions.get(one, 0) < known]:
            self._begin_anew(tenant)
        for tenant, position in positions.items():
            if position != self._worded.get(tenant):
                await self._follow_synonyms(tenant)
                self._worded[tenant] = position
            known = self._positions.get(tenant, 0)
            if position == known:
                continue
            async with self._database.read() as connection:
                async for changes in read_changes(connection, tenant, known):
                    await self._index(tenant, changes)
            # Positions appear in their order: what was given up to this one when it was read has been indexed.
            self._reach(tenant, max(position, self._positions.get(tenant, 0)))

    def _begin_anew(self, tenant: str) -> None:
        """The database went back behind what was indexed, to a backup or to a standby that was behind."""
        self._library.forget(tenant)
        for known in (self._positions, self._worded, self._versions):
            known.pop(tenant, None)

    async def _follow_synonyms(self, tenant: str) -> None:
        async with self._database.read() as connection:
            written = await read_synonyms(connection, tenant)
        if written is not None and written.version != self._versions.get(tenant):
            await self._library.set_synonyms(tenant, written.groups)
            self._versions[tenant] = written.version

    async def _index(self, tenant: str, changes: Sequence[VisibleChange]) -> None:
        put = [
            IndexedArticle(
                str(change.article_id),
                change.content.title,
                change.content.keywords,
                change.content.text,
                change.content.audience,
                change.content.kind.value,
                language=change.content.language,
            )
            for change in changes
            if change.content is not None
        ]
        gone = [str(change.article_id) for change in changes if change.content is None]
        await self._library.apply(tenant, put, gone)
        self._reach(tenant, changes[-1].position)

    def _reach(self, tenant: str, position: int) -> None:
        self._positions[tenant] = position
        self._library.note_position(tenant, position)
