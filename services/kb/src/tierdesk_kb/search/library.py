"""The indexes of all tenants. Each tenant's articles stand in an index of its own: a search cannot see another's."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tierdesk_kb.domain.matching import DOCUMENTED_FROM, Match
from tierdesk_kb.search.conditions import Condition
from tierdesk_kb.search.index import Hit, IndexedArticle, words_of_ticket
from tierdesk_kb.search.languages import Groups, LanguageFit, TenantIndex
from tierdesk_kb.search.wording import Wording

if TYPE_CHECKING:
    from tierdesk_kb.search.vectors import Model


@dataclass(frozen=True, slots=True)
class TicketText:
    """What a ticket says, as it is looked for. `exclude` are articles that were tried; `audiences` those whose articles it may
    be matched with, None for all. From the score `documented_from` on a known error comes before all others.
    """

    tenant: str
    title: str
    text: str
    category: str = ""
    audiences: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    documented_from: float = DOCUMENTED_FROM


@dataclass(frozen=True, slots=True)
class KeptTicket:
    """A ticket of which the words that `Library.read_words` gave are kept, as it is looked for among all articles."""

    tenant: str
    title_words: Sequence[str]
    text_words: Sequence[str]
    documented_from: float = DOCUMENTED_FROM


Sought = TicketText | KeptTicket
"""A ticket, as articles are looked for that answer it."""


class IndexNotReadyError(Exception):
    """The indexes are being built; ask again within seconds."""


class Library:
    """The indexes by tenant. `ready` is set once what was committed before the start can be found. With a
    `model`, they rank by meaning too.
    """

    def __init__(self, model: Model | None = None) -> None:
        self._model = model
        self.ready = asyncio.Event()
        self._indexes: dict[str, TenantIndex] = {}
        self._positions: dict[str, int] = {}

    def note_position(self, tenant: str, position: int) -> None:
        """All that the tenant's readers see by this position is indexed."""
        self._positions[tenant] = position

    def position(self, tenant: str) -> int:
        """Up to which position the tenant's articles are indexed; 0 without any."""
        return self._positions.get(tenant, 0)

    async def apply(self, tenant: str, put: Collection[IndexedArticle], remove: Collection[str] = ()) -> None:
        """Update the tenant's index in a thread. One caller at a time."""
        index = self._indexes.get(tenant) or TenantIndex(self._model)
        await asyncio.to_thread(index.apply, put, remove)
        self._indexes[tenant] = index

    async def set_synonyms(self, tenant: str, groups: Mapping[str, Groups]) -> None:
        """Have these groups of terms by language mean the same to the tenant. One caller at a time, `apply` included."""
        index = self._indexes.get(tenant) or TenantIndex(self._model)
        await asyncio.to_thread(index.set_synonyms, groups)
        self._indexes[tenant] = index

    def forget(self, tenant: str) -> None:
        """Know nothing of the tenant: its index is built anew."""
        self._indexes.pop(tenant, None)
        self._positions.pop(tenant, None)

    def search(
        self,
        tenant: str,
        sought: Wording | str,
        *,
        limit: int,
        offset: int,
        audience: Condition,
        kind: Condition = None,
    ) -> list[Hit]:
        """As `TenantIndex.search`. Raises `IndexNotReadyError`."""
        index = self._index(tenant)
        return [] if index is None else index.search(sought, limit=limit, offset=offset, audience=audience, kind=kind)

    def suggest(self, tenant: str, typed: str, *, limit: int, audience: Condition) -> list[Hit]:
        """As `TenantIndex.suggest`. Raises `IndexNotReadyError`."""
        index = self._index(tenant)
        return [] if index is None else index.suggest(typed, limit=limit, audience=audience)

    async def match(self, tickets: Sequence[Sought]) -> list[Match | None]:
        """The best match of each ticket, in order; worked out in a thread. Raises `IndexNotReadyError`."""
        return await asyncio.to_thread(lambda: [self._match(ticket) for ticket in tickets]) if tickets else []

    async def read_words(self, tickets: Sequence[TicketText]) -> list[tuple[list[str], list[str]]]:
        """The words of each ticket's title and text, in order; worked out in a thread."""
        return await asyncio.to_thread(lambda: [self._words_of(one) for one in tickets]) if tickets else []

    def fit(self, tenant: str, article_id: str) -> LanguageFit | None:
        """As `TenantIndex.fit`. Raises `IndexNotReadyError`."""
        index = self._index(tenant)
        return None if index is None else index.fit(article_id)

    def _words_of(self, ticket: TicketText) -> tuple[list[str], list[str]]:
        index = self._indexes.get(ticket.tenant)
        return (words_of_ticket if index is None else index.words_of_ticket)(ticket.title, ticket.text)

    def _match(self, ticket: Sought) -> Match | None:
        index = self._index(ticket.tenant)
        if index is None:
            return None
        if isinstance(ticket, KeptTicket):
            return index.match_words(ticket.title_words, ticket.text_words, documented_from=ticket.documented_from)
        return index.match(
            ticket.title,
            ticket.text,
            category=ticket.category,
            audiences=ticket.audiences,
            exclude=ticket.exclude,
            documented_from=ticket.documented_from,
        )

    def _index(self, tenant: str) -> TenantIndex | None:
        if not self.ready.is_set():
            raise IndexNotReadyError
        return self._indexes.get(tenant)
