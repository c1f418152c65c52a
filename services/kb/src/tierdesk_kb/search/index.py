"""The index of one tenant's published articles, in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from tantivy import Document, Index, Occur, Query, Schema, SchemaBuilder, Searcher

from tierdesk_kb.domain.articles import Kind
from tierdesk_kb.domain.evidence import ArticleWords, Rarity, TicketWords
from tierdesk_kb.domain.matching import DOCUMENTED_FROM, SLIPS_FROM, Match, choose, rank
from tierdesk_kb.search.analysis import ENGLISH, distinct, stems, words
from tierdesk_kb.search.clauses import Clauses
from tierdesk_kb.search.conditions import Condition, Conditions, Place
from tierdesk_kb.search.fit import ArticleFit
from tierdesk_kb.search.fusion import fuse
from tierdesk_kb.search.spelling import Spelling
from tierdesk_kb.search.synonyms import Synonyms
from tierdesk_kb.search.vocabulary import Vocabulary
from tierdesk_kb.search.wording import MOST_WORDS, Wording

if TYPE_CHECKING:
    from tierdesk_kb.search.vectors import Vectors

_WRITER_BYTES: Final = 15_000_000
"""The least that tantivy works with; it is given back after each update."""
_TICKET_WORDS: Final = 64
_CANDIDATES: Final = 10
_BEGUN: Final = 20
"""Words that what is typed may be the beginning of, the most frequent first."""
_FUSED: Final = 50
"""So many of the best by their words, and of the nearest by their meaning, are ranked by both."""
_WORDS_KEPT: Final = 1_000
"""Articles whose words are remembered between matches."""

Audience = str | Collection[str] | None
"""For whom articles are written: one, any of several, or None for all."""


@dataclass(frozen=True, slots=True)
class IndexedArticle:
    """What is indexed of a published article."""

    article_id: str
    title: str
    keywords: tuple[str, ...]
    body: str
    audience: str
    kind: str = "faq"
    language: str = ENGLISH


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found, with its rank's weight (BM25); larger is better, and means nothing else.

    `stems` are all that was looked for, in `language`: by some of them it was found, if not by its meaning.
    """

    article_id: str
    weight: float
    stems: frozenset[str] = frozenset()
    language: str = ENGLISH


@dataclass(frozen=True, slots=True)
class Known:
    """The words of articles that were matched before, and all of these words together."""

    articles: dict[str, ArticleWords] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


