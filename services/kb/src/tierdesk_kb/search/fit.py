"""How well one article fits many tickets, from words that are kept of them, slips of the pen forgiven."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Protocol

from tierdesk_kb.domain.evidence import ArticleWords, Rarity, TicketWords, expect
from tierdesk_kb.domain.matching import COEFFICIENTS, SLIPS_FROM, Match, limit
from tierdesk_kb.search.vocabulary import Vocabulary


class Ranking(Protocol):
    """Ranks the articles for a ticket by its words, among them the one that is asked for."""

    def __call__(self, title: Sequence[str], text: Sequence[str], *, exclude: Collection[str]) -> list[Match]:
        """The matches, best first, but for those excluded."""


class ArticleFit:
    """How well one article fits tickets, by the words of `words_of_ticket`."""

    def __init__(self, article_id: str, article: ArticleWords, rarity: Rarity, rank: Ranking) -> None:
        """`rank` ranks all articles, this one always among them."""
        self.words = frozenset(article.frequencies)
        self._article_id = article_id
        self._article = article
        self._rarity = rarity
        self._rank = rank
        vocabulary = Vocabulary()
        vocabulary.add(self.words)
        self._near = cache(vocabulary.near)

    def may_reach(self, least: float, title: Sequence[str], text: Sequence[str]) -> bool:
        """Whether `score` can be so much: whether it would be where no other article has anything in common with the ticket.

        It takes a fraction of the time.
        """
        words = {word for part in (title, text) for word in part}
        had = words & self.words
        for word in words - had:
            if len(word) >= SLIPS_FROM and not self._rarity.is_known(word):
                had |= self._near(word)
        if COEFFICIENTS.probability(expect(had, self._article, self._rarity)) < least:
            return False
        ticket = TicketWords.read(title, text)
        return limit(ticket.spelt(self._slips(ticket), self._article), self._article, self._rarity) >= least

    def score(self, title: Sequence[str], text: Sequence[str], *, exclude: Collection[str] = ()) -> float:
        """The score of `ArticleIndex.match` for this article, beside all others but for those excluded."""
        ranked = self._rank(title, text, exclude=exclude)
        return next((match.score for match in ranked if match.article_id == self._article_id), 0.0)

    def _slips(self, ticket: TicketWords) -> dict[str, AbstractSet[str]]:
        return {
            word: near
            for word in ticket.counts
            if len(word) >= SLIPS_FROM and not self._rarity.is_known(word) and (near := self._near(word))
        }
