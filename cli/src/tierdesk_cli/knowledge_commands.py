"""`tierdesk kb`: the knowledge base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli.knowledge import importing
from tierdesk_cli.knowledge.evaluation import evaluate
from tierdesk_cli.options import Data, Key, Url, console, wait_for
from tierdesk_kb.domain.matching import DOCUMENTED_FROM

app = typer.Typer(help="The knowledge base. See docs/knowledge.md.", no_args_is_help=True)


@app.command("import")
def kb_import(
    data: Data,
    source: Annotated[Path, typer.Argument(help="A folder of Markdown files, or JSON Lines (.jsonl).")],
    *,
    publish: Annotated[bool, typer.Option("--publish", help="Let readers see them at once.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Import articles. Again, it writes what is new or has changed; cut off, it goes on where it was.

    The path of a file in its folder, or the `id` of a line, names the article for ever. A file may begin with a head:
    `title: …`, `audience: …`, `kind: …`, `keywords: a, b` and others between two lines of three hyphens.

    What is no article is named, with its line, field and reason, and left out; the command ends with 2 then.
    Needs a key with the scope articles:write.

    Example: tierdesk kb import handbook --publish
    """
    wait_for(importing.run(data, url, key, source, console, publish=publish))


@app.command("evaluate")
def kb_evaluate(
    *,
    corpus: Annotated[
        list[Path],
        typer.Option(help="The documents: JSON Lines of `id`, `text` and perhaps `title`; .gz too. May be repeated."),
    ],
    queries: Annotated[
        list[Path] | None,
        typer.Option(
            help="The questions: JSON Lines of `id` and `text`, or `last_turn` and `conversation`; for each corpus in turn."
        ),
    ] = None,
    qrels: Annotated[
        list[Path] | None,
        typer.Option(help="The judgments, tab-separated: question, document, relevance; for each corpus in turn."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which slips of the pen are made.")] = 1,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="From which score on a match counts as an answer.")
    ] = DOCUMENTED_FROM,
    synonyms: Annotated[
        Path | None,
        typer.Option(help="English terms that mean the same, JSON, to be measured beside: {en: [[term, …], …]}."),
    ] = None,
    semantic: Annotated[
        bool, typer.Option("--semantic", help="Also measure the search that ranks by meaning; needs its extra.")
    ] = False,
    curve: Annotated[
        Path | None, typer.Option("--curve", help="Also draw the reliability curve of the score into this SVG file.")
    ] = None,
) -> None:
    """Measure the search on judged questions, beside BM25: nDCG, recall and reciprocal rank of the first ten hits. Then how far
    the match score can be trusted as a probability, and how much a threshold routes with at most 5 % wrong.

    Needs no desk. A corpus without --queries and --qrels is a file in which each question brings its answer.

    Example: tierdesk kb evaluate --corpus corpus.jsonl --queries queries.jsonl --qrels qrels.tsv
    """
    evaluate(
        corpus,
        queries or [],
        qrels or [],
        console,
        seed=seed,
        threshold=threshold,
        synonyms=synonyms,
        semantic=semantic,
        curve=curve,
    )
