"""The commands of `tierdesk sla`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli import clocks
from tierdesk_cli.options import Data, Key, Url, console, wait_for

app = typer.Typer(
    help="Deadlines: explained, built anew, moved to another version of the policy.", no_args_is_help=True
)


@app.command("explain")
def explain_command(
    ticket: Annotated[str, typer.Argument(help="A reference or identifier.")],
    data: Data,
    svg: Annotated[Path | None, typer.Option("--svg", help="Also write a picture of it to this file.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say why each deadline of a ticket is what it is: what counts, what does not, by which rule, and who had it when.

    Needs a key with the scope clocks:read.
    """
    text, picture = wait_for(clocks.read_explanation(data, url, key, ticket, with_picture=svg is not None))
    clocks.print_explanation(text, console)
    if svg is not None:
        svg.write_bytes(picture)


@app.command("rebuild")
def rebuild_command(
    data: Data,
    *,
    swap: Annotated[bool, typer.Option("--swap", help="Put what differs in place, page by page.")] = False,
) -> None:
    """Build all clocks anew from the kept events, in tables beside the live ones, and compare them.

    Changes no live clock without --swap; then what was said is not said again, and breaches that were wrong are
    retracted. Ends with 1 when something differs and is not swapped, or cannot be rebuilt. Services may run meanwhile;
    stopped half-way, the same command goes on with what differs still.
    """
    if not wait_for(clocks.rebuild_clocks(data, console, put_in_place=swap)):
        raise typer.Exit(1)


@app.command("migrate")
def migrate_command(
    data: Data,
    *,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="The version of the policy, or its beginning.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which clocks would change, and how.")] = False,
    tenant: Annotated[str, typer.Option(help="Whose tickets.")] = "main",
) -> None:
    """Hold the clocks of open tickets to another version of the policy, from their start on, keeping their pauses.

    What has ended, is overdue or was said stays as it is. Tickets themselves keep the version they were opened under.
    Ends with 1 when some cannot be moved. Services may run meanwhile; stopped half-way, the same command goes on.

    Example: tierdesk sla migrate --to sha256:77e4eba5 --dry-run
    """
    if not wait_for(clocks.migrate_clocks(data, to, tenant, console, dry_run=dry_run)):
        raise typer.Exit(1)
