"""Rounds as a table for people and as JSON to keep."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .host import median

RESULTS = Path(__file__).parent / "results"


class Report:
    """What one benchmark measured: rounds of named variants, each with the same figures."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._rounds: dict[str, list[dict[str, Any]]] = {}
        self._findings: dict[str, Any] = {}

    def add(self, variant: str, figures: dict[str, Any]) -> None:
        """One round of one variant; said at once, since the next may take minutes."""
        self._rounds.setdefault(variant, []).append(figures)
        brief = ", ".join(f"{name} {value}" for name, value in figures.items() if not isinstance(value, dict))
        self._console.print(f"  {variant} #{len(self._rounds[variant])}: {brief}", highlight=False)

    def conclude(self, finding: str, value: Any) -> None:
        """A figure of the whole, such as a ratio."""
        self._findings[finding] = value

    def median_of(self, variant: str, figure: str) -> float:
        """The median of a figure over a variant's rounds."""
        return median(one[figure] for one in self._rounds[variant])

    def close(self) -> None:
        """Print medians with their spread and what was concluded, and keep everything under `tests/bench/results/`."""
        names = [name for name, value in next(iter(self._rounds.values()))[0].items() if not isinstance(value, dict)]
        table = Table(title=self._name, title_justify="left", box=None, header_style="bold")
        for heading in ("", "rounds", *names):
            table.add_column(heading, justify="right" if heading else "left", overflow="fold")
        for variant, rounds in self._rounds.items():
            cells = [_spread([one[name] for one in rounds]) for name in names]
            table.add_row(variant, str(len(rounds)), *cells)
        self._console.print(table)
        for finding, value in self._findings.items():
            self._console.print(f"  {finding}: [bold]{value}[/bold]", highlight=False)
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"{self._name.split(':')[0].replace(' ', '-')}-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
        kept = {
            "benchmark": self._name,
            "python": platform.python_version(),
            "rounds": self._rounds,
            "findings": self._findings,
        }
        file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:g}"
    return f"{median(values):g} ({min(values):g} to {max(values):g})"
