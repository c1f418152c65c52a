"""Articles made of words that no language has, but in the shares of one: few stand everywhere, most hardly anywhere."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

TENANT: Final = "main"
_SEED: Final = 20_261_123
_WORDS: Final = 30_000
_BODY_WORDS: Final = 120
_WRITTEN_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ARTICLE: Final = ("tenant", "id", "state", "revision", "published_revision", "position", "created_at", "changed_at")
_REVISION: Final = ("tenant", "article_id", "revision", "title", "body", "audience", "keywords", "author", "written_at")


@dataclass(frozen=True, slots=True)
class MadeArticle:
    """An article without sense."""

    number: int
    title: str
    keyword: str
    body: str

    @property
    def id(self) -> UUID:
        """The same for the same number."""
        return UUID(int=self.number)


class Author:
    """Writes articles and asks about them: the same ones each time."""

    def __init__(self) -> None:
        self._draw = random.Random(_SEED)
        self._words = self._make_words()
        self._shares = list(itertools.accumulate(1 / (rank + 2) for rank in range(_WORDS)))

    def write(self, first: int, count: int) -> Iterator[MadeArticle]:
        """So many articles, numbered from `first` on."""
        for number in range(first, first + count):
            yield MadeArticle(number, self._text(6), self._text(1), self._text(_BODY_WORDS))

    def ask(self, articles: list[MadeArticle], count: int) -> list[str]:
        """Questions of five words of one of these articles each."""
        return [" ".join(self._draw.sample(_all(self._draw.choice(articles)).split(), 5)) for _ in range(count)]

    def pair(self, count: int) -> list[list[str]]:
        """So many pairs of words to mean the same: each another word, the more likely the more frequent it is."""
        drawn: dict[str, None] = {}
        while len(drawn) < 2 * count:
            drawn[self._text(1)] = None
        words = list(drawn)
        self._draw.shuffle(words)
        return [words[2 * number : 2 * number + 2] for number in range(count)]

    def _text(self, words: int) -> str:
        return " ".join(self._draw.choices(self._words, cum_weights=self._shares, k=words))

    def _make_words(self) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < _WORDS:
            syllables = (
                self._draw.choice("bcdfghklmnprstvw") + self._draw.choice("aeiou")
                for _ in range(self._draw.randint(2, 5))
            )
            found["".join(syllables) + self._draw.choice(("", "n", "r", "s", "t"))] = None
        return list(found)


def _all(article: MadeArticle) -> str:
    return f"{article.title} {article.keyword} {article.body}"


async def load_articles(connection: asyncpg.Connection, articles: list[MadeArticle]) -> None:
    """Publish these, as the service would have, and as text of PostgreSQL's own search in `bench_text`."""
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS bench_text (id uuid, words tsvector);"
        "CREATE INDEX IF NOT EXISTS bench_text_words ON bench_text USING gin (words)"
    )
    await connection.copy_records_to_table(
        "article",
        schema_name="kb",
        columns=_ARTICLE,
        records=[(TENANT, one.id, "published", 1, 1, one.number, _WRITTEN_AT, _WRITTEN_AT) for one in articles],
    )
    await connection.copy_records_to_table(
        "revision",
        schema_name="kb",
        columns=_REVISION,
        records=[
            (TENANT, one.id, 1, one.title, one.body, "requester", [one.keyword], "author", _WRITTEN_AT)
            for one in articles
        ],
    )
    await connection.execute(
        "INSERT INTO kb.counter (tenant, position) VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE SET position = $2",
        TENANT,
        articles[-1].number,
    )
    await connection.execute(
        """
        INSERT INTO bench_text SELECT article_id,
            setweight(to_tsvector('english', title || ' ' || array_to_string(keywords, ' ')), 'A')
            || setweight(to_tsvector('english', body), 'B')
        FROM kb.revision WHERE tenant = $1 AND article_id = ANY($2)
        """,
        TENANT,
        [one.id for one in articles],
    )
