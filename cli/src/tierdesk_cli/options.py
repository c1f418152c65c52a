"""What the commands have in common: their options, where they print, and how they run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console

from tierdesk_cli.home import default_folder

ResultT = TypeVar("ResultT")

# A pipe has no width of its own; tables are for reading.
console = Console(width=None if sys.stdout.isatty() else 160)

Data = Annotated[Path, typer.Option("--data", help="Folder of the desk's data.", default_factory=default_folder)]
Url = Annotated[str | None, typer.Option("--url", help="Address of the desk; default: the one that runs on --data.")]
Key = Annotated[str | None, typer.Option("--key", help="API key; better given as TIERDESK_API_KEY.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON, with every field.")]
Service = Annotated[
    str | None, typer.Option("--service", help="intake, router, sla, kb or bridge; default: all of them.")
]


def wait_for(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run it to its end, as each command does, on an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
