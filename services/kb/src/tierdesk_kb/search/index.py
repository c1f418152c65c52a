"""The index of one tenant's published articles, in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tantivy import Document, Index, Occur, Query, Schema, SchemaBuilder, Searcher

from tierdesk_kb.domain.articles import Kind
from tierdesk_kb.domain.evidence import ArticleWords, Rarity, TicketWords
from tierdesk_kb.domain.matching import DOCUMENTED_FROM, SLIPS_FROM, Match, choose, rank
from tierdesk_kb.search.analysis import distinct, stems, words
from tierdesk_kb.search.fit import ArticleFit
from tierdesk_kb.search.spelling import Spelling
from tierdesk_kb.search.vocabulary import Vocabulary
from tierdesk_kb.search.wording import MOST_WORDS, Wording

_WRITER_BYTES: Final = 15_000_000
"""The least that tantivy works with; it is given back after each update."""
_TICKET_WORDS: Final = 64
_CANDIDATES: Final = 10
_SLIP_WEIGHT: Final = 0.7
"""What a word counts that something unknown may have been meant as: it may as well be a name that nobody wrote of."""
_MOST_SLIPS: Final = 16
"""So many words of a question are taken for slips: looking for them holds up all other requests."""
_MEANT: Final = 4
"""Words that a slip may be meant as, the most frequent first."""
_BEGUN: Final = 20
"""Words that what is typed may be the beginning of, the most frequent first."""
_WORDS_KEPT: Final = 1_000
"""Articles whose words are remembered between matches."""
_FIELDS: Final = (("stems", 1.0), ("title", 2.0), ("head", 1.5))
"""Where a word is looked for, and what it counts there; a title's words stand in all three."""

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


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found, with its rank's weight (BM25); larger is better, and means nothing else."""

    article_id: str
    weight: float


@dataclass(frozen=True, slots=True)
class Known:
    """The words of articles that were matched before, and all of these words together."""

    articles: dict[str, ArticleWords] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


