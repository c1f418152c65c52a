"""`tierdesk doctor`: what a desk needs, looked at one by one."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from tierdesk_bus import BusError
from tierdesk_bus import connect as connect_bus
from tierdesk_cli.client import connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.services import DEFINITIONS
from tierdesk_cli.tickets import clean
from tierdesk_runtime.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tierdesk_runtime.secrets import Secrets, SecretsError
from tierdesk_runtime.settings import redact_url
from tierdesk_store import Database, DatabaseUnavailableError, outbox_state, parked_count, waiting_state

STALE_SECONDS = 60.0
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: what was looked at, whether it is well, what was seen, and what to do if it is not."""

    what: str
    well: bool
    seen: str
    cure: str = ""


async def run(data: Path, url: str | None, console: Console) -> None:
    """Print every finding. Raises `CommandError` if any is not well."""
    home = Home(data)
    findings: list[Finding] = []
    findings.append(_look_at_secrets(home))
    database_url = os.environ.get("TIERDESK_DATABASE_URL") or _embedded_url(home)
    if database_url is None:
        findings.append(Finding("database", False, "no embedded PostgreSQL runs here", "start one with `tierdesk up`"))
    else:
        findings += await _guard("database", lambda: _look_at_database(database_url))
        bus_url = os.environ.get("TIERDESK_AMQP_URL") or os.environ.get("TIERDESK_BUS_URL") or database_url
        findings += await _guard("bus", lambda: _look_at_bus(bus_url))
    findings += await _guard("desk", lambda: _look_at_desk(data, url))
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        mark = "[green]well[/green]" if finding.well else "[red]ill[/red]"
        cure = "" if finding.well else f"→ {finding.cure}"
        table.add_row(mark, *(clean(part) for part in (finding.what, finding.seen, cure)))
    console.print(table, highlight=False)
    ill = sum(not finding.well for finding in findings)
    if ill:
        raise CommandError(f"{ill} of {len(findings)} checks are not well")


async def _guard(what: str, look: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await look()
    except (BusError, CommandError, OSError, ValueError, DatabaseUnavailableError, SQLAlchemyError) as error:
        return [Finding(what, False, str(error) or type(error).__name__, "check that it runs and how it is addressed")]


def _look_at_secrets(home: Home) -> Finding:
    if not home.secrets_file.exists():
        return Finding("secrets", False, f"no {home.secrets_file}", "start a desk once with `tierdesk up`")
    try:
        keys = len(Secrets.load(home.secrets_file).keys)
    except SecretsError as error:
        return Finding("secrets", False, str(error), "mend the file, or put a backup of it in place")
    return Finding("secrets", True, f"{home.secrets_file}, {keys} keys")


def _embedded_url(home: Home) -> str | None:
    try:
        server = EmbeddedPostgres(home.postgres)
        return server.url() if server.is_running() else None
    except EmbeddedPostgresError:
        return None


async def _look_at_database(url: str) -> list[Finding]:
    findings: list[Finding] = []
    for name in DEFINITIONS:
        database = Database(url, schema=name, name="doctor", pool_size=1)
        try:
            if not findings:
                async with database.read() as connection:
                    version = (await connection.execute(text("SHOW server_version"))).scalar_one()
                findings.append(Finding("database", True, f"PostgreSQL {version} at {redact_url(url).split('@')[-1]}"))
            findings.append(await _look_at_schema(database))
        finally:
            await database.close()
    return findings


async def _look_at_schema(database: Database) -> Finding:
    what = f"schema {database.schema}"
    try:
        async with database.read() as connection:
            outbox = await outbox_state(connection, database.tables)
            waiting = await waiting_state(connection, database.tables)
            parked = await parked_count(connection, database.tables)
    except ProgrammingError:
        return Finding(what, False, "its tables are not there", "run `tierdesk migrate`")
    seen = f"outbox {outbox.pending} (oldest {outbox.oldest_seconds:.0f} s), waiting {waiting.pending}, parked {parked}"
    if outbox.oldest_seconds > STALE_SECONDS:
        return Finding(what, False, seen, "its relay publishes nothing: see the bus, and the service's log")
    if parked:
        return Finding(what, False, seen, f"the table {database.schema}.parked says why each was set aside")
    return Finding(what, True, seen)


async def _look_at_bus(url: str) -> list[Finding]:
    bus = await connect_bus(url, name="doctor", wait_seconds=PATIENCE_SECONDS)
    try:
        await bus.ping()
        kind = "PostgreSQL" if url.startswith("postgres") else "RabbitMQ"
        depths = [f"{queue} {await bus.depth(queue)}" for queue in ("router.intake", "router.outcomes", "sla.events")]
        return [Finding("bus", True, f"{kind} at {redact_url(url).split('@')[-1]}; waiting: {', '.join(depths)}")]
    finally:
        await bus.close()


async def _look_at_desk(data: Path, url: str | None) -> list[Finding]:
    desk = connect(data, url, None)
    async with desk, httpx2.AsyncClient(base_url=desk.url, timeout=5, trust_env=False) as http:
        try:
            answer = await http.get("/readyz")
        except httpx2.TransportError as error:
            return [Finding("desk", False, f"{desk.url} does not answer ({error})", "start it with `tierdesk up`")]
    well = answer.status_code == 200
    return [Finding("desk", well, f"{desk.url} {'is ready' if well else answer.text[:200]}", "see its log")]
