"""BM25 as everybody has it, to hold the search against."""

from __future__ import annotations

from collections.abc import Mapping

from tierdesk_cli.knowledge.figures import DEPTH

K1 = 1.5
B = 0.75


class YardstickMissingError(Exception):
    """The packages that it stands on are not installed."""


class Yardstick:
    """Documents under BM25 in Lucene's form, with an English stemmer and stop words, by the library `bm25s`."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        """Index these texts. Raises `YardstickMissingError`."""
        try:
            import bm25s  # noqa: PLC0415 - for comparison alone: no desk needs it
            import Stemmer  # noqa: PLC0415 - as above
        except ImportError as error:
            raise YardstickMissingError(f"{error.name} is not installed") from error
        self._library = bm25s
        self._stemmer = Stemmer.Stemmer("english")
        self._names = list(documents)
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B)
        self._index.index(self._words([*documents.values()]), show_progress=False)

    def search(self, text: str) -> list[str]:
        """The names of the first documents, best first; none that has no word of the text."""
        depth = min(DEPTH, len(self._names))
        found, weights = self._index.retrieve(self._words([text]), k=depth, show_progress=False)
        return [self._names[int(one)] for one, weight in zip(found[0], weights[0], strict=True) if weight > 0]

    def _words(self, texts: list[str]) -> object:
        return self._library.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)
