"""From the words of a question to a query of the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from tantivy import Occur, Query, Schema, Searcher

from tierdesk_kb.domain.evidence import rarity
from tierdesk_kb.search.analysis import distinct, stems, words
from tierdesk_kb.search.spelling import Spelling
from tierdesk_kb.search.synonyms import Synonyms, Term
from tierdesk_kb.search.wording import MOST_WORDS

_FIELDS: Final = (("stems", 1.0), ("title", 2.0), ("head", 1.5))
"""Where a word is looked for, and what it counts there; a title's words stand in all three."""
_SLIP_WEIGHTS: Final = (0.8, 0.5, 0.3)
"""What words count that something unknown may have been meant as, the most frequent first: it may as well be a name that
nobody wrote of. docs/knowledge.md says how it did."""
_SYNONYM_WEIGHT: Final = 0.5
"""What a term counts that means the same as one of the question. docs/knowledge.md says how it did."""
_MOST_SYNONYMS: Final = 16
"""So many terms are looked for that mean the same as those of a question."""
_MOST_MEANT: Final = 500
"""Among so many the ones are found that an article has: each look holds up all other requests, and groups may be many."""
_MOST_SLIPS: Final = 16
"""So many words of a question are taken for slips: looking for them holds up all other requests."""


class Clauses:
    """Words that an article may have, each with what it counts there.

    They are one flat list of words as far as can be: of such a one the engine reads only what may come into the best hits,
    which among 100,000 articles takes half the time. So whatever is looked for counts by itself, and adds up.
    """

    def __init__(self, searcher: Searcher, schema: Schema, language: str) -> None:
        self._searcher = searcher
        self._schema = schema
        self._analyzer = stems(language)
        self._weights: dict[str, float] = {}
        self._together: list[tuple[Term, float]] = []

    @property
    def stems(self) -> frozenset[str]:
        """All words that are looked for."""
        return frozenset(self._weights).union(*(term for term, _ in self._together))

    def add_words(self, weights: Mapping[str, float]) -> None:
        """That an article has any of these stems, each counting its weight; a title's and a keyword's more."""
        for word, weight in weights.items():
            if self._searcher.doc_freq("stems", word):
                self._weights[word] = max(weight, self._weights.get(word, 0.0))

    def add_synonyms(self, question: Sequence[str], synonyms: Synonyms) -> None:
        """That an article has a term that means the same as one of the question, all words of it.

        However rare it is, it counts as the term would that was said; together its words count as one.
        """
        pairs = ((meant.said, term) for meant in synonyms.find(question) for term in meant.others)
        for said, term in islice(self._standing(islice(pairs, _MOST_MEANT)), _MOST_SYNONYMS):
            asked = self._rarity(said)
            weight = _SYNONYM_WEIGHT / max(1.0, self._rarity(term) / asked if asked else 1.0)
            if len(term) == 1:
                self.add_words({term[0]: weight})
            else:
                self._together.append((term, weight / len(term)))

    def add_slips(self, texts: Iterable[str], spelt: Spelling, is_known: Callable[[str], bool]) -> None:
        """That an article has what an unknown word of these texts may have been meant as.

        The words are compared as they are typed. A stem may be more than one slip away, for its ending was cut otherwise.
        """
        unknown = (typed for typed in distinct(words(), texts, limit=MOST_WORDS) if not is_known(typed))
        for typed in islice(unknown, _MOST_SLIPS):
            meant = {stem for near in spelt.near(typed) for stem in self._analyzer.analyze(near)}
            frequencies = {stem: self._searcher.doc_freq("stems", stem) for stem in meant}
            likeliest = sorted((-found, stem) for stem, found in frequencies.items() if found)
            self.add_words({stem: weight for (_, stem), weight in zip(likeliest, _SLIP_WEIGHTS, strict=False)})

    def query(self) -> Query | None:
        """The query; None when nothing is looked for that any article has."""
        clauses = [
            (Occur.Should, one) for word, weight in self._weights.items() for one in self._anywhere(word, weight)
        ]
        for term, weight in self._together:
            parts = [
                Query.boolean_query([(Occur.Should, one) for one in self._anywhere(word, weight)])
                for word in dict.fromkeys(term)
            ]
            clauses.append((Occur.Should, Query.boolean_query([(Occur.Must, part) for part in parts])))
        return Query.boolean_query(clauses) if clauses else None

    def _anywhere(self, word: str, weight: float) -> list[Query]:
        return [
            Query.boost_query(Query.term_query(self._schema, field, word), boost * weight) for field, boost in _FIELDS
        ]

    def _standing(self, pairs: Iterable[tuple[Term, Term]]) -> Iterator[tuple[Term, Term]]:
        """Those of which each word of the second term stands somewhere."""
        for said, term in pairs:
            if all(self._searcher.doc_freq("stems", word) for word in term):
                yield said, term

    def _rarity(self, term: Term) -> float:
        """How rare the words of a term are, on an average; 0 when none of them stands anywhere."""
        found = [number for word in term if (number := self._searcher.doc_freq("stems", word))]
        return sum(rarity(number, self._searcher.num_docs) for number in found) / max(1, len(found))
