"""From text to the words that are indexed and looked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

ENGLISH: Final = "en"
UNSTEMMED: Final = ""
"""Stands for all languages that have no stemmer here: their words are compared as they are typed."""
_STEMMERS: Final = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nb": "norwegian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""Snowball's, by the codes of ISO 639-1; English is told apart."""
_WITHOUT_STOP_WORDS: Final = frozenset({"ar", "el", "ro", "ta", "tr"})
_LONGEST_WORD: Final = 40
_STEMS_KEPT: Final = 20_000


def analysed_as(language: str) -> str:
    """The language by whose rules texts of this one are analysed: itself, or `UNSTEMMED`."""
    return language if language == ENGLISH or language in _STEMMERS else UNSTEMMED


@cache
def stems(language: str = ENGLISH) -> TextAnalyzer:
    """Small letters without accents, without words that tell nothing, each cut to its stem in this language."""
    if language == ENGLISH:
        return _words().filter(Filter.custom_stopword(_stop_words())).filter(Filter.stemmer("english")).build()
    if analysed_as(language) == UNSTEMMED:
        return words()
    # These stemmers know endings by their accents, which are therefore taken away last.
    builder = _short_words().filter(Filter.lowercase())
    if language not in _WITHOUT_STOP_WORDS:
        builder = builder.filter(Filter.stopword(_STEMMERS[language]))
    return builder.filter(Filter.stemmer(_STEMMERS[language])).filter(Filter.ascii_fold()).build()


@cache
def words() -> TextAnalyzer:
    """Small letters without accents: the words as they are typed."""
    return _words().build()


@cache
def pieces() -> TextAnalyzer:
    """The words just as they stand in the text."""
    return TextAnalyzerBuilder(Tokenizer.simple()).build()


@lru_cache(_STEMS_KEPT)
def stems_of(word: str, language: str) -> frozenset[str]:
    """The stems of one word; remembered, as the same words come again."""
    return frozenset(stems(language).analyze(word))


def distinct(analyzer: TextAnalyzer, texts: Iterable[str], *, limit: int) -> list[str]:
    """The first `limit` different words of these texts, in order."""
    found: dict[str, None] = {}
    for text in texts:
        for word in analyzer.analyze(text):
            found[word] = None
            if len(found) == limit:
                return list(found)
    return list(found)


def _words() -> TextAnalyzerBuilder:
    return _short_words().filter(Filter.lowercase()).filter(Filter.ascii_fold())


def _short_words() -> TextAnalyzerBuilder:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(_LONGEST_WORD))


def _stop_words() -> list[str]:
    """English words that tell nothing of what a ticket or an article is about."""
    return files("tierdesk_kb.search").joinpath("stop_words.txt").read_text().split()
