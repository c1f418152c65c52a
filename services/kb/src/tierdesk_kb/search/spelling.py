"""What a word of a question may have been meant as, among all words of the articles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from tierdesk_kb.domain.matching import SLIPS_FROM

LONGEST: Final = 20
"""Letters that a word may have to be taken for a slip of the pen here."""
_MOST_LETTERS: Final = 64
"""Letters that are tried in a word's place; a vocabulary of more, as of Chinese, leaves its rare ones out."""


class Spelling:
    """All words of many articles. One thread at a time may add some, while others look.

    Each word that is one letter left out, put in, changed or swapped with its neighbour away is made and looked up: for
    every letter of the word two for each letter that there is, which takes a fifth of a millisecond among English words
    of ten letters. It keeps the words alone; `Vocabulary`, which keeps their pieces, is quicker and takes ten times the room.
    """

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._letters: tuple[str, ...] = ()

    def add(self, words: Iterable[str]) -> None:
        """Remember these words; those that are known already cost nothing."""
        new = set(words) - self._words
        if new:
            self._counts.update("".join(new))
            self._letters = tuple(letter for letter, _ in self._counts.most_common(_MOST_LETTERS))
            self._words |= new

    def near(self, word: str) -> set[str]:
        """The known words that `word` may be a slip of; none for a word that is known, too short or too long for it."""
        if word in self._words or not SLIPS_FROM <= len(word) <= LONGEST:
            return set()
        return {other for other in _slips(word, self._letters) if other in self._words}


def _slips(word: str, letters: tuple[str, ...]) -> Iterator[str]:
    """All words that are one slip away, some of them twice."""
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
