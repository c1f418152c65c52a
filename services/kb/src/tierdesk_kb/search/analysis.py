"""From text to the words that are indexed and looked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

_LONGEST_WORD: Final = 40


@cache
def stems() -> TextAnalyzer:
    """Small letters without accents, without words that tell nothing, each cut to its English stem."""
    return _words().filter(Filter.custom_stopword(_stop_words())).filter(Filter.stemmer("english")).build()


@cache
def words() -> TextAnalyzer:
    """Small letters without accents: the words as they are typed."""
    return _words().build()


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
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(_LONGEST_WORD))
    return builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())


def _stop_words() -> list[str]:
    """English words that tell nothing of what a ticket or an article is about."""
    return files("tierdesk_kb.search").joinpath("stop_words.txt").read_text().split()
