"""Words that are remembered, to be found by a word that is one slip of the pen away."""

from __future__ import annotations

from collections.abc import Iterable

from tierdesk_kb.domain.matching import is_one_slip_away


class Vocabulary:
    """Words that can be found by their slips. Threads may add words and look for some at the same time.

    Of two words that are one slip apart, each has a piece that the other has too: the word itself, or the word without
    one of its letters. So each word is kept under all of its pieces.
    """

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._by_piece: dict[str, list[str]] = {}

    def add(self, words: Iterable[str]) -> None:
        """Remember these words; those that are known already cost nothing."""
        for word in words:
            if word not in self._words:
                for piece in _pieces(word):
                    self._by_piece.setdefault(piece, []).append(word)
                # Last: what another thread sees as known, it finds under every piece.
                self._words.add(word)

    def near(self, word: str) -> set[str]:
        """The words that `word` may be a slip of, as `is_one_slip_away` says; itself too, if it is known."""
        return {
            other for piece in _pieces(word) for other in self._by_piece.get(piece, ()) if is_one_slip_away(word, other)
        }


def _pieces(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}
