"""`make bench`: measure, print a table, keep the figures as JSON under `tests/bench/results/`.

    python -m bench endpoint pipeline latency          the usual ones, about six minutes
    python -m bench growth --history 100000 --rounds 10
    python -m bench clocks                             the watcher beside a million open tickets, some fifteen minutes
    python -m bench upkeep --open 100000 --rounds 3    clocks moved to another policy, built anew, swapped
    python -m bench memory --tickets 100000
    python -m bench soak --minutes 30
    python -m bench search --rounds 3                  articles, up to 100,000 of them
    python -m bench board --rounds 3                   100,000 open tickets, and fifty who claim the same at once
    python -m bench listeners                          a thousand people who look at one replica of the desk
    python -m bench triage                             in memory, seconds
    python -m bench calendar                           in memory; beside other libraries after `make bench-peers`

Rounds of what is compared are interleaved. Trust the ratios, and distrust all of it when `steal` exceeds 0.05.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Final

from rich.console import Console

from . import board, business_time, clocks, endpoint, growth, listeners, memory, pipeline, search, triage, upkeep
from .grounds import Grounds, running_grounds

Benchmark = Callable[[Grounds, argparse.Namespace, Console], None]
BENCHMARKS: Final[dict[str, Benchmark]] = {
    "endpoint": endpoint.measure,
    "pipeline": pipeline.measure,
    "latency": pipeline.measure_latency,
    "growth": growth.measure,
    "search": search.measure,
    "board": board.measure,
    "listeners": listeners.measure,
    "clocks": clocks.measure,
    "upkeep": upkeep.measure,
    "memory": memory.measure,
    "soak": memory.soak,
}
IN_MEMORY: Final[dict[str, Callable[[argparse.Namespace, Console], None]]] = {
    "triage": triage.measure,
    "calendar": business_time.measure,
}
USUAL: Final = ("endpoint", "pipeline", "latency")


def main() -> int:
    """Run what the command line names."""
    description, _, commands = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=description,
        epilog=commands,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="BENCHMARK",
        help=f"of {', '.join([*BENCHMARKS, *IN_MEMORY])}; else {' '.join(USUAL)}",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each variant (5)")
    parser.add_argument("--tickets", type=int, default=3000, help="tickets of a round (3000)")
    parser.add_argument("--history", type=int, default=100_000, help="growth: closed tickets loaded (100000)")
    parser.add_argument("--open", type=int, default=1_000_000, help="clocks, upkeep: open tickets loaded (1000000)")
    parser.add_argument("--minutes", type=float, default=30.0, help="soak: how long (30)")
    parser.add_argument("--connections", type=int, default=64, help="endpoint: clients at a time, one event each (64)")
    options = parser.parse_args()
    known = [*BENCHMARKS, *IN_MEMORY]
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(known)}")
    console = Console(width=None if sys.stdout.isatty() else 200)
    for name in options.names:
        if name in IN_MEMORY:
            IN_MEMORY[name](options, console)
    on_servers = [name for name in options.names or USUAL if name in BENCHMARKS]
    if on_servers:
        with running_grounds() as grounds:
            for name in on_servers:
                BENCHMARKS[name](grounds, options, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
