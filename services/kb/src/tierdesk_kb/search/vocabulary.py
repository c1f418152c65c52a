"""Words that are known, to be found by a word that is one slip of the pen away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from tierdesk_kb.domain.matching import is_one_slip_away

_FEW: Final = 300
"""Up to so many words it is quicker to compare each, as of one article."""
_MOST_LETTERS: Final = 64
"""Letters that are tried in a word's place; a vocabulary of more, as of Chinese, leaves its rare ones out."""


class Vocabulary:
    """Words that can be found by their slips. Threads may look for some while one adds others.

    Of many, every word that is one letter left out, put in, changed or swapped with its neighbour away is made and looked
    up: some fifty for each letter, which takes a fifth of a millisecond, and keeps nothing but the words themselves.
    """

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._letters: tuple[str, ...] = ()

    def add(self, words: Iterable[str]) -> None:
        """Remember these words; those that are known already cost nothing."""
        new = set(words) - self._words
        if not new:
            return
        self._counts.update("".join(new))
        self._letters = tuple(letter for letter, _ in self._counts.most_common(_MOST_LETTERS))
        if len(self._words) <= _FEW:
            self._words = self._words | new  # another one: somebody may be going through the old
        else:
            self._words |= new

    def near(self, word: str) -> set[str]:
        """The known words that `word` may be a slip of, as `is_one_slip_away` says; itself too, if it is known."""
        known = self._words
        if len(known) <= _FEW:
            return {other for other in known if is_one_slip_away(word, other)}
        return {other for other in _slips(word, self._letters) if other in self._words}


def _slips(word: str, letters: tuple[str, ...]) -> Iterator[str]:
    """The word, and all words that are one slip away from it."""
    yield word
    for at in range(len(word) + 1):
        before, rest = word[:at], word[at:]
        for letter in letters:
            yield before + letter + rest
        if rest:
            after = rest[1:]
            yield before + after
            for letter in letters:
                yield before + letter + after
            if after:
                yield before + after[0] + rest[0] + after[1:]
