"""The command: every look in order, printed as a table or as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from tierdesk_bus import BusError
from tierdesk_cli.client import connect
from tierdesk_cli.doctor.bus import look_at_bus
from tierdesk_cli.doctor.database import look_at_clocks, look_at_database
from tierdesk_cli.doctor.finding import Finding, Health, ill, well
from tierdesk_cli.doctor.mail import look_at_mail
from tierdesk_cli.doctor.webhooks import look_at_webhooks
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_settings
from tierdesk_cli.tickets import clean
from tierdesk_runtime.secrets import Secrets, SecretsError
from tierdesk_store import DatabaseUnavailableError

_COLOURS = {Health.WELL: "green", Health.WARNING: "yellow", Health.ILL: "red"}


async def run(data: Path, url: str | None, console: Console, *, as_json: bool) -> None:
    """Print every finding. Raises `CommandError` if any is ill."""
    home = Home(data)
    findings = [await asyncio.to_thread(_look_at_secrets, home)]
    try:
        settings = find_settings(home)
    except CommandError as error:
        findings.append(ill("database", str(error), "start a desk with `tierdesk up`, or set TIERDESK_DATABASE_URL"))
    else:
        findings += await _guard("database", lambda: look_at_database(settings))
        findings += await _guard("clocks", lambda: look_at_clocks(settings))
        findings += await _guard("bus", lambda: look_at_bus(settings))
        findings += await _guard("webhooks", lambda: look_at_webhooks(settings))
        findings += await _guard("mail", lambda: look_at_mail(settings))
    findings += await _guard("desk", lambda: _look_at_desk(data, url))
    if as_json:
        # Not through the console, which would wrap it; escaped to ASCII, so that nothing in it commands a terminal.
        console.file.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        _print(findings, console)
    count = sum(finding.health is Health.ILL for finding in findings)
    if count:
        raise CommandError(f"{count} of {len(findings)} checks are not well")


def _print(findings: list[Finding], console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        colour = _COLOURS[finding.health]
        cure = f"→ {finding.cure}" if finding.cure else ""
        mark = f"[{colour}]{finding.health.value}[/{colour}]"
        table.add_row(mark, *(clean(part) for part in (finding.what, finding.seen, cure)))
    console.print(table, highlight=False)


async def _guard(what: str, look: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await look()
    except (BusError, CommandError, OSError, ValueError, DatabaseUnavailableError, SQLAlchemyError) as error:
        seen = str(error).partition("\n")[0] or type(error).__name__
        return [ill(what, seen, "check that it runs and how it is addressed")]


def _look_at_secrets(home: Home) -> Finding:
    if not home.secrets_file.exists():
        return ill("secrets", f"no {home.secrets_file}", "start a desk once with `tierdesk up`")
    try:
        keys = len(Secrets.load(home.secrets_file).keys)
    except SecretsError as error:
        return ill("secrets", str(error), "mend the file, or put a backup of it in place")
    return well("secrets", f"{home.secrets_file}, {keys} keys")


async def _look_at_desk(data: Path, url: str | None) -> list[Finding]:
    desk = connect(data, url, None)
    async with desk, httpx2.AsyncClient(base_url=desk.url, timeout=5, trust_env=False) as http:
        try:
            answer = await http.get("/readyz")
        except httpx2.TransportError as error:
            return [ill("desk", f"{desk.url} does not answer ({error})", "start it with `tierdesk up`")]
    if answer.status_code == 200:
        return [well("desk", f"{desk.url} is ready")]
    return [ill("desk", f"{desk.url} {answer.text[:200]}", "see its log")]
