"""`tierdesk kb import`: articles from elsewhere, in batches, as often as it takes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tierdesk_cli.client import DeskClient, connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.knowledge.sources import Fault, Found, Source, open_source
from tierdesk_cli.tickets import clean
from tierdesk_kb.domain.importing import ImportOutcome

ENTRIES_PER_POST: Final = 200
BYTES_PER_POST: Final = 600_000
"""Below what a desk takes in one request, with room for the longest article."""
_SAID: Final = {
    ImportOutcome.ADDED: "added",
    ImportOutcome.REVISED: "revised",
    ImportOutcome.PUBLISHED: "published as they were",
    ImportOutcome.UNCHANGED: "unchanged",
    ImportOutcome.RETIRED: "retired on the desk, and left so",
}


async def run(folder: Path, url: str | None, key: str | None, path: Path, console: Console, *, publish: bool) -> None:
    """Import what there is; name what is no article. Raises `CommandError`, with 2 for a source that has such."""
    source = open_source(path)
    outcomes: Counter[str] = Counter()
    faults = 0
    async with connect(folder, url, key) as desk:
        with _progress(console) as progress:
            task = progress.add_task(clean(path.name or str(path)), total=source.size)
            try:
                for batch, wrong in _batches(source):
                    for fault in chain.from_iterable(wrong):
                        progress.console.print(clean(str(fault)), highlight=False, soft_wrap=True)
                    faults += len(wrong)
                    if batch:
                        outcomes.update(await _post(desk, batch, publish=publish))
                    progress.update(task, completed=outcomes.total() + faults)
            except CommandError as error:
                in_place = f"{outcomes.total()} of {source.size} are in; the same command goes on from there"
                raise CommandError(f"{error}; {in_place}", exit_code=error.exit_code) from error
    told = [f"{outcomes[outcome]} {said}" for outcome, said in _SAID.items() if outcomes[outcome]]
    console.print(", ".join(told) or "nothing was imported", highlight=False)
    if faults:
        raise CommandError(f"{faults} of {source.size} are no articles, and were left out", exit_code=2)


def _batches(source: Source) -> Iterator[tuple[dict[str, Any], list[list[Fault]]]]:
    """What is posted at once, and what is wrong with each part on the way that is no article."""
    batch: dict[str, Any] = {}
    faults: list[list[Fault]] = []
    size = 0
    for part in source.read():
        if not isinstance(part, Found):
            faults.append(part)
            continue
        length = len(json.dumps(part.document, ensure_ascii=False).encode()) + len(part.key)
        if batch and (len(batch) == ENTRIES_PER_POST or size + length > BYTES_PER_POST):
            yield batch, faults
            batch, faults, size = {}, [], 0
        batch[part.key] = part.document
        size += length
    yield batch, faults


async def _post(desk: DeskClient, batch: dict[str, Any], *, publish: bool) -> Counter[str]:
    body = json.dumps({"articles": batch, "publish": publish}, ensure_ascii=False).encode()
    response = await desk.request(
        "POST", "/v1/articles/import", content=body, headers={"Content-Type": "application/json"}
    )
    try:
        articles: dict[str, Any] = response.json()["articles"]
        return Counter(str(one["outcome"]) for one in articles.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"what answers at {desk.url} is no desk that imports articles") from error


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
