"""Runs judged questions through the search and through BM25, and prints the figures of both."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from tierdesk_cli.errors import CommandError
from tierdesk_cli.knowledge.calibration import make_index
from tierdesk_cli.knowledge.figures import DEPTH, Figures, rate
from tierdesk_cli.knowledge.judged import Collection, Question, read_collections, read_synonyms
from tierdesk_cli.knowledge.slips import slip
from tierdesk_cli.knowledge.trust import tell_trust
from tierdesk_cli.knowledge.yardstick import Yardstick, YardstickMissingError
from tierdesk_kb.search.index import ArticleIndex
from tierdesk_kb.search.semantics import SemanticsMissingError, load_model
from tierdesk_kb.search.synonyms import Synonyms
from tierdesk_kb.search.wording import Wording

if TYPE_CHECKING:
    from tierdesk_kb.search.vectors import Model

OURS: Final = "tierdesk"
WITH_SYNONYMS: Final = "tierdesk, synonyms"
WITH_MEANING: Final = "tierdesk, semantic"
THEIRS: Final = "BM25"
_MILLISECONDS: Final = 1_000
_NO_SYNONYMS: Final = Synonyms()

Form = Callable[[Question], Wording]


def evaluate(
    corpora: Sequence[Path],
    queries: Sequence[Path],
    qrels: Sequence[Path],
    console: Console,
    *,
    seed: int,
    threshold: float,
    synonyms: Path | None,
    semantic: bool,
    curve: Path | None,
) -> None:
    """Print how well the search finds, beside BM25, how it does without an answer, and how far its score can be trusted.

    Raises `CommandError`.
    """
    collections = read_collections(corpora, queries, qrels)
    written = None if synonyms is None else Synonyms(read_synonyms(synonyms))
    model = _load_model() if semantic else None
    indexes: dict[str, ArticleIndex] = {}
    for name, collection in collections.items():
        with console.status(f"Indexing {len(collection.documents):,} documents …"):
            indexes[name] = make_index(collection)
            by_meaning = None if model is None else make_index(collection, model.make_vectors())
        _evaluate_one(
            name,
            collection,
            indexes[name],
            console,
            seed=seed,
            threshold=threshold,
            written=written,
            by_meaning=by_meaning,
        )
    tell_trust(collections, indexes, console, threshold=threshold, curve=curve)


def _evaluate_one(
    set_name: str,
    collection: Collection,
    index: ArticleIndex,
    console: Console,
    *,
    seed: int,
    threshold: float,
    written: Synonyms | None,
    by_meaning: ArticleIndex | None,
) -> None:
    yardstick = _make_yardstick(collection, console)
    table = Table(title=f"{set_name}: {len(collection.documents):,} documents, {len(collection.questions):,} questions")
    for heading in ("questions", "search"):
        table.add_column(heading)
    for heading in ("judged", f"nDCG@{DEPTH}", f"recall@{DEPTH}", "MRR", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    recalls: dict[str, dict[str, float]] = {}
    for name, form in _forms(collection, seed):
        searches: dict[str, Callable[[Wording], list[str]]] = {OURS: lambda sought: _search(index, sought)}
        if written is not None:
            searches[WITH_SYNONYMS] = lambda sought: _search(index, sought, written)
        if by_meaning is not None:
            searches[WITH_MEANING] = lambda sought: _search(by_meaning, sought)
        if yardstick is not None:
            searches[THEIRS] = lambda sought: yardstick.search(_whole(sought))
        for searcher, search in searches.items():
            figures, spent = _measure(collection, form, search)
            recalls.setdefault(name, {})[searcher] = figures.recall
            table.add_row(name, searcher, f"{figures.questions:,}", *_tell(figures), *_tell_times(spent))
    console.print(table)
    for searcher, recall in recalls["with slips"].items():
        if plain := recalls["alone"][searcher]:
            console.print(f"{searcher}: {recall / plain:.1%} of the recall is kept with a slip in every longer word")
    index.synonyms = _NO_SYNONYMS
    _tell_unanswered(collection, index, threshold, console)


def _load_model() -> Model:
    try:
        return load_model()
    except SemanticsMissingError as error:
        raise CommandError(f"--semantic: {error}", exit_code=2) from error


def _make_yardstick(collection: Collection, console: Console) -> Yardstick | None:
    texts = {name: f"{one.title}\n{one.text}" for name, one in collection.documents.items()}
    try:
        return Yardstick(texts)
    except YardstickMissingError as error:
        console.print(f"Without BM25 beside it: {error}; `pip install bm25s PyStemmer`.")
        return None


def _forms(collection: Collection, seed: int) -> Iterator[tuple[str, Form]]:
    """The ways in which each question is asked."""
    yield "alone", lambda question: Wording(question.wording.question)
    if any(question.wording.asked or question.wording.told for question in collection.questions.values()):
        yield "with the conversation", lambda question: question.wording
    draw = random.Random(seed)  # noqa: S311 - slips of the pen, no secrets
    slipped = {id(one): slip(one.wording.question, draw) for one in collection.questions.values()}
    yield "with slips", lambda question: Wording(slipped[id(question)])


def _whole(sought: Wording) -> str:
    """What BM25 is asked: all questions as one. With the answers among them it finds far less."""
    return " ".join((*sought.asked, sought.question))


def _search(index: ArticleIndex, sought: Wording, synonyms: Synonyms = _NO_SYNONYMS) -> list[str]:
    index.synonyms = synonyms
    return [hit.article_id for hit in index.search(sought, limit=DEPTH)]


def _measure(collection: Collection, form: Form, search: Callable[[Wording], list[str]]) -> tuple[Figures, list[float]]:
    runs: dict[str, list[str]] = {}
    spent: list[float] = []
    for name, question in collection.questions.items():
        began = time.perf_counter()
        runs[name] = search(form(question))
        spent.append(time.perf_counter() - began)
    try:
        return rate(runs, collection.judgments), spent
    except ValueError as error:
        raise CommandError(f"{error}: the judgments name none", exit_code=2) from error


def _tell(figures: Figures) -> tuple[str, str, str]:
    return f"{figures.ndcg:.4f}", f"{figures.recall:.4f}", f"{figures.reciprocal_rank:.4f}"


def _tell_times(spent: list[float]) -> tuple[str, str]:
    slowest = sorted(spent)[min(len(spent) - 1, int(len(spent) * 0.99))]
    return f"{statistics.median(spent) * _MILLISECONDS:.2f}", f"{slowest * _MILLISECONDS:.2f}"


def _tell_unanswered(collection: Collection, index: ArticleIndex, threshold: float, console: Console) -> None:
    """How the match does on questions that no document answers, and on the others, with this threshold."""
    matches = {name: index.match("", question.wording.question) for name, question in collection.questions.items()}
    answered = {name: one.article_id for name, one in matches.items() if one is not None and one.score >= threshold}
    without = [name for name, question in collection.questions.items() if question.is_unanswerable]
    if without:
        silent = sum(name not in answered for name in without)
        console.print(
            f"No answer here: {silent} of {len(without)} questions without an answer rightly unanswered "
            f"({silent / len(without):.1%}), with matches from {threshold:g} on as answers"
        )
    _tell_answered(collection.judgments, answered, threshold, console)


def _tell_answered(
    judgments: Mapping[str, Mapping[str, int]], answered: Mapping[str, str], threshold: float, console: Console
) -> None:
    judged = [name for name, found in judgments.items() if any(found.values())]
    told = [name for name in judged if name in answered]
    right = sum(judgments[name].get(answered[name], 0) > 0 for name in told)
    console.print(
        f"Of {len(judged)} with an answer {len(told)} are answered from {threshold:g} on, {right} of them rightly"
    )