class ArticleIndex:
    """The published articles of one tenant in one language.

    `apply` blocks, and one thread at a time may call it; searches may run beside it and see all of an update or nothing
    (by meaning, an article comes or goes a moment later). With `vectors`, searches rank by meaning too.
    """

    def __init__(self, language: str = ENGLISH, vectors: Vectors | None = None) -> None:
        self.synonyms = Synonyms()
        self._vectors = vectors
        self._language = language
        self._stems = stems(language)
        self._schema = _schema()
        self._index = Index(self._schema)
        self._index.register_tokenizer("stems", self._stems)
        self._index.register_tokenizer("words", words())
        self._known = Known()
        self._spelt = Spelling()
        self._conditions = Conditions()

    def apply(self, put: Iterable[IndexedArticle], remove: Iterable[str] = ()) -> None:
        """Add or replace articles, and remove others by identifier."""
        gone, articles = [*remove], [*put]
        writer = self._index.writer(_WRITER_BYTES, 1)
        for article_id in gone:
            writer.delete_documents_by_term("article_id", article_id)
        for article in articles:
            writer.delete_documents_by_term("article_id", article.article_id)
            document = _document(article)
            self._conditions.describe(document, {"audience": article.audience, "kind": article.kind})
            writer.add_document(document)
            # Words of articles that are gone stay: nobody is led to them, as no article has their stems.
            self._spelt.add(words().analyze(" ".join((article.title, *article.keywords, article.body))))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        # After the reload: a match that still reads the old index keeps its words among the old ones.
        self._known = Known()
        if self._vectors is not None:
            self._vectors.apply(articles, gone)

    @property
    def size(self) -> int:
        """How many articles can be found."""
        return self._index.searcher().num_docs

    def knows(self, typed: str) -> bool:
        """Whether a word tells nothing here, stands in an article, or has another that means the same."""
        return self._knows(self._index.searcher(), typed)

    def search(
        self,
        sought: Wording | str,
        *,
        limit: int,
        offset: int = 0,
        audience: Condition = None,
        kind: Condition = None,
        knows: Callable[[str], bool] | None = None,
    ) -> list[Hit]:
        """The articles that have words of the question, best first. Words that no article has are looked for with a slip,
        unless somebody else `knows` them.

        What was said before it counts less, and is not looked for with slips.
        """
        wording = Wording(sought) if isinstance(sought, str) else sought
        searcher = self._index.searcher()
        clauses = self._asked(searcher, wording, "", knows)
        query = clauses.query()

        def best(limit: int, offset: int) -> list[Hit]:
            places = [] if query is None else self._best(searcher, query, limit, offset, audience, kind)
            return self._hits(searcher, clauses, places)

        if self._vectors is None:
            return best(limit, offset)
        ranked, end = best(_FUSED, 0), offset + limit
        weights = {hit.article_id: hit.weight for hit in ranked}
        likeness = self._vectors.likeness(wording, beside=weights, most=_FUSED, audience=audience, kind=kind)
        fused = [Hit(name, weight, clauses.stems, self._language) for name, weight in fuse(weights, likeness).items()]
        if end > len(fused) and len(ranked) == _FUSED:
            # Those that follow by their words alone; whoever is near has been told already.
            told, least = {hit.article_id for hit in fused}, fused[-1].weight
            fused += (
                replace(hit, weight=min(hit.weight, least)) for hit in best(end, _FUSED) if hit.article_id not in told
            )
        return fused[offset:end]

    def suggest(
        self, typed: str, *, limit: int, audience: Condition = None, knows: Callable[[str], bool] | None = None
    ) -> list[Hit]:
        """As `search`, for what is being typed: the last word may be the beginning of one, and is no slip then."""
        searcher = self._index.searcher()
        last = (words().analyze(typed) or [""])[-1]
        begun = searcher.terms_with_prefix("words", last, limit=_BEGUN) if len(last) > 1 else []
        clauses = self._asked(searcher, Wording(typed), last if begun else "", knows)
        query = clauses.query()
        found = [] if query is None else self._best(searcher, query, limit, 0, audience)
        if begun:
            # Those with such a word by themselves, and not as one more clause: so both queries read a part of the index alone.
            # What belongs into the first `limit` of all is among the first `limit` of one or the other.
            either = Query.disjunction_max_query([Query.term_query(self._schema, "words", word) for word, _ in begun])
            having = Query.const_score_query(either, 1.0)
            if query is not None:
                having = Query.boolean_query([(Occur.Must, having), (Occur.Should, query)])
            found += self._best(searcher, having, limit, 0, audience)
        return self._hits(searcher, clauses, _once(found)[:limit])

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
        """The article that answers a ticket likeliest by `tierdesk_kb.domain.matching`, but for those excluded; None without any.

        The words of the category help to find candidates; they do not count for the score. A known error that documents
        the problem, from the score `documented_from` on, comes before all others.
        """
        title_words, text_words = words_of_ticket(title, text, self._language)
        beside = distinct(self._stems, [category.replace("-", " ")], limit=_TICKET_WORDS)
        searcher = self._index.searcher()
        return choose(
            self._rank(
                searcher, title_words, text_words, [title, text], beside=beside, audiences=audiences, exclude=exclude
            ),
            documented_from,
        )

    def match_words(self, title: Sequence[str], text: Sequence[str], *, documented_from: float) -> Match | None:
        """As `match`, for a ticket of which the words that `words_of_ticket` gave are kept, among all articles."""
        return choose(self._rank(self._index.searcher(), title, text, _typed(title, text), exclude=()), documented_from)

    def fit(self, article_id: str) -> ArticleFit | None:
        """How well this article fits tickets, among those that are indexed now; None when it is not."""
        searcher = self._index.searcher()
        query = Query.term_query(self._schema, "article_id", article_id)
        if not searcher.search(query, 1).hits:
            return None

        def rank(title: Sequence[str], text: Sequence[str], *, exclude: Collection[str]) -> list[Match]:
            return self._rank(searcher, title, text, _typed(title, text), exclude=exclude, always=(article_id,))

        rarity = Rarity(lambda word: searcher.doc_freq("stems", word), searcher.num_docs)
        return ArticleFit(article_id, self._read(searcher, article_id), rarity, rank)

    def _rank(
        self,
        searcher: Searcher,
        title: Sequence[str],
        text: Sequence[str],
        typed: Sequence[str],
        *,
        beside: Sequence[str] = (),
        audiences: Collection[str] | None = None,
        exclude: Collection[str],
        always: Sequence[str] = (),
    ) -> list[Match]:
        """The articles for the audiences that have most in common with a ticket, and those of `always`. `typed` are its texts, in which slips
        are looked for. All others compete: where a better article is kept from the reader, a worse one is no answer.
        """
        known = self._remembered()
        sought = list(dict.fromkeys([*title, *beside, *text]))[:_TICKET_WORDS]
        clauses = Clauses(searcher, self._schema, self._language)
        clauses.add_words(dict.fromkeys(sought, 1.0))
        clauses.add_slips(typed, self._spelt, lambda word: self._knows(searcher, word))
        query, limit = clauses.query(), _CANDIDATES + len(exclude)

        def candidates(audience: Condition) -> list[str]:
            places = [] if query is None else self._best(searcher, query, limit, 0, audience)
            return [hit.article_id for hit in self._hits(searcher, clauses, places)]

        found = candidates(None)
        theirs = found if audiences is None else candidates(audiences)
        wanted = {*always, *theirs}
        names = dict.fromkeys([*always, *found, *theirs])
        articles = {name: self._words_of(searcher, name, known) for name in names if name not in exclude}
        ticket = TicketWords.read(title, text)
        rarity = Rarity(lambda word: searcher.doc_freq("stems", word), searcher.num_docs)
        slips = {
            word: near
            for word in ticket.counts
            if len(word) >= SLIPS_FROM and not rarity.is_known(word) and (near := known.vocabulary.near(word))
        }
        ranked = rank({name: (article, ticket.spelt(slips, article)) for name, article in articles.items()}, rarity)
        return [match for match in ranked if match.article_id in wanted]

    def _remembered(self) -> Known:
        """What is known, begun anew when it is much."""
        known = self._known
        if len(known.articles) >= _WORDS_KEPT:
            known = self._known = Known()
        return known

    def _words_of(self, searcher: Searcher, article_id: str, known: Known) -> ArticleWords:
        article = known.articles.get(article_id)
        if article is None:
            article = self._read(searcher, article_id)
            known.vocabulary.add(article.frequencies)
            known.articles[article_id] = article
        return article

    def _read(self, searcher: Searcher, article_id: str) -> ArticleWords:
        ((_, address),) = searcher.search(Query.term_query(self._schema, "article_id", article_id), 1).hits
        document = searcher.doc(address)
        title, head, whole, kind = (str(document.get_first(name)) for name in ("title", "head", "stems", "kind"))
        is_known_error = kind == Kind.KNOWN_ERROR.value
        head_words, all_words = self._stems.analyze(head), self._stems.analyze(whole)
        return ArticleWords.read(title, head_words, all_words, is_known_error=is_known_error)

    def _asked(
        self, searcher: Searcher, wording: Wording, unfinished: str, knows: Callable[[str], bool] | None
    ) -> Clauses:
        """What a question asks for; the `unfinished` word is no slip."""
        clauses, weights = Clauses(searcher, self._schema, self._language), wording.weights(self._language)
        clauses.add_words(weights)
        synonyms = self.synonyms
        if synonyms.words:
            clauses.add_synonyms(self._stems.analyze(wording.question)[:MOST_WORDS], synonyms)

        def is_known(typed: str) -> bool:
            return typed == unfinished or self._knows(searcher, typed) or (knows is not None and knows(typed))

        clauses.add_slips([wording.question], self._spelt, is_known)
        return clauses

    def _knows(self, searcher: Searcher, typed: str) -> bool:
        found, meant = self._stems.analyze(typed), self.synonyms.words
        return not found or any(stem in meant or searcher.doc_freq("stems", stem) for stem in found)

    def _best(
        self, searcher: Searcher, query: Query, limit: int, offset: int, audience: Condition, kind: Condition = None
    ) -> list[Place]:
        wanted = {"audience": audience, "kind": kind}
        return self._conditions.best(searcher, self._schema, query, limit, offset, wanted)

    def _hits(self, searcher: Searcher, clauses: Clauses, places: Iterable[Place]) -> list[Hit]:
        sought = clauses.stems
        return [
            Hit(str(searcher.doc(address).get_first("article_id")), float(weight), sought, self._language)
            for weight, address in places
        ]


