"""What is looked for: the words of a question, and of what was said before it, each with what it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tierdesk_kb.search.analysis import ENGLISH, distinct, stems

MOST_WORDS: Final = 128
"""Different words that are looked for at a time; a page of text has as many."""
ASKED_BEFORE: Final = 0.2
TOLD_BEFORE: Final = 0.1
"""What a word of an earlier question, and of an earlier answer, counts beside one of the question itself. Chosen on the
conversations of mt-rag-benchmark's cloud collection; docs/knowledge.md has the figures."""
REPEATED: Final = 1.0
"""k3 of Okapi BM25 (Robertson et al., 1995): a word that the question says n times counts (k3 + 1) · n / (k3 + n) times as much."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A question in the words of who asks it; `asked` and `told` are what was asked and answered before it."""

    question: str
    asked: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    def weights(self, language: str = ENGLISH) -> dict[str, float]:
        """The stems in this language that are looked for, each with the most that it counts anywhere."""
        said = Counter(stems(language).analyze(self.question))
        weights = {word: _repeated(times) for word, times in islice(said.items(), MOST_WORDS)}
        for texts, weight in ((self.asked, ASKED_BEFORE), (self.told, TOLD_BEFORE)):
            for word in _newest_first(texts, language):
                if len(weights) == MOST_WORDS:
                    return weights
                weights.setdefault(word, weight)
        return weights


def _repeated(times: int) -> float:
    """What a word counts that the question says so often."""
    return (REPEATED + 1) * times / (REPEATED + times)


def _newest_first(texts: Sequence[str], language: str) -> Iterator[str]:
    for text in reversed(texts):
        yield from distinct(stems(language), [text], limit=MOST_WORDS)
