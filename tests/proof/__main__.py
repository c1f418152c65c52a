"""`make prove`: business time against two oracles, in many random calendars, zones, pauses and instants.

    make prove                                  20,000 cases of a new seed, some minutes
    make prove ARGS="--cases 1000 --seed 7"
    make prove ARGS="--seed 7 --case 412"       one of them again, told whole

It ends with `N cases, N differing, seed=…`, and with exit code 1 when any differed.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .cases import make_case
from .comparison import compare

CHUNK = 50
TOLD = 5
"""So many of the cases that differ are told, with so many of their answers."""


def main() -> int:
    """Run what the command line names."""
    description, _, commands = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m proof",
        description=description,
        epilog=commands,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", type=int, default=20_000, help="how many (20000)")
    parser.add_argument("--seed", type=int, default=None, help="which ones (drawn by chance, and printed)")
    parser.add_argument("--case", type=int, default=None, help="only the one of this number, told whole")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (one for each core)")
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000_000) if options.seed is None else options.seed
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False)
    if options.case is not None:
        return _tell_one(seed, options.case, console)
    differing = dict(_prove(seed, options.cases, options.workers, console))
    for number in sorted(differing)[:TOLD]:
        console.print(f"case {number} (--seed {seed} --case {number} tells it whole):")
        for line in differing[number][:TOLD]:
            console.print(f"  {line}")
    console.print(f"{options.cases} cases, {len(differing)} differing, seed={seed}")
    return 1 if differing else 0


def find_differing(seed: int, first: int, last: int) -> dict[int, list[str]]:
    """Of the cases `first` until before `last` those that differ, with what differs."""
    found = {number: compare(make_case(seed, number)) for number in range(first, last)}
    return {number: differences for number, differences in found.items() if differences}


def _prove(seed: int, cases: int, workers: int, console: Console) -> Iterator[tuple[int, list[str]]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress, ProcessPoolExecutor(workers) as pool:
        bar = progress.add_task(f"seed={seed}", total=cases)
        chunks = {
            pool.submit(find_differing, seed, first, min(first + CHUNK, cases)): min(CHUNK, cases - first)
            for first in range(0, cases, CHUNK)
        }
        for chunk in as_completed(chunks):
            yield from chunk.result().items()
            progress.advance(bar, chunks[chunk])


def _tell_one(seed: int, number: int, console: Console) -> int:
    case = make_case(seed, number)
    for field, value in case._asdict().items():
        console.print(f"{field}: {value}")
    differences = compare(case)
    for line in differences:
        console.print(line)
    console.print(f"1 cases, {bool(differences):d} differing, seed={seed}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
