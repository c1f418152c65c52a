"""`tierdesk tickets`, `acknowledge`, `merge` and `split`."""

from __future__ import annotations

from typing import Annotated

import typer

from tierdesk_cli import tickets
from tierdesk_cli.options import Data, Key, Url, console, wait_for

app = typer.Typer()


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
