"""The `tierdesk` command."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli import (
    account_commands,
    calendar,
    clock_commands,
    demo,
    knowledge_commands,
    parked_commands,
    policy_commands,
    problem_commands,
    rebuild,
    scorecard,
    tickets,
    up,
    vendor,
)
from tierdesk_cli.doctor import command as doctor
from tierdesk_cli.errors import explain
from tierdesk_cli.options import Data, Json, Key, Service, Url, console, wait_for
from tierdesk_cli.replay import command as replay
from tierdesk_cli.vendors import mock, webhooks

app = typer.Typer(
    name="tierdesk",
    help="A tiered IT support desk on a message bus. Start one with `tierdesk up --demo`; then `tierdesk tickets`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
calendar_app = typer.Typer(help="Business time.", no_args_is_help=True)
app.add_typer(policy_commands.app, name="policy")
app.add_typer(problem_commands.app, name="problems")
app.add_typer(parked_commands.app, name="parked")
app.add_typer(account_commands.app, name="accounts")
app.add_typer(account_commands.audit_app, name="audit")
app.add_typer(calendar_app, name="calendar")
app.add_typer(clock_commands.app, name="sla")
app.add_typer(knowledge_commands.app, name="kb")
app.add_typer(vendor.app, name="vendor")
vendor.app.add_typer(webhooks.app, name="webhook")
scorecard.add_commands(vendor.app, console)
mock.add_command(vendor.app, console)


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
    wait_for(up.run(data, demo=demo_people, port=port, policy_file=policy_file, console=console))


@app.command("serve")
def serve_command(
    service: Annotated[str, typer.Argument(help="intake, router, sla, kb or bridge.")],
) -> None:
    """Run one service, as an operator's container does. Everything is set by TIERDESK_ variables."""
    wait_for(up.serve_one(service))


@app.command("migrate")
def migrate_command() -> None:
    """Bring the schemas, roles and queues of all services up to date; run it before the services start.

    Needs TIERDESK_DATABASE_URL, TIERDESK_AMQP_URL (or TIERDESK_BUS_URL) and TIERDESK_SECRETS_FILE.
    """
    wait_for(up.migrate_command(console))


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
        wait_for(tickets.list_tickets(data, url, key, console, status=status, tier=tier, limit=limit))
    else:
        wait_for(tickets.show_ticket(data, url, key, console, ticket))


@app.command("acknowledge")
def acknowledge_command(
    data: Data,
    ticket: Annotated[str, typer.Argument(help="A reference or identifier.")],
    note: Annotated[str, typer.Option(help="What you say to it; it stands in the ticket's log.")] = "",
    url: Url = None,
    key: Key = None,
) -> None:
    """Take notice of a ticket that escalates: nobody further is told, and the desk goes on with no step of it.

    Ends with 1 when nothing escalates it. Needs a key with the scope tickets:write.
    """
    wait_for(tickets.acknowledge_ticket(data, url, key, console, ticket, note))


@app.command("merge")
def merge_command(
    data: Data,
    ticket: Annotated[str, typer.Argument(help="The ticket that ends: a reference or identifier.")],
    into: Annotated[str, typer.Option("--into", help="The ticket in which it goes on.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in both logs.")] = "",
    url: Url = None,
    key: Key = None,
) -> None:
    """Let a ticket go on in another. Its work is withdrawn; later replies to it are told on the other.

    Needs a key with the scope tickets:write.
    """
    wait_for(tickets.merge_tickets(data, url, key, console, ticket, into=into, reason=reason))


@app.command("split")
def split_command(
    data: Data,
    ticket: Annotated[str, typer.Argument(help="The ticket that holds two matters: a reference or identifier.")],
    title: Annotated[str, typer.Option(help="What the second matter is.")],
    text: Annotated[str, typer.Option(help="More on it.")] = "",
    category: Annotated[str | None, typer.Option(help="Its category; else the policy's default.")] = None,
    location: Annotated[str | None, typer.Option(help="Where it is, if elsewhere.")] = None,
    asset: Annotated[str | None, typer.Option(help="What it is about, if about another thing.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands in both logs.")] = "",
    with_steps: Annotated[bool, typer.Option(help="Whether steps tried so far count for it too.")] = True,
    url: Url = None,
    key: Key = None,
) -> None:
    """Open a ticket of its own for a part of one. The ticket that is split keeps its owner and its clocks.

    Needs a key with the scope tickets:write.
    """
    part: dict[str, str | bool | None] = {
        "title": title, "text": text, "category": category, "location": location, "asset": asset,
        "reason": reason, "with_steps": with_steps,
    }  # fmt: skip
    wait_for(tickets.split_ticket(data, url, key, console, ticket, part))


@app.command("doctor")
def doctor_command(data: Data, *, url: Url = None, as_json: Json = False) -> None:
    """Check database, schemas, bus, queues, clocks and the desk itself, and say what to do about what is wrong.

    Changes nothing. Ends with 1 when something is ill; a warning is no illness.

    Example: TIERDESK_DATABASE_URL=postgresql://… TIERDESK_AMQP_URL=amqp://… tierdesk doctor --url https://desk.example
    """
    wait_for(doctor.run(data, url, console, as_json=as_json))


@app.command("rebuild")
def rebuild_command(
    data: Data,
    *,
    since: Annotated[
        str, typer.Option("--since", help="Reach back so far: a span such as 90m, 2h or 3d, or a time with its zone.")
    ],
    service: Service = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent again.")] = False,
) -> None:
    """After the broker has lost its data: declare all queues, and send again what was published since.

    Each message keeps its identifier and its place, so whoever has applied it takes no notice. Offers that nobody has
    accepted are made anew. Reach back to before the oldest message that was still in a queue: too far does no harm.
    Services may run meanwhile; theirs is the work of publishing.

    Examples: tierdesk rebuild --since 2h --dry-run, then tierdesk rebuild --since 2h;
    tierdesk rebuild --since 2026-03-02T09:30:00Z
    """
    wait_for(rebuild.run(data, since, service, console, dry_run=dry_run))


@app.command("demo")
def demo_command(
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="Another policy than the five-tier sample.")
    ] = None,
) -> None:
    """A finite tour on a fast clock: portal and phone events, the example consumers, the journey of each ticket."""
    wait_for(demo.run(policy_file, console))


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


@calendar_app.command("verify")
def calendar_verify(files: Annotated[list[Path], typer.Argument(help="Fact files (JSON).")]) -> None:
    """Run working-time facts against the business clock; exit code 1 if any fails, 2 for a file that is none."""
    raise typer.Exit(calendar.verify_files(files))


@calendar_app.command("import")
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
