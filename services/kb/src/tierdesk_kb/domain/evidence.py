"""What speaks for an article to answer a ticket, from the words of both: all of it relative to the tenant's own articles.

How rare a word is, is BM25's inverse document frequency as a share of the greatest that such a base can have, so that it
means the same among twelve articles as among a hundred thousand. How much an article has of a word is BM25's saturated frequency
(Robertson and Zaragoza 2009), and all of it for a word of the title or the keywords.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

TEXT_COUNT: Final = 0.5
"""What a word of the text counts, beside one of the title; as much where there is no title."""
PAIR_COUNT: Final = 0.25
"""What two words count that follow each other in both, beside the rarer of the two alone."""
SLIP_SHARE: Final = 0.7
"""What a word counts as the one that it may be a slip of; the rest counts as a word that no article has."""
MOST_LEAD: Final = 2.0
"""A greater lead says no more."""
_SATURATION: Final = 1.5
_LENGTH_SHARE: Final = 0.75
"""BM25's k1 and b."""
_USUAL_LENGTH: Final = 100
"""Stems of an article of usual length."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ArticleWords:
    """An article by its words: those of its title and keywords, how often it has each, and all of them in order."""

    title: str
    head: frozenset[str]
    frequencies: Mapping[str, int]
    sequence: str
    length: int
    is_known_error: bool = False

    @classmethod
    def read(
        cls, title: str, head: Sequence[str], whole: Sequence[str], *, is_known_error: bool = False
    ) -> ArticleWords:
        """An article from the stems of its head, and of its head and body."""
        frequencies: dict[str, int] = {}
        for word in whole:
            frequencies[word] = frequencies.get(word, 0) + 1
        return cls(title, frozenset(head), frequencies, f" {' '.join(whole)} ", len(whole), is_known_error)

    def grasp(self, word: str) -> float:
        """How much the article is about a word, 0 to 1."""
        if word in self.head:
            return 1.0
        found = self.frequencies.get(word, 0)
        return found / (found + _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * self.length / _USUAL_LENGTH))

    def has(self, pair: Pair) -> bool:
        """Whether the one word follows the other, but for words that say nothing."""
        return f" {pair[0]} {pair[1]} " in self.sequence


@dataclass(frozen=True)
class TicketWords:
    """The different words of a ticket with what each counts, which follow which, and which of them are guessed from a slip."""

    counts: Mapping[str, float]
    pairs: tuple[Pair, ...]
    doubtful: AbstractSet[str] = frozenset()

    @classmethod
    def read(cls, title: Sequence[str], text: Sequence[str]) -> TicketWords:
        """A ticket from the different stems of its title and of its text, in order."""
        beside = TEXT_COUNT if title else 1.0
        counts = dict.fromkeys(text, beside) | dict.fromkeys(title, 1.0)
        return cls(counts, tuple(dict.fromkeys((*pairwise(title), *pairwise(text)))))

    def spelt(self, slips: Mapping[str, AbstractSet[str]], article: ArticleWords) -> TicketWords:
        """With those words that may be slips of the pen, of the words named, as the article spells them too.

        What such a word counts is parted: it may as well be a name that nobody wrote of.
        """
        meant = {
            word: min(near & article.head, default=None)
            or min((one for one in near if one in article.frequencies), default=word)
            for word, near in slips.items()
        }
        if all(word == other for word, other in meant.items()):
            return self
        counts = dict(self.counts)
        for word, other in meant.items():
            if other != word:
                counts[word] = (1 - SLIP_SHARE) * self.counts[word]
                counts[other] = max(SLIP_SHARE * self.counts[word], counts.get(other, 0.0))
        pairs = tuple((meant.get(one, one), meant.get(two, two)) for one, two in self.pairs)
        return TicketWords(counts, pairs, counts.keys() - self.counts.keys())


def rarity(frequency: int, articles: int) -> float:
    """How rare a word is that so many of all articles have: BM25's inverse document frequency."""
    return math.log(1 + (articles - frequency + 0.5) / (frequency + 0.5))


class Rarity:
    """How rare words are among a tenant's articles, 0 to about 1."""

    def __init__(self, frequency: Callable[[str], int], articles: int) -> None:
        """`frequency` says how many of all `articles` have a word."""
        self._frequency = cache(frequency)
        self._articles = articles
        self._greatest = math.log(1 + max(1, articles))
        self.of = cache(self._weigh)

    def is_known(self, word: str) -> bool:
        """Whether any article has the word."""
        return self._frequency(word) > 0

    def _weigh(self, word: str) -> float:
        """The rarity as a share of the logarithm of how many articles there are."""
        return rarity(self._frequency(word), self._articles) / self._greatest


@dataclass(frozen=True)
class Likeness:
    """What one article and a ticket have in common, whatever other articles there are.

    `weight` is what BM25 has of it, by which articles are ranked; `rare_weight` counts the rare words more, and pairs of words too.
    """

    weight: float
    rare_weight: float
    strongest: float
    order: float
    unknown: float

    def evidence(self, best_other: float) -> Evidence:
        """Beside the greatest `rare_weight` of the other articles."""
        lead = max(-MOST_LEAD, min(MOST_LEAD, self.rare_weight - best_other))
        return Evidence(self.strongest, self.order, lead, self.unknown)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What decides how likely the article answers the ticket.

    `strongest` is the rarity of the ticket's word that the article is about most, times how much it is; `order` the share
    of the ticket's words that follow each other in the article as in the ticket; `lead` by how much its rare words are more than those of the next best article;
    `unknown` the share of the ticket's words that no article has.
    """

    strongest: float
    order: float
    lead: float
    unknown: float


def expect(words: Collection[str], article: ArticleWords, rarity: Rarity) -> Evidence:
    """The most that may speak for the article, from those of a ticket's words alone that it has: as if each were a word of the
    title, and all followed each other. It is quick.
    """
    rarities = [rarity.of(word) for word in words]
    held = [rare * article.grasp(word) for rare, word in zip(rarities, words, strict=True)]
    strange = sum(rare * (one + 2 * PAIR_COUNT) for rare, one in zip(rarities, held, strict=True))
    return Evidence(max(held, default=0.0), 1.0, min(MOST_LEAD, strange), 0.0)


def compare(ticket: TicketWords, article: ArticleWords, rarity: Rarity) -> Likeness:
    """What they have in common."""
    weight = rare_weight = strongest = unknown = 0.0
    shared: set[str] = set()
    for word, count in ticket.counts.items():
        if word in article.frequencies:
            shared.add(word)
            rare = rarity.of(word)
            held = rare * article.grasp(word)
            weight += count * held
            rare_weight += count * held * rare
            strongest = max(strongest, held * (SLIP_SHARE if word in ticket.doubtful else 1.0))
        elif not rarity.is_known(word):
            unknown += count
    whole = together = 0.0
    for pair in ticket.pairs:
        first, second = pair
        rarer = min(rarity.of(first), rarity.of(second))
        whole += rarer
        if first in shared and second in shared and article.has(pair):
            together += rarer
            rare_weight += PAIR_COUNT * rarer * min(ticket.counts[first], ticket.counts[second])
    every = sum(ticket.counts.values())
    return Likeness(
        weight,
        rare_weight,
        strongest,
        order=together / whole if whole else 0.0,
        unknown=unknown / every if every else 0.0,
    )
