"""`tierdesk sla`: deadlines explained, built anew, and moved to another version of the policy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import ProgrammingError

from tierdesk_cli.client import connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_settings, open_schemas
from tierdesk_cli.tickets import clean
from tierdesk_runtime.clock import Clock, load_clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_sla.app import DEFINITION as SLA
from tierdesk_sla.domain.wording import tell_instant, tell_span
from tierdesk_sla.handlers.moving import ClockChange, Moves, move_clocks
from tierdesk_sla.handlers.pages import Findings, Told
from tierdesk_sla.handlers.rebuilding import Comparison, rebuild, swap
from tierdesk_sla.store.policies import PolicyShelf, find_versions
from tierdesk_sla.store.timelines import TicketKey
from tierdesk_store import Database

NAME: Final = "tierdesk sla"


async def read_explanation(
    data: Path, url: str | None, key: str | None, ticket: str, *, with_picture: bool
) -> tuple[str, bytes]:
    """Why the deadlines of a ticket are what they are, in words, and as SVG if asked for."""
    path = f"/v1/clocks/{quote(ticket, safe='')}"
    async with connect(data, url, key) as desk:
        told = await desk.get(f"{path}/explanation")
        picture = await desk.request("GET", f"{path}/timeline.svg") if with_picture else None
    return str(told["text"]), b"" if picture is None else picture.content


def print_explanation(text: str, console: Console) -> None:
    """Line by line, as nothing that could command a terminal."""
    for line in text.splitlines():
        console.print(clean(line), highlight=False, soft_wrap=True)


async def rebuild_clocks(data: Path, console: Console, *, put_in_place: bool) -> bool:
    """Build all clocks anew beside the live ones, and compare; answers whether nothing differs or is broken.

    With `put_in_place` what differs is exchanged, and is not counted as wrong any more.
    """
    async with _open(data) as (database, clock):
        shelf = PolicyShelf()
        with _told(console) as told:
            if put_in_place:
                found = await swap(database, shelf, clock, Identifiers(), told)
            else:
                found = await rebuild(database, shelf, told)
        _tell_comparison(found, console)
        if put_in_place and found.tickets:
            console.print(f"{found.tickets} tickets swapped; what stood there is in sla.clock_rebuilt", highlight=False)
    return not found.broken.count and (put_in_place or not found.differing)


async def migrate_clocks(data: Path, version: str, tenant: str, console: Console, *, dry_run: bool) -> bool:
    """Move the clocks of open tickets to a version of the policy, or say what that would change.

    Answers whether all of them can be. Raises `CommandError` for a version that is unknown, or the beginning of several.
    """
    async with _open(data) as (database, clock):
        shelf = PolicyShelf()
        async with database.read() as connection:
            versions = await find_versions(connection, tenant, version)
            if len(versions) != 1:
                raise CommandError(_tell_ambiguity(version, tenant, versions), exit_code=2)
            await shelf.fetch(connection, [(tenant, versions[0])])
        policy = shelf.get((tenant, versions[0]))
        if policy is None:
            raise CommandError(f"policy {versions[0]} is none to this release", exit_code=2)
        with _told(console) as told:
            found = await move_clocks(database, tenant, policy, versions[0], clock.now(), dry_run=dry_run, told=told)
        _tell_moves(found, console, dry_run=dry_run)
    return not found.broken.count


@asynccontextmanager
async def _open(data: Path) -> AsyncIterator[tuple[Database, Clock]]:
    settings = find_settings(Home(data))
    try:
        async with open_schemas(settings.database_url, SLA.name, name=NAME) as (database,):
            yield database, load_clock(settings.clock_file)
    except ProgrammingError as error:
        raise CommandError("the tables are not there, or not for this user; run `tierdesk migrate`") from error


@contextmanager
def _told(console: Console) -> Iterator[Told]:
    columns = (TextColumn("tickets"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("tickets", total=None)
        yield lambda seen, total: progress.update(task, completed=seen, total=total)


def _tell_comparison(found: Comparison, console: Console) -> None:
    _tell(found.differences, found.differences.first, "differences more", console)
    _tell_broken(found.broken, console)
    console.print(f"{found.clocks} clocks, {found.differing} differing", highlight=False)


def _tell_moves(found: Moves, console: Console, *, dry_run: bool) -> None:
    _tell(found.changes, [_tell_change(change) for change in found.changes.first], "clocks more", console)
    _tell_broken(found.broken, console)
    would = "would move" if dry_run else "moved"
    console.print(
        f"{found.tickets} open tickets {would}; {found.changes.count} clocks change, {found.late} are overdue by it",
        highlight=False,
    )


def _tell(found: Findings[Any], lines: Iterable[str], more: str, console: Console) -> None:
    for line in lines:
        console.print(clean(line), highlight=False, soft_wrap=True)
    if found.count > len(found.first):
        console.print(f"and {found.count - len(found.first)} {more}", highlight=False)


def _tell_change(change: ClockChange) -> str:
    def due(at: datetime | None) -> str:
        return "no due instant" if at is None else f"due {tell_instant(at, None)} UTC"

    terms = [
        "nothing promised"
        if clock.promise is None
        else f"{tell_span(clock.promise.within_seconds)} of {clock.promise.calendar}, {due(clock.due_at)}"
        for clock in (change.before, change.after)
    ]
    late = "; overdue by it" if change.late else ""
    return f"{change.reference} {change.title}: {terms[0]} → {terms[1]}{late}"


def _tell_broken(broken: Findings[tuple[TicketKey, str]], console: Console) -> None:
    lines = [f"{'/'.join(map(str, key))} stays as it is: {reason}" for key, reason in broken.first]
    _tell(broken, lines, "tickets more stay as they are", console)


def _tell_ambiguity(given: str, tenant: str, versions: list[str]) -> str:
    if not versions:
        return f"--to: no policy of {tenant} has a version that begins with {given}; apply it first"
    return f"--to: {len(versions)} versions begin with {given}; give more of it: {', '.join(versions[:3])}"