class ArticleIndex:
    """The published articles of one tenant.

    `apply` blocks, and one thread at a time may call it; searches may run beside it and see all of an update or nothing.
    """

    def __init__(self) -> None:
        self._schema = _schema()
        self._index = Index(self._schema)
        self._index.register_tokenizer("stems", stems())
        self._index.register_tokenizer("words", words())
        self._known = Known()
        self._spelt = Spelling()

    def apply(self, put: Iterable[IndexedArticle], remove: Iterable[str] = ()) -> None:
        """Add or replace articles, and remove others by identifier."""
        writer = self._index.writer(_WRITER_BYTES, 1)
        for article_id in remove:
            writer.delete_documents_by_term("article_id", article_id)
        for article in put:
            writer.delete_documents_by_term("article_id", article.article_id)
            writer.add_document(_document(article))
            # Words of articles that are gone stay: nobody is led to them, as no article has their stems.
            self._spelt.add(words().analyze(" ".join((article.title, *article.keywords, article.body))))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        # After the reload: a match that still reads the old index keeps its words among the old ones.
        self._known = Known()

    @property
    def size(self) -> int:
        """How many articles can be found."""
        return self._index.searcher().num_docs

    def search(self, sought: Wording | str, *, limit: int, offset: int = 0, audience: str | None = None) -> list[Hit]:
        """The articles that have words of the question, best first. Words that no article has are looked for with a slip.

        What was said before it counts less, and is not looked for with slips.
        """
        searcher = self._index.searcher()
        wording = Wording(sought) if isinstance(sought, str) else sought
        clauses = self._any_of(searcher, wording.weights())
        clauses += self._any_slip_of(searcher, [wording.question])
        return self._hits(searcher, clauses, limit, offset, audience)

    def suggest(self, typed: str, *, limit: int, audience: str | None = None) -> list[Hit]:
        """As `search`, for what is being typed: the last word may be the beginning of one, and is no slip then."""
        searcher = self._index.searcher()
        last = (distinct(words(), [typed], limit=MOST_WORDS) or [""])[-1]
        found = searcher.terms_with_prefix("words", last, limit=_BEGUN) if len(last) > 1 else []
        clauses = self._any_of(searcher, Wording(typed).weights())
        clauses += self._any_slip_of(searcher, [typed], except_for=last if found else "")
        if found:
            begun = [Query.term_query(self._schema, "words", word) for word, _ in found]
            clauses.append((Occur.Should, Query.const_score_query(Query.disjunction_max_query(begun), 1.0)))
        return self._hits(searcher, clauses, limit, 0, audience)

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
        title_words, text_words = words_of_ticket(title, text)
        beside = distinct(stems(), [category.replace("-", " ")], limit=_TICKET_WORDS)
        searcher = self._index.searcher()
        return choose(
            self._rank(
                searcher, title_words, text_words, [title, text], beside=beside, audiences=audiences, exclude=exclude
            ),
            documented_from,
        )

    def fit(self, article_id: str) -> ArticleFit | None:
        """How well this article fits tickets, among those that are indexed now; None when it is not."""
        searcher = self._index.searcher()
        query = Query.term_query(self._schema, "article_id", article_id)
        if not searcher.search(query, 1).hits:
            return None

        def rank(title: Sequence[str], text: Sequence[str], *, exclude: Collection[str]) -> list[Match]:
            typed = (" ".join(title), " ".join(text))  # what is kept of it: a slip is still one in most stems
            return self._rank(searcher, title, text, typed, exclude=exclude, always=(article_id,))

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
        clauses = self._any_of(searcher, dict.fromkeys(sought, 1.0)) + self._any_slip_of(searcher, typed)
        limit = _CANDIDATES + len(exclude)
        found = [hit.article_id for hit in self._hits(searcher, clauses, limit, 0, None)]
        theirs = found
        if audiences is not None:
            theirs = [hit.article_id for hit in self._hits(searcher, clauses, limit, 0, audiences)]
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
        return ArticleWords.read(title, stems().analyze(head), stems().analyze(whole), is_known_error=is_known_error)

    def _any_of(self, searcher: Searcher, weights: Mapping[str, float]) -> list[tuple[Occur, Query]]:
        """That an article has any of these stems, each counting its weight; a title's and a keyword's more."""
        clauses: list[tuple[Occur, Query]] = []
        for word, weight in weights.items():
            if searcher.doc_freq("stems", word):
                for field_name, boost in _FIELDS:
                    query = Query.term_query(self._schema, field_name, word)
                    clauses.append((Occur.Should, Query.boost_query(query, boost * weight)))
        return clauses

    def _any_slip_of(
        self, searcher: Searcher, texts: Iterable[str], *, except_for: str = ""
    ) -> list[tuple[Occur, Query]]:
        """That an article has what an unknown word of these texts may have been meant as: of several, the one that fits best.

        The words are compared as they are typed. A stem may be more than one slip away, for its ending was cut otherwise.
        """
        clauses: list[tuple[Occur, Query]] = []
        unknown = (
            typed
            for typed in distinct(words(), texts, limit=MOST_WORDS)
            if typed != except_for and self._is_unknown(searcher, typed)
        )
        for typed in islice(unknown, _MOST_SLIPS):
            meant = {stem for near in self._spelt.near(typed) for stem in stems().analyze(near)}
            frequencies = {stem: searcher.doc_freq("stems", stem) for stem in meant}
            likeliest = sorted((-found, stem) for stem, found in frequencies.items() if found)[:_MEANT]
            fits = [Query.boolean_query(self._any_of(searcher, {stem: _SLIP_WEIGHT})) for _, stem in likeliest]
            if fits:
                clauses.append((Occur.Should, Query.disjunction_max_query(fits)))
        return clauses

    def _is_unknown(self, searcher: Searcher, typed: str) -> bool:
        """Whether a word says something and no article has it."""
        found = stems().analyze(typed)
        return bool(found) and not any(searcher.doc_freq("stems", stem) for stem in found)

    def _hits(
        self,
        searcher: Searcher,
        clauses: list[tuple[Occur, Query]],
        limit: int,
        offset: int,
        audience: Audience,
    ) -> list[Hit]:
        if not clauses:
            return []
        query = Query.boolean_query(clauses)
        if audience is not None:
            names = [audience] if isinstance(audience, str) else sorted(audience)
            theirs = Query.boolean_query(
                [(Occur.Should, Query.term_query(self._schema, "audience", name)) for name in names]
            )
            query = Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(theirs, 0.0))])
        found = searcher.search(query, limit, count=False, offset=offset)
        return [
            Hit(str(searcher.doc(address).get_first("article_id")), float(weight)) for weight, address in found.hits
        ]


def words_of_ticket(title: str, text: str) -> tuple[list[str], list[str]]:
    """The words of a ticket by which articles are matched with it: those of its title, and of its text."""
    title_words, text_words = (distinct(stems(), [part], limit=_TICKET_WORDS) for part in (title, text))
    return title_words, text_words


def _schema() -> Schema:
    builder = SchemaBuilder()
    builder.add_text_field("article_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("audience", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("kind", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", stored=True, tokenizer_name="stems", index_option="freq")
    builder.add_text_field("head", stored=True, tokenizer_name="stems", index_option="freq")
    builder.add_text_field("stems", stored=True, tokenizer_name="stems", index_option="freq")
    builder.add_text_field("words", tokenizer_name="words", index_option="basic")
    return builder.build()


def _document(article: IndexedArticle) -> Document:
    head = " ".join((article.title, *article.keywords))
    document = Document()
    document.add_text("article_id", article.article_id)
    document.add_text("audience", article.audience)
    document.add_text("kind", article.kind)
    document.add_text("title", article.title)
    document.add_text("head", head)
    document.add_text("stems", f"{head}\n{article.body}")
    document.add_text("words", head)
    return document
