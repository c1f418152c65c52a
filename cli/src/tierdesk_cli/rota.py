"""`tierdesk rota`: who serves which group when, out of a file that people keep elsewhere.

It works on the desk's own database as its administrator, as `tierdesk accounts` does.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from rich.console import Console

from tierdesk_cli.accounts import Scope, find_actor, open_database
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_settings
from tierdesk_desk.domain.rota import MOST_BYTES, RotaError, read_rota
from tierdesk_desk.staff import Staff
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_policy import resolve_local
from tierdesk_policy.zones import find_zone
from tierdesk_runtime.clock import load_clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.publishing import Publisher


async def import_file(
    scope: Scope, file: Path, console: Console, *, zone: str | None, first: date | None, weeks: int, replace: bool
) -> int:
    """Take the shifts of a file; answers the exit code: 1 when any was left out. Raises `CommandError`."""
    with file.open("rb") as opened:
        data = opened.read(MOST_BYTES + 1)
    clock = load_clock(find_settings(Home(scope.data)).clock_file)
    async with open_database(scope) as database:
        staff = Staff(database, PolicyShelf(), Publisher(clock, Identifiers(), source="/tierdesk/desk"))
        home = zone or await staff.zone(scope.tenant) or "UTC"
        try:
            begin = first or clock.now().astimezone(find_zone(home)).date()
            end = begin + timedelta(weeks=weeks)
            rota = read_rota(data, str(file), home, begin, end - timedelta(days=1))
        except (RotaError, ValueError) as error:
            raise CommandError(str(error), exit_code=2) from error
        span = (_midnight(begin, home), _midnight(end, home)) if replace else None
        roll, faults = await staff.take_rota(
            scope.tenant, rota.entries, by=find_actor(), source=str(file), withdraw=span
        )
    left_out = sorted([*rota.left_out, *faults], key=lambda fault: fault.line)
    for fault in left_out:
        told = str(fault)
        sys.stderr.write(f"left out: {told if told.isprintable() else ascii(told)}\n")
    console.print(
        f"{roll.added} shifts added, {roll.moved} with another end, {roll.same} as they were, {roll.withdrawn} withdrawn; "
        f"{len(left_out)} left out. From {begin} on, {weeks} weeks; times that tell no zone are of {home}.",
        highlight=False,
        soft_wrap=True,
    )
    return 1 if left_out else 0


def _midnight(day: date, zone: str) -> datetime:
    return resolve_local(datetime.combine(day, time.min), find_zone(zone)).astimezone(UTC)
