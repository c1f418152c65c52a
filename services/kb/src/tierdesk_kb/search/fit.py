"""How well an article fits a ticket, from the words of both, slips of the pen forgiven."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache

from tierdesk_kb.domain.matching import SLIPS_FROM, score, weigh
from tierdesk_kb.search.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class ArticleWords:
    """The words of an article: those of its title and keywords, and all."""

    title: str
    head: frozenset[str]
    whole: frozenset[str]


class ArticleFit:
    """How well one article fits tickets: the score of `ArticleIndex.match`, from the words of `words_of_ticket`."""

    def __init__(self, article: ArticleWords, frequency: Callable[[str], int], articles: int) -> None:
        """`frequency` says how many of all `articles` have a word."""
        self.words = article.whole
        self._article = article
        self._frequency = cache(frequency)
        self._articles = articles
        vocabulary = Vocabulary()
        vocabulary.add(article.whole)
        self._near = cache(vocabulary.near)

    def score(self, title: Sequence[str], text: Sequence[str]) -> float:
        """The share of the ticket's words that the article covers, 0 to 1."""
        weights = weigh(title, text, frequency=self._frequency, articles=self._articles)
        slips = {
            word: near
            for word in weights
            if not self._frequency(word) and len(word) >= SLIPS_FROM and (near := self._near(word))
        }
        return score(as_written(weights, slips, self._article), self._article.head, self._article.whole)


def as_written(
    weights: Mapping[str, float], slips: Mapping[str, AbstractSet[str]], article: ArticleWords
) -> dict[str, float]:
    """The weights with those words that may be slips of the pen, of the words named, as the article spells them."""
    spelt = {word: weight for word, weight in weights.items() if word not in slips}
    for word, near in slips.items():
        meant = min(near & article.head, default=None) or min(near & article.whole, default=word)
        spelt[meant] = max(weights[word], spelt.get(meant, 0.0))
    return spelt