def _typed(title: Sequence[str], text: Sequence[str]) -> tuple[str, str]:
    """What is kept of a ticket's texts: a slip is still one in most stems."""
    return " ".join(title), " ".join(text)


def _once(places: Iterable[Place]) -> list[Place]:
    """The places by weight; of several of one article the best."""
    found: dict[tuple[int, int], Place] = {}
    for weight, address in sorted(places, key=lambda place: place[0], reverse=True):
        found.setdefault((address.segment_ord, address.doc), (weight, address))
    return [*found.values()]


def words_of_ticket(title: str, text: str, language: str = ENGLISH) -> tuple[list[str], list[str]]:
    """The words of a ticket by which articles are matched with it: those of its title, and of its text."""
    title_words, text_words = (distinct(stems(language), [part], limit=_TICKET_WORDS) for part in (title, text))
    return title_words, text_words


def _schema() -> Schema:
    builder = SchemaBuilder()
    builder.add_text_field("article_id", stored=True, tokenizer_name="raw", index_option="basic")
    Conditions.declare(builder)
    builder.add_text_field("title", stored=True, tokenizer_name="stems", index_option="freq")
    builder.add_text_field("head", stored=True, tokenizer_name="stems", index_option="freq")
    builder.add_text_field("stems", stored=True, tokenizer_name="stems", index_option="freq")
    builder.add_text_field("words", tokenizer_name="words", index_option="basic")
    return builder.build()


def _document(article: IndexedArticle) -> Document:
    head = " ".join((article.title, *article.keywords))
    document = Document()
    document.add_text("article_id", article.article_id)
    document.add_text("title", article.title)
    document.add_text("head", head)
    document.add_text("stems", f"{head}\n{article.body}")
    document.add_text("words", head)
    return document
