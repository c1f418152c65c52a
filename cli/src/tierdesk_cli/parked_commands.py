"""`tierdesk parked`: messages that could not be applied."""

from __future__ import annotations

from typing import Annotated

import typer

from tierdesk_cli import parked
from tierdesk_cli.options import Data, Json, Service, console, wait_for
from tierdesk_store import ParkedFilter

app = typer.Typer(
    help="Messages that could not be applied and were set aside, each with its reason.\n\n"
    "Of an ordered stream, such a message holds up the rest of its own ticket until it is replayed or discarded. "
    "Mend the cause first: `tierdesk parked show ID` names it.",
    no_args_is_help=True,
)

ParkedId = Annotated[str | None, typer.Argument(metavar="ID", help="The identifier that `tierdesk parked list` shows.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Only messages of this tenant.")]
Type = Annotated[str | None, typer.Option("--type", help="Only messages of this type, such as intake.call.v1.")]
Subject = Annotated[
    str | None, typer.Option("--subject", help="Only messages about this, mostly a ticket's identifier.")
]
All = Annotated[bool, typer.Option("--all", help="Every parked message that --service leaves.")]


@app.command("list")
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
    wait_for(parked.list_messages(scope, console, resolved=resolved, limit=limit, as_json=as_json))


@app.command("show")
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
    wait_for(parked.show_message(scope, parked_id, console, as_json=as_json))


@app.command("replay")
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
    wait_for(parked.replay_messages(scope, parked_id, console, everything=everything))


@app.command("discard")
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
    wait_for(work)
