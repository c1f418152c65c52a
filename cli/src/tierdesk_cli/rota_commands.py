"""`tierdesk rota`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli import rota
from tierdesk_cli.accounts import Scope
from tierdesk_cli.options import Data, console, wait_for
from tierdesk_runtime.settings import DEFAULT_TENANT

app = typer.Typer(no_args_is_help=True)


@app.callback()
def rota_group() -> None:
    """Who serves which group when."""


@app.command("import")
def import_command(
    data: Data,
    file: Annotated[Path, typer.Argument(help="CSV (person, tier, group, starts, ends) or iCalendar.", dir_okay=False)],
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose rota.")] = DEFAULT_TENANT,
    tz: Annotated[
        str | None, typer.Option(help="Zone of times that tell none; default: that of the policy's usual calendar.")
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; default: today.")
    ] = None,
    weeks: Annotated[int, typer.Option(min=1, max=104, help="How many weeks of what repeats.")] = 13,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Of the people in the file, withdraw shifts of these weeks that it has no more."
        ),
    ] = False,
) -> None:
    """Take the shifts of a file. What cannot be taken is named with its line, and the rest goes on: exit code 1 then.

    An event of an iCalendar file is a shift when its summary is LOGIN TIER/GROUP, with more groups after it if there are.
    Once more changes nothing.

    Example: tierdesk rota import march.csv --tz Europe/London
    """
    day = None if first is None else first.date()
    work = rota.import_file(Scope(data, tenant), file, console, zone=tz, first=day, weeks=weeks, replace=replace)
    raise typer.Exit(wait_for(work))
