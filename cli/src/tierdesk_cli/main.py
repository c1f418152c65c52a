"""The `tierdesk` command."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console

from tierdesk_cli import calendar, demo, doctor, policy, tickets, up
from tierdesk_cli.errors import explain
from tierdesk_cli.home import default_folder
from tierdesk_cli.replay import command as replay

ResultT = TypeVar("ResultT")

app = typer.Typer(
    name="tierdesk",
    help="A tiered IT support desk on a message bus. Start one with `tierdesk up --demo`; then `tierdesk tickets`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
policy_app = typer.Typer(help="Read, check and apply policies: the description of a desk.", no_args_is_help=True)
calendar_app = typer.Typer(help="Business time.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")
app.add_typer(calendar_app, name="calendar")

# A pipe has no width of its own; tables are for reading.
console = Console(width=None if sys.stdout.isatty() else 160)
Data = Annotated[Path, typer.Option("--data", help="Folder of the desk's data.", default_factory=default_folder)]
Url = Annotated[str | None, typer.Option("--url", help="Address of the desk; default: the one that runs on --data.")]
Key = Annotated[str | None, typer.Option("--key", help="API key; better given as TIERDESK_API_KEY.")]


def _wait(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@app.command("up")
def up_command(
    data: Data,
    *,
    demo_people: Annotated[bool, typer.Option("--demo", help="Also start the example consumers.")] = False,
    port: Annotated[
        int, typer.Option(envvar="TIERDESK_HTTP_PORT", help="Port of the one address; 0 takes a free one.")
    ] = 8080,
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="The policy to put in force; default: the five-tier sample.")
    ] = None,
) -> None:
    """Start every service in this process, in the foreground; Ctrl-C stops them.

    On an embedded PostgreSQL that is the bus too, or, when TIERDESK_DATABASE_URL and TIERDESK_AMQP_URL are set, on those.
    """
    _wait(up.run(data, demo=demo_people, port=port, policy_file=policy_file, console=console))


@app.command("serve")
def serve_command(
    service: Annotated[str, typer.Argument(help="intake, router, sla or kb.")],
) -> None:
    """Run one service, as an operator's container does. Everything is set by TIERDESK_ variables."""
    _wait(up.serve_one(service))


@app.command("migrate")
def migrate_command() -> None:
    """Bring the schemas, roles and queues of all services up to date; run it before the services start.

    Needs TIERDESK_DATABASE_URL, TIERDESK_AMQP_URL (or TIERDESK_BUS_URL) and TIERDESK_SECRETS_FILE.
    """
    _wait(up.migrate_command(console))


@app.command("tickets")
def tickets_command(
    data: Data,
    ticket: Annotated[str | None, typer.Argument(help="A reference or identifier: show its whole story.")] = None,
    status: Annotated[str | None, typer.Option(help="Only this status.")] = None,
    tier: Annotated[str | None, typer.Option(help="Only this tier: what is open there, if no status is given.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    url: Url = None,
    key: Key = None,
) -> None:
    """List the newest tickets, or tell the story of one."""
    if ticket is None:
        _wait(tickets.list_tickets(data, url, key, console, status=status, tier=tier, limit=limit))
    else:
        _wait(tickets.show_ticket(data, url, key, console, ticket))


@app.command("doctor")
def doctor_command(data: Data, url: Url = None) -> None:
    """Check database, bus, schemas and the desk itself, and say what to do about what is wrong."""
    _wait(doctor.run(data, url, console))


@app.command("demo")
def demo_command(
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="Another policy than the five-tier sample.")
    ] = None,
) -> None:
    """A finite tour on a fast clock: portal and phone events, the example consumers, the journey of each ticket."""
    _wait(demo.run(policy_file, console))


@app.command("replay")
def replay_command(
    file: Annotated[Path, typer.Argument(help="The export, as CSV or CSV.gz.", dir_okay=False)],
    format_: Annotated[str, typer.Option("--format", help="servicenow")] = "servicenow",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many incidents, the first to be opened.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep the desk's data here; default: a folder that is removed.")
    ] = None,
    window: Annotated[int, typer.Option(min=1, max=5000, help="How many tickets may wait for the desk at once.")] = 400,
) -> None:
    """Post an export's incidents through the HTTP endpoint and act out what it says of them, on the export's own times.

    Runs a desk of its own: on an embedded PostgreSQL, or on TIERDESK_DATABASE_URL and TIERDESK_AMQP_URL.
    """
    _wait(replay.run(file, format_, limit=limit, data=data, window=window, console=console))


@policy_app.command("check")
def policy_check(file: Annotated[Path, typer.Argument(help="The policy, YAML or JSON.")]) -> None:
    """Say what is wrong with a policy: file, line and field of each fault. Exit code 2 if there is any."""
    policy.check(file, console)


@policy_app.command("apply")
def policy_apply(
    file: Annotated[Path, typer.Argument(help="The policy, YAML or JSON.")],
    data: Data,
    url: Url = None,
    key: Key = None,
) -> None:
    """Put a policy in force on a running desk; on any fault the old one stays."""
    _wait(policy.apply(file, data, url, key, console))


@calendar_app.command("verify")
def calendar_verify(files: Annotated[list[Path], typer.Argument(help="Fact files (JSON).")]) -> None:
    """Run working-time facts against the business clock; exit code 1 if any fails, 2 for a file that is none."""
    raise typer.Exit(calendar.verify_files(files))


def run() -> None:
    """The entry point: what can be expected to go wrong is one line and an exit code; a defect keeps its traceback."""
    logging.getLogger().addHandler(
        logging.NullHandler()
    )  # where logs go is the command's choice; not between its lines
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        # Not as it came: what others wrote into it could command a terminal.
        text = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in str(told))
        sys.stderr.write(f"tierdesk: {text}\n")
        sys.exit(told.exit_code)
