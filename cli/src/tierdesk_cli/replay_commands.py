"""`tierdesk replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli.options import console, wait_for
from tierdesk_cli.replay import command as replay

app = typer.Typer()


@app.command("replay")
def replay_command(
    file: Annotated[Path, typer.Argument(help="The export, as CSV or CSV.gz.", dir_okay=False)],
    *,
    format_: Annotated[str, typer.Option("--format", help="servicenow")] = "servicenow",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many incidents, the first to be opened.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep the desk's data here; default: a folder that is removed.")
    ] = None,
    window: Annotated[int, typer.Option(min=1, max=5000, help="How many tickets may wait for the desk at once.")] = 400,
    explains: Annotated[
        bool, typer.Option("--explain", help="Explain three tickets of different roads, as `policy explain` does.")
    ] = False,
) -> None:
    """Post an export's incidents through the HTTP endpoint and act out what it says of them, on the export's own times.

    Runs a desk of its own: on an embedded PostgreSQL, or on TIERDESK_DATABASE_URL and TIERDESK_AMQP_URL.
    """
    wait_for(replay.run(file, format_, limit=limit, data=data, window=window, explains=explains, console=console))
