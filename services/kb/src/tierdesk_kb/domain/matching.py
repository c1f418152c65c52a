"""How likely an article answers a ticket: a probability, from what `tierdesk_kb.domain.evidence` finds in common.

The article that BM25 ranks first is the match, and the score is a logistic function of four figures on it. So a score of 0.8 says
that of ten tickets whose match has such a score eight are answered by it. `docs/knowledge.md` shows how far that holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tierdesk_kb.domain.evidence import ArticleWords, Evidence, Likeness, Rarity, TicketWords, compare

DOCUMENTED_FROM: Final = 0.7
"""The score from which an article documents a problem, where the policy names no threshold."""
TOLD_FROM: Final = 0.2
"""The score from which a match is worth telling."""
SLIPS_FROM: Final = 4
"""Letters that a word must have for a slip to be forgiven."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What each figure of the evidence adds to the logarithm of the odds; none speaks against its own meaning."""

    intercept: float
    strongest: float
    order: float
    lead: float
    unknown: float

    def probability(self, evidence: Evidence) -> float:
        """How likely the article answers the ticket."""
        odds = (
            self.intercept
            + self.strongest * evidence.strongest
            + self.order * evidence.order
            + self.lead * evidence.lead
            - self.unknown * evidence.unknown
        )
        return 1 / (1 + math.exp(-odds))


COEFFICIENTS: Final = Coefficients(intercept=-4.16, strongest=6.28, order=2.28, lead=2.93, unknown=4.83)
"""Fitted by `tierdesk kb evaluate`; docs/decisions has on what, and why these four."""


@dataclass(frozen=True, slots=True)
class Match:
    """An article, the probability that it answers a ticket, and what that stands on."""

    article_id: str
    title: str
    score: float
    evidence: Evidence
    is_known_error: bool = False


def rank(candidates: Mapping[str, tuple[ArticleWords, TicketWords]], rarity: Rarity) -> list[Match]:
    """Each article with the probability that it answers the ticket, best first: as BM25 ranks them.

    The ticket comes with each article, as that spells it. Articles of equal weight are ranked by identifier.
    """
    found = {name: compare(ticket, article, rarity) for name, (article, ticket) in candidates.items()}
    ranked = sorted(found, key=lambda name: (-found[name].weight, name))
    first, second = _two_greatest(found)
    matches = []
    for name in ranked:
        likeness, article = found[name], candidates[name][0]
        evidence = likeness.evidence(second if likeness.rare_weight == first else first)
        score = COEFFICIENTS.probability(evidence)
        matches.append(Match(name, article.title, score, evidence, article.is_known_error))
    return matches


def choose(ranked: list[Match], documented_from: float) -> Match | None:
    """The first, or the likeliest known error that documents the problem by this threshold; None of none."""
    known_errors = [match for match in ranked if match.is_known_error and match.score >= documented_from]
    return max(known_errors, key=lambda match: match.score, default=ranked[0] if ranked else None)


def limit(ticket: TicketWords, article: ArticleWords, rarity: Rarity) -> float:
    """The most that the article's score can be, whatever other articles there are."""
    return COEFFICIENTS.probability(compare(ticket, article, rarity).evidence(0.0))


def _two_greatest(found: Mapping[str, Likeness]) -> tuple[float, float]:
    """The greatest and the second greatest of the rare weights; 0 for what is not there."""
    weights = sorted((one.rare_weight for one in found.values()), reverse=True)
    return (weights[0] if weights else 0.0), (weights[1] if len(weights) > 1 else 0.0)


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
