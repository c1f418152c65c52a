"""`tierdesk tickets`: a list, and the story of one ticket; `tierdesk acknowledge`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tierdesk_cli.client import connect

_QUIET = {
    "sequence", "at", "actor", "kind", "assignment_id", "token", "explanation", "steps_tried", "requester_id",
    "clock_id", "cycle", "problem_id", "older_id", "into", "ticket", "dossier", "draft",
}  # fmt: skip


async def list_tickets(
    data: Path, url: str | None, key: str | None, console: Console, *, status: str | None, tier: str | None, limit: int
) -> None:
    """Print the newest tickets and why each stands where it does."""
    async with connect(data, url, key) as desk:
        page = await desk.get("/v1/tickets", status=status, tier=tier, limit=limit)
    table = Table(title=None, box=None, pad_edge=False)
    for heading in ("reference", "status", "tier", "group", "prio", "title", "because"):
        table.add_column(heading, no_wrap=heading == "reference")
    for ticket in page["tickets"]:
        table.add_row(
            ticket["reference"],
            ticket["status"],
            ticket.get("tier") or "",
            ticket.get("group") or "",
            str(ticket.get("priority") or ""),
            clean(ticket["title"]),
            clean(ticket["rule"]),
        )
    console.print(table)
    if not page["tickets"]:
        console.print("No tickets yet: post one, as the line that `tierdesk up` prints does.")


async def show_ticket(data: Path, url: str | None, key: str | None, console: Console, name: str) -> None:
    """Print a ticket and its whole log."""
    async with connect(data, url, key) as desk:
        story = await desk.get(f"/v1/tickets/{quote(name, safe='')}")
    print_story(story, console)


async def acknowledge_ticket(
    data: Path, url: str | None, key: str | None, console: Console, name: str, note: str
) -> None:
    """Stop what escalates a ticket, and say what that was."""
    path = f"/v1/tickets/{quote(name, safe='')}/acknowledgement"
    async with connect(data, url, key) as desk:
        answer = (await desk.request("POST", path, json={"note": note})).json()
    stopped = ", ".join(answer["escalations"])
    console.print(
        f"{answer['reference']} is acknowledged by {clean(answer['by'])}; stopped: {stopped}", highlight=False
    )


async def merge_tickets(
    data: Path, url: str | None, key: str | None, console: Console, name: str, *, into: str, reason: str
) -> None:
    """Let one ticket go on in another."""
    path = f"/v1/tickets/{quote(name, safe='')}/merge"
    async with connect(data, url, key) as desk:
        ended = (await desk.request("POST", path, json={"into": into, "reason": reason})).json()
    console.print(f"{ended['reference']} goes on in {clean(into)}", highlight=False)


async def split_ticket(
    data: Path, url: str | None, key: str | None, console: Console, name: str, part: dict[str, str | bool | None]
) -> None:
    """Open a ticket of its own for a part of one."""
    told = {field: value for field, value in part.items() if value is not None}
    async with connect(data, url, key) as desk:
        opened = (await desk.request("POST", f"/v1/tickets/{quote(name, safe='')}/split", json=told)).json()
    console.print(
        f"{opened['reference']} is split off {clean(name)}; it stands at tier {opened['tier']}, group {opened['group']}",
        highlight=False,
    )


def print_story(story: dict[str, Any], console: Console) -> None:
    """A ticket, why it went where it went, and what happened, in order."""
    ticket = story["ticket"]
    console.print(f"[bold]{ticket['reference']}[/bold] {clean(ticket['title'])}")
    console.print(
        f"{ticket['status']} · tier {ticket.get('tier')} · group {ticket.get('group')} · priority {ticket.get('priority')}"
        f" · {ticket['hand_offs']} hand-offs",
        highlight=False,
    )
    for sentence in ticket["explanation"]:
        console.print(f"  {clean(sentence)}", highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for event in story["log"]:
        at = datetime.fromisoformat(event["at"]).strftime("%Y-%m-%d %H:%M:%S")
        actor = event["actor"]
        who = "requester" if actor["kind"] == "requester" else actor["id"]
        table.add_row(str(event["sequence"]), at, clean(who), event["kind"], clean(_tell(event)))
    console.print(table)


def _tell(event: dict[str, Any]) -> str:
    if event["kind"] == "triaged":
        return f"{event['category']} → {event['tier']}/{event['group']} by {event['explanation']['rule']}"
    parts = [
        f"{name} {_brief(value)}"
        for name, value in event.items()
        if name not in _QUIET and value not in ("", None, False, [])
    ]
    parts += [f"tried: {step['step']}" for step in event.get("steps_tried", [])]
    if event.get("draft"):
        parts.append(f"drafted {_brief(event['draft']['title'])}")
    return ", ".join(parts)


def _brief(value: Any) -> str:
    text = " and ".join(str(one) for one in value) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def clean(text: str) -> str:
    """Text of others, fit for a terminal: no control characters, no markup."""
    return escape("".join(letter if letter.isprintable() else " " for letter in text))
