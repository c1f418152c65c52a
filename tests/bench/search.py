"""The search among 1,000 to 100,000 articles, inside the service, beside PostgreSQL's own on the same articles."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
from rich.console import Console

from tierdesk_cli.knowledge.slips import slip
from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.search.library import Library
from tierdesk_store import Database

from .articles import TENANT, Author, MadeArticle, load_articles
from .grounds import Grounds, running_desk
from .host import anonymous_bytes, median
from .reports import Report

SIZES: Final = (1_000, 10_000, 100_000)
QUESTIONS: Final = 500
THEIR_QUESTIONS: Final = 40
"""Of PostgreSQL's, which takes a hundred times as long."""
SYNONYMS: Final = 1_000
"""Pairs that mean the same, of words as frequent as in a text: there are some in every second question."""
LIMIT: Final = 10
_THEIRS: Final = """
    SELECT id FROM bench_text, to_tsquery('english', $1) AS sought
    WHERE words @@ sought ORDER BY ts_rank(words, sought) DESC LIMIT $2
"""


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """Milliseconds for a question of five words, and seconds to build the index from PostgreSQL."""
    report = Report("search: milliseconds for a question", console)
    with running_desk(grounds, names=("kb",), stays=False) as desk:
        asyncio.run(_measure(desk.database_url, options.rounds, report))
    largest = f"{SIZES[-1]:,}"
    theirs, ours = (report.median_of(f"{name}, {largest}", "p50_ms") for name in ("PostgreSQL", "search"))
    report.conclude(f"PostgreSQL over search, {largest} articles", round(theirs / ours, 1))
    report.close()


async def _measure(url: str, rounds: int, report: Report) -> None:
    author = Author()
    articles: list[MadeArticle] = []
    library: Library | None = None
    connection = await asyncpg.connect(url)
    try:
        for size in SIZES:
            new = list(author.write(len(articles) + 1, size - len(articles)))
            await load_articles(connection, new)
            articles += new
            await connection.execute("VACUUM ANALYZE")  # the index of texts takes in what waits beside it
            library = None
            before = anonymous_bytes(os.getpid())
            library, seconds = await _build(url)
            grown = (anonymous_bytes(os.getpid()) - before) / 1e6
            report.conclude(f"index of {size:,} built from PostgreSQL, seconds", round(seconds, 1))
            report.conclude(f"index of {size:,}, MB more in the process", round(grown))
            for number in range(rounds):
                await _ask(connection, library, author, articles, number, report)
    finally:
        await connection.close()


async def _build(url: str) -> tuple[Library, float]:
    """As a process does when it starts."""
    library, database = Library(), Database(url, schema="kb", name="bench")
    began = time.perf_counter()
    try:
        await IndexFollower(database, library).catch_up()
    finally:
        await database.close()
    library.ready.set()
    return library, time.perf_counter() - began


async def _ask(
    connection: asyncpg.Connection,
    library: Library,
    author: Author,
    articles: list[MadeArticle],
    number: int,
    report: Report,
) -> None:
    questions = author.ask(articles, QUESTIONS)
    draw = random.Random(number)

    async def search(question: str) -> None:
        found = library.search(TENANT, question, limit=LIMIT, offset=0, audience="requester")
        assert found, "the words are those of an article"

    async def suggest(question: str) -> None:
        library.suggest(TENANT, question[:-2], limit=5, audience="requester")

    async def ask_postgresql(question: str) -> None:
        found = await connection.fetch(_THEIRS, " | ".join(question.split()), LIMIT)
        assert found, "the words are those of an article"

    of = f"{len(articles):,}"
    report.add(f"search, {of}", await _time(search, questions))
    report.add(f"with slips, {of}", await _time(search, [slip(one, draw) for one in questions]))
    report.add(f"suggestions, {of}", await _time(suggest, questions))
    await library.set_synonyms(TENANT, {"en": author.pair(SYNONYMS)})
    report.add(f"with synonyms, {of}", await _time(search, questions))
    await library.set_synonyms(TENANT, {})
    report.add(f"PostgreSQL, {of}", await _time(ask_postgresql, questions[:THEIR_QUESTIONS]))


async def _time(ask: Callable[[str], Awaitable[None]], questions: list[str]) -> dict[str, float]:
    spent = []
    for question in questions:
        began = time.perf_counter()
        await ask(question)
        spent.append((time.perf_counter() - began) * 1_000)
    return {"p50_ms": round(median(spent), 2), "p99_ms": round(sorted(spent)[len(spent) * 99 // 100], 2)}
