"""Which words of an article were looked for, in its title and in a piece of its body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from tierdesk_kb.search.analysis import pieces, stems_of

SNIPPET_LETTERS: Final = 240
"""How much of a body is shown, about."""
_LETTERS_READ: Final = 6_000
"""How much of a body is looked through for the piece that is shown: the rest of a page of hits waits meanwhile."""
_LONG_WORD: Final = 40
_LEFT_OUT: Final = "…"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, just as it stands there; `found` when it is a word that was looked for."""

    text: str
    found: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a word stands that was looked for, and by which stem."""

    start: int
    end: int
    stem: str


def mark(text: str, stems: AbstractSet[str], language: str) -> tuple[Piece, ...]:
    """The whole text in pieces; put together they are the text."""
    return tuple(_cut(text, 0, len(text), [*_places(text, stems, language)]))


def excerpt(text: str, stems: AbstractSet[str], language: str, *, letters: int = SNIPPET_LETTERS) -> tuple[Piece, ...]:
    """The piece of a text that has the most different of these words, the first of several; its beginning without any.

    It begins and ends between words, with an ellipsis where something is left out, and each white space is one blank.
    """
    whole = " ".join(text[:_LETTERS_READ].split())
    places = [*_places(whole, stems, language)]
    start, end = _window(places, letters, len(whole))
    start, end = _between_words(whole, start, end)
    found = [*_cut(whole, start, end, [one for one in places if start <= one.start and one.end <= end])]
    before = [Piece(_LEFT_OUT)] if start else []
    after = [Piece(_LEFT_OUT)] if end < len(whole) or len(text) > _LETTERS_READ else []
    return (*before, *found, *after)


def _places(text: str, stems: AbstractSet[str], language: str) -> Iterator[_Place]:
    if not stems:
        return
    at = 0
    for word in pieces().analyze(text):
        start = text.index(word, at)
        at = start + len(word)
        stem = next(iter(stems_of(word, language) & stems), None)
        if stem is not None:
            yield _Place(start, at, stem)


def _window(places: Sequence[_Place], letters: int, length: int) -> tuple[int, int]:
    """The part of so many letters that has the most different stems, those a little within it."""
    best, start = 0, 0
    counts: dict[str, int] = {}
    first = 0
    for place in places:
        counts[place.stem] = counts.get(place.stem, 0) + 1
        while place.end - places[first].start > letters:
            left = places[first].stem
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
            first += 1
        if len(counts) > best:
            best, start = len(counts), places[first].start
    start = max(0, min(start - letters // 6, length - letters))
    return start, min(length, start + letters)


def _between_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The part moved to where words begin and end, unless its words are longer than a line."""
    if start:
        blank = text.find(" ", start, start + _LONG_WORD)
        start = start if blank < 0 else blank + 1
    if end < len(text):
        blank = text.rfind(" ", max(start, end - _LONG_WORD), end + 1)
        end = end if blank < 0 else blank
    return start, end


def _cut(text: str, start: int, end: int, places: Sequence[_Place]) -> Iterator[Piece]:
    at = start
    for place in places:
        if place.start > at:
            yield Piece(text[at : place.start])
        yield Piece(text[place.start : place.end], found=True)
        at = place.end
    if at < end:
        yield Piece(text[at:end])
