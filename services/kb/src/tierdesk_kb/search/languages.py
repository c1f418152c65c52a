"""The articles of one tenant: an index for each language that they are written in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from tierdesk_kb.domain.matching import DOCUMENTED_FROM, Match, choose
from tierdesk_kb.search.analysis import ENGLISH, analysed_as
from tierdesk_kb.search.conditions import Condition
from tierdesk_kb.search.fit import ArticleFit
from tierdesk_kb.search.index import ArticleIndex, Hit, IndexedArticle, words_of_ticket
from tierdesk_kb.search.synonyms import Synonyms
from tierdesk_kb.search.wording import Wording

if TYPE_CHECKING:
    from tierdesk_kb.search.vectors import Model

Groups = Sequence[Sequence[str]]
_OF_LANGUAGE: Final = ":"
"""Stands in kept words of tickets after the language, which words of English go without."""


class TenantIndex:
    """The published articles of one tenant, each among those of its language; what is asked is asked in all of them.

    A tenant that has one language has one index, and pays for no other. `apply` and `set_synonyms` block, and one thread
    at a time may call them; searches may run beside them. With a `model`, articles in English are ranked by meaning too.
    """

    def __init__(self, model: Model | None = None) -> None:
        self._model = model
        self._indexes: dict[str, ArticleIndex] = {}
        self._synonyms: dict[str, Synonyms] = {}

    def apply(self, put: Collection[IndexedArticle], remove: Collection[str] = ()) -> None:
        """Add or replace articles, and remove others by identifier. One that is in another language now moves there."""
        by_language: dict[str, list[IndexedArticle]] = {}
        for article in put:
            by_language.setdefault(analysed_as(article.language), []).append(article)
        for language in by_language.keys() - self._indexes.keys():
            vectors = self._model.make_vectors() if self._model is not None and language == ENGLISH else None
            index = ArticleIndex(language, vectors)
            index.synonyms = self._synonyms.get(language, index.synonyms)
            # Another one, so that searches that go through them are not disturbed.
            self._indexes = {**self._indexes, language: index}
        # Where there is something to add first: what moves is found twice for a moment, which searches see to, and never missed.
        for language, index in sorted(self._indexes.items(), key=lambda one: one[0] not in by_language):
            here = by_language.get(language, [])
            elsewhere = [one.article_id for other, those in by_language.items() if other != language for one in those]
            if here or elsewhere or remove:
                index.apply(here, [*remove, *elsewhere])

    def set_synonyms(self, groups: Mapping[str, Groups]) -> None:
        """Have these groups by language mean the same, and no others."""
        found: dict[str, list[Sequence[str]]] = {}
        for language, some in groups.items():
            found.setdefault(analysed_as(language), []).extend(some)
        self._synonyms = {language: Synonyms(some, language) for language, some in found.items()}
        for language, index in self._indexes.items():
            index.synonyms = self._synonyms.get(language) or Synonyms()

    @property
    def size(self) -> int:
        """How many articles can be found."""
        return sum(index.size for index in self._indexes.values())

    def search(
        self,
        sought: Wording | str,
        *,
        limit: int,
        offset: int = 0,
        audience: Condition = None,
        kind: Condition = None,
    ) -> list[Hit]:
        """As `ArticleIndex.search`, in all languages: a word is a slip when none of them has it."""
        indexes = [*self._indexes.values()]
        if len(indexes) == 1:
            return indexes[0].search(sought, limit=limit, offset=offset, audience=audience, kind=kind)
        found = (
            index.search(sought, limit=offset + limit, audience=audience, kind=kind, knows=_others(indexes, index))
            for index in indexes
        )
        return _best(chain.from_iterable(found))[offset : offset + limit]

    def suggest(self, typed: str, *, limit: int, audience: Condition = None) -> list[Hit]:
        """As `ArticleIndex.suggest`, in all languages."""
        indexes = [*self._indexes.values()]
        if len(indexes) == 1:
            return indexes[0].suggest(typed, limit=limit, audience=audience)
        found = (
            index.suggest(typed, limit=limit, audience=audience, knows=_others(indexes, index)) for index in indexes
        )
        return _best(chain.from_iterable(found))[:limit]

    def match(
        self,
        title: str,
        text: str,
        *,
        category: str = "",
        audiences: Collection[str] | None = None,
        exclude: Collection[str] = (),
        documented_from: float = DOCUMENTED_FROM,
    ) -> Match | None:
        """As `ArticleIndex.match`: the likeliest of all languages, each scoring the ticket by its own words."""
        found = (
            index.match(
                title, text, category=category, audiences=audiences, exclude=exclude, documented_from=documented_from
            )
            for index in self._indexes.values()
        )
        return _likeliest(found, documented_from)

    def match_words(
        self, title: Sequence[str], text: Sequence[str], *, documented_from: float = DOCUMENTED_FROM
    ) -> Match | None:
        """As `match`, for a ticket by what `words_of_ticket` gave of it: each language scores its own words alone."""
        found = (
            index.match_words(_own(title, language), _own(text, language), documented_from=documented_from)
            for language, index in self._indexes.items()
        )
        return _likeliest(found, documented_from)

    def fit(self, article_id: str) -> LanguageFit | None:
        """As `ArticleIndex.fit`, for the words that `words_of_ticket` here gives."""
        for language, index in self._indexes.items():
            fit = index.fit(article_id)
            if fit is not None:
                return LanguageFit(fit, language)
        return None

    def words_of_ticket(self, title: str, text: str) -> tuple[list[str], list[str]]:
        """The words of a ticket, by their stems in English and in each other language that articles are written in."""
        title_words, text_words = words_of_ticket(title, text)
        for language in self._indexes:
            if language != ENGLISH:
                more = words_of_ticket(title, text, language)
                title_words += (_mark(word, language) for word in more[0])
                text_words += (_mark(word, language) for word in more[1])
        return title_words, text_words


class LanguageFit:
    """How well an article fits tickets, by those of their words that are of its language."""

    def __init__(self, fit: ArticleFit, language: str) -> None:
        self._fit = fit
        self._language = language

    @property
    def words(self) -> Collection[str]:
        """The words of the article, as those of tickets are kept."""
        words = self._fit.words
        return words if self._language == ENGLISH else {_mark(word, self._language) for word in words}

    def may_reach(self, least: float, title: Sequence[str], text: Sequence[str]) -> bool:
        """As `ArticleFit.may_reach`."""
        return self._fit.may_reach(least, _own(title, self._language), _own(text, self._language))

    def score(self, title: Sequence[str], text: Sequence[str], *, exclude: Collection[str] = ()) -> float:
        """As `ArticleFit.score`, beside the articles of its language."""
        return self._fit.score(_own(title, self._language), _own(text, self._language), exclude=exclude)


def _mark(word: str, language: str) -> str:
    return f"{language}{_OF_LANGUAGE}{word}"


def _own(words: Sequence[str], language: str) -> Sequence[str]:
    """Those of the kept words of a ticket that are of this language, without its mark."""
    if language != ENGLISH:
        mark = _mark("", language)
        return [word.removeprefix(mark) for word in words if word.startswith(mark)]
    # Those of English stand first.
    if words and _OF_LANGUAGE in words[-1]:
        return [word for word in words if _OF_LANGUAGE not in word]
    return words


def _likeliest(found: Iterable[Match | None], documented_from: float) -> Match | None:
    matches = sorted((one for one in found if one is not None), key=lambda match: match.score, reverse=True)
    return choose(matches, documented_from)


def _others(indexes: Sequence[ArticleIndex], this: ArticleIndex) -> Callable[[str], bool]:
    return lambda typed: any(other.knows(typed) for other in indexes if other is not this)


def _best(hits: Iterable[Hit]) -> list[Hit]:
    """The hits by weight; of an article that is just moving to another language the better one."""
    found: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda hit: hit.weight, reverse=True):
        found.setdefault(hit.article_id, hit)
    return [*found.values()]
