"""Words that mean the same, as a desk has written them down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from tierdesk_kb.search.analysis import ENGLISH, stems

MOST_WORDS: Final = 5
Term = tuple[str, ...]
"""The stems of one term, in order."""


@dataclass(frozen=True, slots=True)
class Meant:
    """Words of a question that stand together, and the terms that mean the same."""

    said: Term
    others: tuple[Term, ...]


def read_term(text: str, language: str) -> Term | None:
    """A term by its stems; None for one without a word that tells something, and for one of more than `MOST_WORDS`."""
    term = tuple(stems(language).analyze(text))
    return term if 1 <= len(term) <= MOST_WORDS else None


class Synonyms:
    """Groups of terms of one language; each term of a group may stand for every other. Never changed once made."""

    def __init__(self, groups: Iterable[Sequence[str]] = (), language: str = ENGLISH) -> None:
        """Terms that `read_term` does not take are left out."""
        self._others: dict[Term, dict[Term, None]] = {}
        for group in groups:
            terms = dict.fromkeys(term for text in group if (term := read_term(text, language)))
            for term in terms:
                self._others.setdefault(term, {}).update((other, None) for other in terms if other != term)
        self._longest = max(map(len, self._others), default=0)
        self._words = frozenset(word for term in self._others for word in term)

    @property
    def words(self) -> AbstractSet[str]:
        """All stems that stand in a term: a question that has one has no slip of the pen there."""
        return self._words

    def find(self, question: Sequence[str]) -> list[Meant]:
        """The terms that stand in a question, given by its stems in order: from left to right, the longest first."""
        found: dict[Term, Meant] = {}
        at = 0
        while self._others and at < len(question):
            for length in range(min(self._longest, len(question) - at), 0, -1):
                said = tuple(question[at : at + length])
                if others := self._others.get(said):
                    found[said] = Meant(said, tuple(others))
                    at += length - 1
                    break
            at += 1
        return list(found.values())
