"""The figures of retrieval: nDCG, recall and reciprocal rank, of the first ten hits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

DEPTH: Final = 10
"""So many hits count."""

Judgments = Mapping[str, Mapping[str, int]]
"""By question, how relevant each document is; what is not named, or has 0, is not."""
Runs = Mapping[str, Sequence[str]]
"""By question, the documents that were found, best first."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the questions that have a relevant document, each from 0 to 1."""

    questions: int
    ndcg: float
    recall: float
    reciprocal_rank: float


def rate(runs: Runs, judgments: Judgments) -> Figures:
    """The figures of a run; a question without hits counts 0. Raises `ValueError` when no question has a relevant document.

    nDCG as Järvelin and Kekäläinen (2002) with linear gains, as trec_eval has it: the gain of a hit is its judged relevance,
    divided by the binary logarithm of its rank plus one.
    """
    judged = {question: relevant for question, found in judgments.items() if (relevant := _relevant(found))}
    if not judged:
        raise ValueError("no question has a relevant document")
    count = len(judged)
    ndcg = recall = reciprocal = 0.0
    for question, relevant in judged.items():
        hits = list(dict.fromkeys(runs.get(question, ())))[:DEPTH]
        best = sorted(relevant.values(), reverse=True)[:DEPTH]
        ndcg += _gain([relevant.get(hit, 0) for hit in hits]) / _gain(best)
        recall += sum(hit in relevant for hit in hits) / len(relevant)
        reciprocal += next((1 / rank for rank, hit in enumerate(hits, start=1) if hit in relevant), 0.0)
    return Figures(count, ndcg / count, recall / count, reciprocal / count)


def _relevant(found: Mapping[str, int]) -> dict[str, int]:
    return {document: relevance for document, relevance in found.items() if relevance > 0}


def _gain(relevances: Sequence[int]) -> float:
    return sum(relevance / math.log2(rank + 1) for rank, relevance in enumerate(relevances, start=1))
