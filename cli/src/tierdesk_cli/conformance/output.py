"""What `tierdesk vendor conformance` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from tierdesk_cli.conformance.checks import Result, Verdict
from tierdesk_cli.tickets import clean

_COLOURS: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.NOT_RUN: "yellow"}


def print_results(results: Sequence[Result], console: Console) -> None:
    """A line for each check; of one that failed, what was seen and what to do."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for result in results:
        mark = f"[{_COLOURS[result.verdict]}]{result.verdict.value}[/{_COLOURS[result.verdict]}]"
        cure = f"→ {result.cure}" if result.cure else ""
        table.add_row(mark, clean(result.name), clean(result.seen), clean(cure))
    console.print(table, highlight=False)
