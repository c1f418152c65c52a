"""Judged questions, read from the files that such collections come in.

Documents and questions are JSON Lines, plain or compressed by gzip; judgments are tab-separated, of question, document and
relevance, or the four columns of TREC. The names of BEIR (`_id`, `text`) and of mt-rag-benchmark (`id`, `last_turn`,
`conversation`, `answerability`) are both understood. A collection in which each question brings its own answer
(`sentences` with `text` and `answer`, as the NLU evaluation corpora have it) is one JSON file and needs no other.
"""

from __future__ import annotations

import gzip
import html
import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from tierdesk_cli.errors import CommandError
from tierdesk_kb.search.wording import Wording

_MARKUP: Final = re.compile(r"<[^>]+>")
_ENGLISH: Final = "en"
_UNANSWERABLE: Final = "UNANSWERABLE"


@dataclass(frozen=True, slots=True)
class Document:
    """What may be found."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with what was said before. `is_unanswerable` when a person judged that no document answers it."""

    wording: Wording
    is_unanswerable: bool = False


@dataclass
class Collection:
    """Documents, questions, and by question how relevant which documents are."""

    documents: dict[str, Document] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    judgments: dict[str, dict[str, int]] = field(default_factory=dict)


def read_collections(corpora: Sequence[Path], queries: Sequence[Path], qrels: Sequence[Path]) -> dict[str, Collection]:
    """Several collections, by a name of each. Questions and judgments belong to the first corpora, in order; those that are left
    over bring their own. Raises `CommandError`.
    """
    if not len(queries) == len(qrels) <= len(corpora):
        raise CommandError("--queries and --qrels belong together, to one --corpus each", exit_code=2)
    found: dict[str, Collection] = {}
    for corpus, asked, judged in zip_longest(corpora, queries, qrels):
        name = _name_of(corpus)
        while name in found:
            name += "'"
        found[name] = read_collection(corpus, asked, judged)
    return found


def _name_of(corpus: Path) -> str:
    """What the file is called, or its folder where the file has the name that all have."""
    name = corpus.name.partition(".")[0]
    return corpus.absolute().parent.name or name if name == "corpus" else name


def read_collection(corpus: Path, queries: Path | None, qrels: Path | None) -> Collection:
    """Read it all. Raises `CommandError`, which names file and line; also when there is no document."""
    found = _read_pairs(corpus) if queries is None and qrels is None else _read_files(corpus, queries, qrels)
    if not any(one.text.strip() or one.title.strip() for one in found.documents.values()):
        raise CommandError(f"{corpus}: no document with a word in it", exit_code=2)
    return found


def read_synonyms(path: Path) -> list[list[str]]:
    """The groups of English terms that mean the same in a file of the form that `/v1/synonyms` takes. Raises `CommandError`."""
    try:
        groups = json.loads(_read(path))[_ENGLISH]
    except (ValueError, KeyError, TypeError, RecursionError):
        groups = None
    if not isinstance(groups, list) or not all(isinstance(one, list) and all(map(_is_text, one)) for one in groups):
        raise CommandError(f'{path}: {{"{_ENGLISH}": [[term, term, …], …]}} is expected', exit_code=2)
    return groups


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _read_files(corpus: Path, queries: Path | None, qrels: Path | None) -> Collection:
    if queries is None or qrels is None:
        raise CommandError("--queries and --qrels belong together", exit_code=2)
    found = Collection()
    for where, one in _read_lines(corpus):
        text = _text_of(one, ("text", "body", "contents"), where)
        found.documents[_text_of(one, ("id", "_id", "doc_id"), where)] = Document(str(one.get("title") or ""), text)
    for where, one in _read_lines(queries):
        found.questions[_text_of(one, ("id", "_id", "query_id"), where)] = _question_of(one, where)
    found.judgments = _read_judgments(qrels, found)
    return found


def _read_pairs(corpus: Path) -> Collection:
    """A file in which each question brings its answer; those without one are left out."""
    try:
        sentences = json.loads(_read(corpus))["sentences"]
    except (ValueError, KeyError, TypeError, RecursionError):
        sentences = None
    if not isinstance(sentences, list):
        raise CommandError(
            f"{corpus}: without --queries and --qrels, a JSON file with `sentences` is expected, each with `text` and `answer`",
            exit_code=2,
        )
    found = Collection()
    for number, one in enumerate(sentences, start=1):
        answer = one.get("answer") if isinstance(one, dict) else None
        text = answer.get("text") if isinstance(answer, dict) else answer
        if isinstance(text, str) and text.strip():
            name = str(number)
            found.documents[name] = Document("", html.unescape(_MARKUP.sub(" ", text)))
            found.questions[name] = Question(Wording(_text_of(one, ("text",), f"{corpus}: sentence {number}")))
            found.judgments[name] = {name: 1}
    return found


def _question_of(one: dict[str, Any], where: str) -> Question:
    turns = one.get("conversation") or []
    if not isinstance(turns, list) or not all(isinstance(turn, dict) and "text" in turn for turn in turns):
        raise CommandError(
            f"{where}: conversation: a list of turns, each with `speaker` and `text`, is expected", exit_code=2
        )
    last = _text_of(one, ("last_turn", "text", "query", "question"), where)
    before = turns[:-1] if turns and turns[-1]["text"] == last else turns
    asked = tuple(str(turn["text"]) for turn in before if turn.get("speaker") == "user")
    told = tuple(str(turn["text"]) for turn in before if turn.get("speaker") != "user")
    judged = one.get("answerability")
    return Question(Wording(last, asked, told), _UNANSWERABLE in (judged if isinstance(judged, list) else [judged]))


def _read_judgments(path: Path, collection: Collection) -> dict[str, dict[str, int]]:
    judgments: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) == 4:  # TREC has an iteration, which nobody uses, in the second
            del columns[1]
        if not columns or (number == 1 and _is_heading(columns)):
            continue
        if len(columns) != 3 or not _is_number(columns[2]):
            raise CommandError(f"{path}: line {number}: question, document and relevance are expected", exit_code=2)
        question, document, relevance = columns
        if question not in collection.questions:
            raise CommandError(f"{path}: line {number}: no question is called {question!r}", exit_code=2)
        if document not in collection.documents:
            raise CommandError(f"{path}: line {number}: no document is called {document!r}", exit_code=2)
        judgments.setdefault(question, {})[document] = round(float(relevance))
    return judgments


def _is_heading(columns: list[str]) -> bool:
    return len(columns) == 3 and "id" in columns[0].lower() and not _is_number(columns[2])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        try:
            one = json.loads(line)
        except (ValueError, RecursionError):
            raise CommandError(f"{where}: not JSON", exit_code=2) from None
        if not isinstance(one, dict):
            raise CommandError(f"{where}: a JSON object is expected", exit_code=2)
        yield where, one


def _text_of(one: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    for name in names:
        value = one.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
    raise CommandError(f"{where}: no {' or '.join(names)}", exit_code=2)


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError(f"{path}: {getattr(error, 'strerror', None) or 'not whole'}", exit_code=2) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: not UTF-8 text", exit_code=2) from error
