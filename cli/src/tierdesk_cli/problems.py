"""`tierdesk problems`: a list, the story of one, and the two things that its tickets hear of: announced, resolved."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from tierdesk_cli.client import connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.tickets import clean

_FIELDS: Final = (
    "reproduction", "environment", "root_cause", "workaround", "known_error", "recommendation", "hotfix",
)  # fmt: skip


async def list_problems(
    data: Path, url: str | None, key: str | None, console: Console, *, status: str | None, limit: int, as_json: bool
) -> None:
    """Print the newest problems."""
    async with connect(data, url, key) as desk:
        page = await desk.get("/v1/problems", status=status, limit=limit)
    if as_json:
        _print_json(console, page["problems"])
        return
    if not page["problems"]:
        console.print("No problems: the policy's part `likeness` says what makes one.", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("reference", "kind", "status", "major", "opened", "title"):
        table.add_column(heading, no_wrap=heading == "reference")
    for problem in page["problems"]:
        major = "yes" if problem["major"] else ""
        opened = _moment(problem["opened_at"])
        table.add_row(problem["reference"], problem["kind"], problem["status"], major, opened, clean(problem["title"]))
    console.print(table, highlight=False)


async def show_problem(
    data: Path, url: str | None, key: str | None, console: Console, name: str, *, as_json: bool
) -> None:
    """Print a problem, its tickets and its log."""
    async with connect(data, url, key) as desk:
        story = await desk.get(_path(name))
    if as_json:
        _print_json(console, story)
    else:
        _print_story(story, console)


async def resolve_problem(
    data: Path, url: str | None, key: str | None, console: Console, name: str, *, how: str | None, as_json: bool
) -> None:
    """Say how a problem was solved: the owners of its open tickets are told."""
    if not (how or "").strip():
        raise CommandError("say with --how what solved it: the owners of its tickets read that", exit_code=2)
    async with connect(data, url, key) as desk:
        await desk.request("POST", f"{_path(name)}/resolution", json={"how": how})
        story = await desk.get(_path(name))
    if as_json:
        _print_json(console, story)
        return
    reference, waiting = story["problem"]["reference"], _open_tickets(story)
    console.print(f"{reference} is resolved; offered to {waiting}, which their owners resolve.", highlight=False)


async def announce_problem(
    data: Path, url: str | None, key: str | None, console: Console, name: str, *, text: str | None, audience: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Announce a major incident, once."""
    if not (text or "").strip():
        raise CommandError("say with --text what is told to the requesters", exit_code=2)
    async with connect(data, url, key) as desk:
        body = {"text": text, "audience": audience}
        await desk.request("POST", f"{_path(name)}/announcement", json=body)
        story = await desk.get(_path(name))
    if as_json:
        _print_json(console, story)
        return
    console.print(
        f"{story['problem']['reference']} is announced on {_open_tickets(story)}; those linked later have it too.",
        highlight=False,
    )


def _path(name: str) -> str:
    return f"/v1/problems/{quote(name, safe='')}"


def _open_tickets(story: dict[str, Any]) -> str:
    over = {"resolved", "closed", "cancelled", "merged"}
    number = sum(1 for ticket in story["tickets"] if ticket["status"] not in over)
    return "1 open ticket" if number == 1 else f"{number} open tickets"


def _print_story(story: dict[str, Any], console: Console) -> None:
    problem = story["problem"]
    console.print(f"[bold]{problem['reference']}[/bold] {clean(problem['title'])}", highlight=False)
    major = " · major" if problem["major"] else ""
    console.print(
        f"{problem['kind']} · {problem['status']}{major} · version {problem['version']} · opened {_moment(problem['opened_at'])}",
        highlight=False,
    )
    told = Table(box=None, pad_edge=False, show_header=False)
    for field, value in _told(problem):
        told.add_row(field, clean(value))
    if told.row_count:
        console.print(told, highlight=False)
    console.print(f"\n[bold]tickets[/bold] ({len(story['tickets'])})", highlight=False)
    tickets = Table(box=None, pad_edge=False, show_header=False)
    for ticket in story["tickets"]:
        place = f"{ticket['tier']}/{ticket['group']}"
        tickets.add_row(ticket["reference"], ticket["status"], place, clean(ticket["title"]))
    console.print(tickets, highlight=False)
    console.print("\n[bold]log[/bold]", highlight=False)
    log = Table(box=None, pad_edge=False, show_header=False)
    for note in story["log"]:
        log.add_row(str(note["sequence"]), _moment(note["at"]), clean(note["by"]), note["kind"], clean(_tell(note)))
    console.print(log, highlight=False)


def _told(problem: dict[str, Any]) -> list[tuple[str, str]]:
    told = [(field.replace("_", " "), problem[field]) for field in _FIELDS if problem.get(field)]
    if fix := problem.get("fix"):
        told.append(("fix", f"{fix['choice']}: {fix['reason']}"))
    if announcement := problem.get("announcement"):
        withdrawn = announcement.get("withdrawn_at")
        state = f", withdrawn {_moment(withdrawn)}" if withdrawn else ""
        who = f"{announcement['by']} to {announcement['audience']} at {_moment(announcement['at'])}{state}"
        told.append(("announced", f"by {who}: {announcement['text']}"))
    if resolution := problem.get("resolution"):
        told.append(("resolved", f"by {resolution['by']} at {_moment(resolution['at'])}: {resolution['how']}"))
    return told


def _tell(note: dict[str, Any]) -> str:
    """Why, and what changed or which tickets are concerned; the first few."""
    detail = note["detail"]
    tickets = detail.get("tickets", [])
    more = f" and {len(tickets) - 5} more" if len(tickets) > 5 else ""
    parts = [note["why"], ", ".join(tickets[:5]) + more]
    if note["kind"] == "changed":
        parts.append(", ".join(f"{field} {_brief(value)}" for field, value in detail.items()))
    return " · ".join(part for part in parts if part)


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _print_json(console: Console, document: Any) -> None:
    # Escaped to ASCII, so that nothing in it commands a terminal; not through rich, which would wrap it.
    console.file.write(json.dumps(document, indent=2) + "\n")


def _moment(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M:%S")
