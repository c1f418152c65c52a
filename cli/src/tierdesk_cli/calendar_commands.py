"""`tierdesk calendar`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli import calendar

app = typer.Typer(help="Business time.", no_args_is_help=True)


@app.command("verify")
def calendar_verify(files: Annotated[list[Path], typer.Argument(help="Fact files (JSON).")]) -> None:
    """Run working-time facts against the business clock; exit code 1 if any fails, 2 for a file that is none."""
    raise typer.Exit(calendar.verify_files(files))


@app.command("import")
def calendar_import(
    file: Annotated[Path, typer.Argument(help="An iCalendar file (.ics).")],
    *,
    tz: Annotated[
        str | None, typer.Option(help="Zone in which to write times; default: the file's own, if it tells one.")
    ] = None,
    first_year: Annotated[
        int | None, typer.Option("--from", min=1970, max=2150, help="First year of what repeats; default: this one.")
    ] = None,
    years: Annotated[int, typer.Option(min=1, max=50, help="How many years of what repeats.")] = 5,
    as_hours: Annotated[
        bool, typer.Option("--as-hours", help="The events are the hours of their dates, as of shifts, not closures.")
    ] = False,
) -> None:
    """Print the events of an iCalendar file as YAML for a calendar of a policy: closed dates, breaks, or hours.

    Events of whole days are holidays, yearly ones for ever; other events are breaks. Exit code 2 tells a broken file.
    """
    started = first_year or datetime.now(UTC).year
    calendar.import_file(file, tz, started, years, as_hours=as_hours)
