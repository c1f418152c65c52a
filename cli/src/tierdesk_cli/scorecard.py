"""`tierdesk vendor scorecard` and `tierdesk vendor refusals`: how a vendor did, and which of its answers were refused."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from tierdesk_cli.client import connect
from tierdesk_cli.options import Data, Json, Key, Url
from tierdesk_cli.tickets import clean

_FIGURES = {
    "offered": "offered",
    "accepted": "accepted",
    "not_accepted_in_time": "not accepted in time",
    "handed_back": "handed back",
    "taken_back": "taken back by the desk",
    "resolved": "resolved",
    "reopened": "reopened after its resolution",
}
_SPANS = {"time_to_accept": "to accept", "time_to_resolve": "to resolve"}

Vendor = Annotated[str, typer.Argument(metavar="ID", help="The vendor, as the policy names it.")]
Since = Annotated[str | None, typer.Option("--from", help="Offered from then on, as 2026-03-02T00:00:00Z.")]
Until = Annotated[str | None, typer.Option("--to", help="Offered before then; default: now.")]
Limit = Annotated[int, typer.Option(min=1, max=500)]


def add_commands(app: typer.Typer, console: Console) -> None:
    """Add `scorecard` and `refusals` to the commands of `tierdesk vendor`."""

    @app.command("scorecard")
    def scorecard_command(
        vendor: Vendor, data: Data, *, since: Since = None, until: Until = None, url: Url = None, key: Key = None,
        as_json: Json = False,
    ) -> None:  # fmt: skip
        """Say how a vendor did with what it was offered, in the last 30 days if no window is given, and what it has now.

        Example: tierdesk vendor scorecard printer-vendor --from 2026-03-01T00:00:00Z
        """
        card = asyncio.run(_read(data, url, key, f"{_path(vendor)}/scorecard", {"from": since, "to": until}))
        _print_json(card, console) if as_json else print_scorecard(card, console)

    @app.command("refusals")
    def refusals_command(
        vendor: Vendor, data: Data, *, limit: Limit = 20, url: Url = None, key: Key = None, as_json: Json = False
    ) -> None:
        """List a vendor's answers that changed nothing, and why, the newest first.

        Example: tierdesk vendor refusals printer-vendor --limit 100
        """
        page = asyncio.run(_read(data, url, key, f"{_path(vendor)}/refusals", {"limit": limit}))
        _print_json(page["refusals"], console) if as_json else print_refusals(page["refusals"], console)


def print_scorecard(card: dict[str, Any], console: Console) -> None:
    """The figures, and what the vendor has now."""
    vendor, figures = card["vendor"], card["figures"]
    title = f"{vendor['id']} {vendor['name'] or '(not in the policy in force)'}"
    console.print(
        f"[bold]{clean(title)}[/bold]  offered {_date(card['since'])} to {_date(card['until'])}", highlight=False
    )
    if vendor.get("contract"):
        console.print(tell_contract(vendor["contract"]), highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, words in _FIGURES.items():
        table.add_row(words, str(figures[name]))
    for reason, number in card["refused"].items():
        table.add_row(f"answers refused as {clean(reason)}", str(number))
    console.print(table)
    spans = Table(box=None, pad_edge=False)
    for heading in ("time from the offer", "count", "median", "nine of ten", "worst"):
        spans.add_column(heading, justify="left" if heading.startswith("time") else "right")
    for name, words in _SPANS.items():
        span = figures[name]
        told = (tell_seconds(span[part]) for part in ("median_seconds", "p90_seconds", "worst_seconds"))
        spans.add_row(words, str(span["count"]), *told)
    console.print(spans)
    _print_open(card["open"], console)


def tell_contract(contract: dict[str, Any]) -> str:
    """The record of a contract, in a line."""
    parts = ["contract", contract.get("reference"), contract.get("starts") and f"from {contract['starts']}"]
    parts.append(contract.get("ends") and f"until {contract['ends']}")
    return " ".join(clean(part) for part in parts if part)


def _print_open(held: list[dict[str, Any]], console: Console) -> None:
    if not held:
        console.print("It has nothing now.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("it has now", "since", "age", "who"):
        table.add_column(heading)
    for one in held:
        who = clean(one["worker"]) if one["worker"] else "not accepted"
        table.add_row(one["reference"], _date(one["offered_at"]), tell_seconds(one["age_seconds"]), who)
    console.print(table)


def print_refusals(refusals: list[dict[str, Any]], console: Console) -> None:
    """One line each."""
    if not refusals:
        console.print("Nothing of it was refused.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("at", "reason", "worker", "ordinal", "assignment", "detail"):
        table.add_column(heading)
    for one in refusals:
        table.add_row(
            _date(one["at"]), one["reason"], clean(one["worker"]), str(one["ordinal"]), one["assignment_id"],
            clean(one["detail"]),
        )  # fmt: skip
    console.print(table)


def tell_seconds(seconds: float | None) -> str:
    """A span as people say it, in its two largest units; a dash for none."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds % 60)} s"


async def _read(data: Path, url: str | None, key: str | None, path: str, parameters: dict[str, Any]) -> Any:
    async with connect(data, url, key) as desk:
        return await desk.get(path, **parameters)


def _path(vendor: str) -> str:
    return f"/v1/vendors/{quote(vendor, safe='')}"


def _date(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")


def _print_json(document: Any, console: Console) -> None:
    console.print(json.dumps(document, indent=2, ensure_ascii=False), highlight=False, markup=False, soft_wrap=True)
