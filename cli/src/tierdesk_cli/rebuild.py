"""`tierdesk rebuild`: everything goes out again, after the broker has lost its data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress, TaskID
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tierdesk_bus import BusError
from tierdesk_bus import connect as connect_bus
from tierdesk_cli.desk import declare_all
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_settings, open_schemas
from tierdesk_cli.tickets import clean
from tierdesk_router.app import DEFINITION as ROUTER
from tierdesk_router.handlers.policies import tell_policies, work_topology
from tierdesk_router.handlers.renewing import count_offers, renew_offers
from tierdesk_router.store.policies import PolicyShelf, list_applications
from tierdesk_runtime.clock import load_clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database, count_published, publish_again
from tierdesk_store.rebuilding import OLDEST_DAYS
from tierdesk_store.schema import OUTBOX_PARTITIONS

NAME: Final = "tierdesk rebuild"
_SPAN: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_since(given: str, now: datetime) -> datetime:
    """The instant that `given` names, as a span before `now` or as a time with its zone. Raises `CommandError`."""
    span = _SPAN.fullmatch(given)
    try:
        since = now - timedelta(**{_UNITS[span[2]]: int(span[1])}) if span else datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise CommandError(
            f"--since: {given!r} is no span such as 2h or 3d, and no time such as 2026-03-02T09:30:00Z", exit_code=2
        ) from None
    if since.tzinfo is None:
        raise CommandError(f"--since: {given!r} has no zone; write {given}Z if it is UTC", exit_code=2)
    since = since.astimezone(UTC)
    if since > now:
        raise CommandError(f"--since: {since.isoformat()} has not come yet", exit_code=2)
    if now - since > timedelta(days=OLDEST_DAYS):
        raise CommandError(
            f"--since: at most {OLDEST_DAYS} days back; after 30 a service no longer knows what it has applied",
            exit_code=2,
        )
    return since


async def run(folder: Path, since: str, service: str | None, console: Console, *, dry_run: bool) -> None:
    """Declare the queues, publish again, make offers anew; or with `dry_run` only count."""
    settings = find_settings(Home(folder))
    clock = load_clock(settings.clock_file)
    try:
        async with open_schemas(settings.database_url, service, name=NAME) as databases:
            start = read_since(since, await _database_now(databases[0]))
            router = next((one for one in databases if one.schema == ROUTER.schema.name), None)
            if dry_run:
                await _count(databases, router, start, console)
                return
            await _declare(settings, console)
            await _publish_again(databases, start, console)
            if router is not None:
                policies = await tell_policies(router, clock, Identifiers())
                console.print(f"router: {policies} policies are told anew", highlight=False)
                renewed = await renew_offers(router, clock, Identifiers())
                console.print(f"router: {renewed} offers that nobody has accepted are made anew", highlight=False)
    except ProgrammingError as error:
        raise CommandError("the tables are not there, or not for this user; run `tierdesk migrate`") from error
    console.print("The services publish them as they run; `tierdesk doctor` shows what is left.", highlight=False)


async def _database_now(database: Database) -> datetime:
    async with database.read() as connection:
        now: datetime = (await connection.execute(text("SELECT now()"))).scalar_one()
    return now.astimezone(UTC)


async def _count(databases: Sequence[Database], router: Database | None, since: datetime, console: Console) -> None:
    for database in databases:
        count = await count_published(database, since)
        console.print(f"{database.schema}: {count} messages would be published again", highlight=False)
    if router is not None:
        async with router.read() as connection:
            policies = len(await list_applications(connection))
        console.print(f"router: {policies} policies would be told anew", highlight=False)
        offers = await count_offers(router)
        console.print(f"router: {offers} offers that nobody has accepted would be made anew", highlight=False)


async def _declare(settings: Settings, console: Console) -> None:
    """Every queue, those of the policies too: what finds none of its queues would not be lost, but held back."""
    await declare_all(settings)
    async with open_schemas(settings.database_url, ROUTER.name, name=NAME) as (router,), router.read() as connection:
        policies = await PolicyShelf().kept(connection)
    bus = await connect_bus(
        settings.bus,
        name=NAME,
        management_url=settings.amqp_management_url,
        namespace_prefix=settings.namespace_prefix,
        wait_seconds=30.0,
    )
    try:
        for tenant, policy in policies:
            try:
                await bus.declare(work_topology(tenant, policy))
            except BusError as error:
                told = f"{tenant}: not all queues of its policy could be declared, their work is held back: {error}"
                console.print(clean(told), highlight=False)
    finally:
        await bus.close()
    console.print("Queues are declared.")


async def _publish_again(databases: Sequence[Database], since: datetime, console: Console) -> None:
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for database in databases:
            task = progress.add_task(database.schema, total=OUTBOX_PARTITIONS)
            count = await publish_again(database, since, told=partial(_advance, progress, task))
            console.print(f"{database.schema}: {count} messages to be published again", highlight=False)


def _advance(progress: Progress, task: TaskID, _count: int) -> None:
    progress.advance(task)
