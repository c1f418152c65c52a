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

from tierdesk_cli import calendar, demo, explanation, parked, policy, rebuild, scorecard, tickets, up, vendor
from tierdesk_cli.doctor import command as doctor
from tierdesk_cli.errors import explain
from tierdesk_cli.home import default_folder
from tierdesk_cli.replay import command as replay
from tierdesk_store import ParkedFilter

ResultT = TypeVar("ResultT")

app = typer.Typer(
    name="tierdesk",
    help="A tiered IT support desk on a message bus. Start one with `tierdesk up --demo`; then `tierdesk tickets`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
policy_app = typer.Typer(help="Read, check and apply policies: the description of a desk.", no_args_is_help=True)
calendar_app = typer.Typer(help="Business time.", no_args_is_help=True)
parked_app = typer.Typer(
    help="Messages that could not be applied and were set aside, each with its reason.\n\n"
    "Of an ordered stream, such a message holds up the rest of its own ticket until it is replayed or discarded. "
    "Mend the cause first: `tierdesk parked show ID` names it.",
    no_args_is_help=True,
)
app.add_typer(policy_app, name="policy")
app.add_typer(parked_app, name="parked")
app.add_typer(calendar_app, name="calendar")
app.add_typer(vendor.app, name="vendor")

# A pipe has no width of its own; tables are for reading.
console = Console(width=None if sys.stdout.isatty() else 160)
scorecard.add_commands(vendor.app, console)
Data = Annotated[Path, typer.Option("--data", help="Folder of the desk's data.", default_factory=default_folder)]
Url = Annotated[str | None, typer.Option("--url", help="Address of the desk; default: the one that runs on --data.")]
Service = Annotated[str | None, typer.Option("--service", help="intake, router, sla or kb; default: all of them.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON, with every field.")]
ParkedId = Annotated[str | None, typer.Argument(metavar="ID", help="The identifier that `tierdesk parked list` shows.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Only messages of this tenant.")]
Type = Annotated[str | None, typer.Option("--type", help="Only messages of this type, such as intake.call.v1.")]
Subject = Annotated[
    str | None, typer.Option("--subject", help="Only messages about this, mostly a ticket's identifier.")
]
All = Annotated[bool, typer.Option("--all", help="Every parked message that --service leaves.")]
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
    _wait(tickets.acknowledge_ticket(data, url, key, console, ticket, note))


@app.command("doctor")
def doctor_command(data: Data, *, url: Url = None, as_json: Json = False) -> None:
    """Check database, schemas, bus, queues, clocks and the desk itself, and say what to do about what is wrong.

    Changes nothing. Ends with 1 when something is ill; a warning is no illness.

    Example: TIERDESK_DATABASE_URL=postgresql://… TIERDESK_AMQP_URL=amqp://… tierdesk doctor --url https://desk.example
    """
    _wait(doctor.run(data, url, console, as_json=as_json))


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
    _wait(rebuild.run(data, since, service, console, dry_run=dry_run))


@parked_app.command("list")
def parked_list(
    data: Data,
    *,
    service: Service = None,
    tenant: Tenant = None,
    type_: Type = None,
    subject: Subject = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that were replayed or discarded.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: Json = False,
) -> None:
    """List parked messages, the newest first.

    Example: tierdesk parked list --service router --tenant main
    """
    scope = parked.Scope(data, service, ParkedFilter(tenant, type_, subject))
    _wait(parked.list_messages(scope, console, resolved=resolved, limit=limit, as_json=as_json))


@parked_app.command("show")
def parked_show(
    data: Data,
    parked_id: Annotated[str, typer.Argument(metavar="ID", help="The identifier that `tierdesk parked list` shows.")],
    *,
    service: Service = None,
    as_json: Json = False,
) -> None:
    """Show one parked message: its reason, how often it was tried, its body.

    Example: tierdesk parked show 01a2018e-3ccc-724d-8a5d-f8399a5f665b
    """
    scope = parked.Scope(data, service, ParkedFilter())
    _wait(parked.show_message(scope, parked_id, console, as_json=as_json))


@parked_app.command("replay")
def parked_replay(
    data: Data,
    parked_id: ParkedId = None,
    *,
    service: Service = None,
    tenant: Tenant = None,
    type_: Type = None,
    subject: Subject = None,
    everything: All = False,
) -> None:
    """Have a parked message, or all that a filter names, tried again by their own service.

    What was applied once is not applied twice, however often it is replayed. What fails again is parked anew.

    Examples: tierdesk parked replay 01a2018e-3ccc-724d-8a5d-f8399a5f665b;
    tierdesk parked replay --service router --tenant main
    """
    scope = parked.Scope(data, service, ParkedFilter(tenant, type_, subject))
    _wait(parked.replay_messages(scope, parked_id, console, everything=everything))


@parked_app.command("discard")
def parked_discard(
    data: Data,
    parked_id: ParkedId = None,
    *,
    service: Service = None,
    tenant: Tenant = None,
    type_: Type = None,
    subject: Subject = None,
    everything: All = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is given up; kept with it.")] = None,
    sure: Annotated[bool, typer.Option("--yes", help="Yes, give it up for good.")] = False,
) -> None:
    """Give up a parked message, or all that a filter names: it is never applied, and what waited behind it goes on.

    Of an ordered stream, its service's view of that ticket then lacks what the message said.

    Example: tierdesk parked discard 01a2018e-3ccc-724d-8a5d-f8399a5f665b --reason "sent by a test" --yes
    """
    scope = parked.Scope(data, service, ParkedFilter(tenant, type_, subject))
    work = parked.discard_messages(scope, parked_id, console, everything=everything, reason=reason, sure=sure)
    _wait(work)


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
def policy_check(
    file: Annotated[Path, typer.Argument(help="The policy, YAML or JSON.")],
    data: Data,
    *,
    running: Annotated[
        bool, typer.Option("--running", help="Look at the open tickets of a running desk, too.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say what is wrong with a policy: file, line and field of each fault. Exit code 2 if there is any.

    What is lawful and yet deserves a second look, as two rules that overlap, is remarked.
    """
    if running:
        _wait(policy.check_running(file, data, url, key, console))
    else:
        policy.check(file, console)


@policy_app.command("diff")
def policy_diff(
    before: Annotated[Path, typer.Argument(help="A policy.")], after: Annotated[Path, typer.Argument(help="Another.")]
) -> None:
    """Say what differs between two policies, by the names of their parts. Exit code 1 if anything does, as of diff."""
    raise typer.Exit(int(policy.diff(before, after, console)))


@policy_app.command("explain")
def policy_explain(
    subject: Annotated[str, typer.Argument(help="A ticket's reference, or a file with an event, as posted (.json).")],
    data: Data,
    policy_file: Annotated[Path | None, typer.Option("--policy", help="Decide by this policy.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say where a ticket goes, which rule decided, and why each other rule did not.

    A ticket is explained by the policy it was opened under, an event by the policy in force of a running desk; with
    --policy, either by that file. An event with --policy needs no desk.

    Example: tierdesk policy explain event.json --policy deploy/policy/five-tier.yaml
    """
    _wait(explanation.explain(subject, policy_file, data, url, key, console))


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
