"""How well an article fits a ticket: the share of what the ticket says that the article covers.

Words count by how rare they are among the tenant's articles (`idf`, as in BM25), and words of the ticket's title twice.
A word of the article's title or keywords covers fully, one that stands in its body alone by 70 %. A word that no article
has counts half of the rarest: it may name something that the knowledge base does not know, or be chance. So the score
is 1 when each word of the ticket is a title word of the article, and 0 when they share none. It is no probability. The
three shares were chosen on the sample articles; `docs/knowledge.md` says how it did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

TITLE_WEIGHT: Final = 2.0
BODY_COVER: Final = 0.7
UNKNOWN_WEIGHT: Final = 0.5
DOCUMENTED_FROM: Final = 0.6
"""The score from which an article documents a problem, where the policy names no threshold."""
TOLD_FROM: Final = 0.2
"""The score from which a match is worth telling."""
SLIPS_FROM: Final = 4
"""Letters that a word must have for a slip to be forgiven."""


@dataclass(frozen=True, slots=True)
class Match:
    """The article that fits a ticket best."""

    article_id: str
    title: str
    score: float


def rarity(frequency: int, articles: int) -> float:
    """The weight of a word that so many of all articles have: BM25's inverse document frequency."""
    return math.log(1 + (articles - frequency + 0.5) / (frequency + 0.5))


def weigh(
    title: Sequence[str], text: Sequence[str], *, frequency: Callable[[str], int], articles: int
) -> dict[str, float]:
    """The weight of each word of a ticket, given how many articles have it."""
    weights: dict[str, float] = {}
    for words, factor in ((title, TITLE_WEIGHT), (text, 1.0)):
        for word in words:
            if word not in weights:
                found = frequency(word)
                weights[word] = factor * (rarity(found, articles) if found else UNKNOWN_WEIGHT * rarity(0, articles))
    return weights


def score(weights: dict[str, float], head: Collection[str], body: Collection[str]) -> float:
    """The share of `weights` that an article covers with the words of its head and body, 0 to 1."""
    total = sum(weights.values())
    if not total:
        return 0.0
    covered = sum(
        weight * (1.0 if word in head else BODY_COVER)
        for word, weight in weights.items()
        if word in head or word in body
    )
    return min(1.0, covered / total)


def is_one_slip_away(word: str, other: str) -> bool:
    """Whether one letter was left out, put in, changed, or swapped with its neighbour."""
    if word == other or abs(len(word) - len(other)) > 1:
        return word == other
    start = 0
    while start < min(len(word), len(other)) and word[start] == other[start]:
        start += 1
    rest, other_rest = word[start:], other[start:]
    return (
        rest[1:] == other_rest[1:]
        or rest == other_rest[1:]
        or rest[1:] == other_rest
        or (len(rest) > 1 and rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])
    )
