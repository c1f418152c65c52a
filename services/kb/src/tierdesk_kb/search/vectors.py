"""What texts mean, as vectors: those of the articles of one index in memory, and how near a question is to them.

A text is the mean of the vectors of its word pieces, which stand in the package `wordllama` (256 numbers for each of 32,000 pieces
of English). Its files are read, and none of its code is run: by itself it looks for the tokenizer in a wrong folder and
fetches it from elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from tierdesk_kb.search.conditions import Condition
from tierdesk_kb.search.index import IndexedArticle
from tierdesk_kb.search.wording import ASKED_BEFORE, Wording

LETTERS: Final = 2_000
"""So much of a text is read, from its beginning: of a longer one the mean says less. docs/knowledge.md says how it did."""
LEAST_LIKENESS: Final = 0.4
"""What is less like a question is not found by its meaning alone; of the articles on other matters one in fifty is as like."""
_PACKAGE: Final = "wordllama"
_WEIGHTS: Final = Path("weights", "l2_supercat_256.safetensors")
_TOKENIZER: Final = Path("tokenizers", "l2_supercat_tokenizer_config.json")
_FIRST_ROWS: Final = 64
_TEXTS_AT_A_TIME: Final = 256

Floats = NDArray[np.float32]


class Model:
    """The vectors of word pieces. It may be used by several threads at a time."""

    def __init__(self, pieces: Floats, tokenizer: Tokenizer) -> None:
        self._pieces = pieces
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @classmethod
    def load(cls) -> Model:
        """The model that the installed package carries.

        Raises `ModuleNotFoundError` when it is not installed, and `FileNotFoundError` when it carries none.
        """
        found = find_spec(_PACKAGE)
        if found is None or not found.submodule_search_locations:
            raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
        folder = Path(found.submodule_search_locations[0])
        for file in (_WEIGHTS, _TOKENIZER):
            if not (folder / file).is_file():
                raise FileNotFoundError(f"{_PACKAGE} does not carry {file}")
        weights = load_file(folder / _WEIGHTS)["embedding.weight"]
        return cls(weights.astype(np.float32), Tokenizer.from_file(str(folder / _TOKENIZER)))

    @property
    def width(self) -> int:
        """Of how many numbers a vector is."""
        return int(self._pieces.shape[1])

    def make_vectors(self) -> Vectors:
        """Room for the articles of one index, with none yet."""
        return Vectors(self)

    def read(self, texts: Sequence[str]) -> Floats:
        """The vector of each text, of length 1; all zeros for one without letters."""
        vectors = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            # One by one, and not as a batch: that would take all cores, and a question would wait for them.
            pieces = self._tokenizer.encode(text[:LETTERS], add_special_tokens=False).ids
            if pieces:
                vectors[row] = self._pieces[pieces].mean(axis=0)
        return _of_length_1(vectors)


class Vectors:
    """The vectors of the articles of one index. `apply` and `likeness` may run in two threads: one waits for the other."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lock = Lock()
        self._names: list[str] = []
        self._rows: dict[str, int] = {}
        self._matrix: Floats = np.zeros((_FIRST_ROWS, model.width), np.float32)
        self._values = np.zeros((_FIRST_ROWS, 2), np.int32)
        self._numbers: dict[str, int] = {}

    def apply(self, put: Sequence[IndexedArticle], remove: Collection[str] = ()) -> None:
        """Add or replace articles, and remove others by identifier."""
        with self._lock:
            for article_id in remove:
                self._remove(article_id)
        for first in range(0, len(put), _TEXTS_AT_A_TIME):
            some = put[first : first + _TEXTS_AT_A_TIME]
            texts = [f"{one.title}\n{', '.join(one.keywords)}\n{one.body[:LETTERS]}" for one in some]
            vectors = self._model.read(texts)
            with self._lock:
                for article, vector in zip(some, vectors, strict=True):
                    self._put(article, vector)

    def likeness(
        self, sought: Wording, *, beside: Collection[str], most: int, audience: Condition, kind: Condition
    ) -> dict[str, float]:
        """How like the question, from -1 to 1, are the nearest articles that meet the conditions, the nearest first, and then those
        of `beside`.

        What was asked before counts less, and what was answered not at all.
        """
        question, *asked = self._model.read([sought.question, *sought.asked])
        vector = _of_length_1((question + ASKED_BEFORE * sum(asked, np.zeros_like(question)))[np.newaxis])[0]
        with self._lock:
            count = len(self._names)
            # Not by `@`, which shares the work among threads: on busy cores the slowest takes tens of milliseconds.
            alike = np.einsum("ij,j->i", self._matrix[:count], vector)
            meeting = alike >= LEAST_LIKENESS
            for column, wanted in enumerate((audience, kind)):
                if wanted is not None:
                    meeting &= np.isin(self._values[:count, column], self._numbers_of(wanted))
            (rows,) = np.nonzero(meeting)
            if len(rows) > most:
                rows = rows[np.argpartition(-alike[rows], most - 1)[:most]]
            nearest = rows[np.argsort(-alike[rows], kind="stable")]
            found = {self._names[row]: float(alike[row]) for row in nearest}
            found.update({name: float(alike[self._rows[name]]) for name in beside if name in self._rows})
        return found

    def _numbers_of(self, wanted: str | Collection[str]) -> list[int]:
        values = {wanted} if isinstance(wanted, str) else wanted
        return [self._numbers[value] for value in values if value in self._numbers]

    def _put(self, article: IndexedArticle, vector: Floats) -> None:
        row = self._rows.get(article.article_id)
        if row is None:
            row = self._rows[article.article_id] = len(self._names)
            self._names.append(article.article_id)
            if row == len(self._matrix):
                self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
                self._values = np.concatenate([self._values, np.zeros_like(self._values)])
        self._matrix[row] = vector
        numbers = self._numbers
        self._values[row] = [numbers.setdefault(value, len(numbers)) for value in (article.audience, article.kind)]

    def _remove(self, article_id: str) -> None:
        """The last one takes its row."""
        row = self._rows.pop(article_id, None)
        if row is None:
            return
        last = self._names.pop()
        if last != article_id:
            self._names[row] = last
            self._rows[last] = row
            self._matrix[row] = self._matrix[len(self._names)]
            self._values[row] = self._values[len(self._names)]


def _of_length_1(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled
