"""`tierdesk parked`: messages that were set aside, shown, tried again or given up."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import ProgrammingError

from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_database, open_schemas
from tierdesk_cli.tickets import clean
from tierdesk_store import (
    Database,
    ParkedFilter,
    ParkedMessage,
    Transaction,
    discard_parked,
    find_parked,
    list_parked,
    replay_parked,
    show_parked,
)

_LONGEST_CELL = 120
Resolve = Callable[[Transaction, UUID], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command is about: the desk on `data`, one service or all, and which of their parked messages."""

    data: Path
    service: str | None
    which: ParkedFilter


async def list_messages(scope: Scope, console: Console, *, resolved: bool, limit: int, as_json: bool) -> None:
    """Print the newest parked messages."""
    found: list[tuple[str, ParkedMessage]] = []
    async with _schemas(scope) as databases:
        for database in databases:
            async with database.read() as connection:
                messages = await list_parked(
                    connection, database.tables, which=scope.which, limit=limit, resolved=resolved
                )
            found += [(database.schema, message) for message in messages]
    found = sorted(found, key=lambda one: one[1].parked_at, reverse=True)[:limit]
    if as_json:
        _print_json(console, [_document(service, message) for service, message in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "service", "parked", "tenant", "type", "subject", "reason"):
        table.add_column(heading, no_wrap=heading == "id")
    for service, message in found:
        reason = message.reason if message.resolution is None else f"{message.resolution}; was: {message.reason}"
        table.add_row(
            str(message.id),
            service,
            _moment(message.parked_at),
            clean(message.tenant),
            clean(message.type),
            clean(message.subject),
            clean(_shorten(reason)),
        )
    if found:
        console.print(table, highlight=False)
    else:
        console.print("Nothing is parked." if not resolved else "Nothing parked was resolved yet.")


async def show_message(scope: Scope, text: str, console: Console, *, as_json: bool) -> None:
    """Print one parked message whole."""
    parked_id = _read_id(text)
    async with _schemas(scope) as databases:
        database, message = await _find(databases, parked_id)
    document = _document(database.schema, message)
    if as_json:
        _print_json(console, document | {"body": _readable_body(message)})
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for label, value in _told(database.schema, message):
        table.add_row(label, clean(value))
    console.print(table, highlight=False)
    if message.detail:
        console.print("\n[bold]detail[/bold]")
        _print_lines(console, message.detail)
    console.print("\n[bold]body[/bold]")
    body = _readable_body(message)
    _print_lines(console, body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False))


async def replay_messages(scope: Scope, text: str | None, console: Console, *, everything: bool) -> None:
    """Let parked messages be tried again by their own consumer, within a second of its running."""
    count = await _resolve(scope, text, everything=everything, resolve=replay_parked)
    console.print(f"{_messages(count)} to be tried again; what fails again is parked anew.", highlight=False)


async def discard_messages(
    scope: Scope, text: str | None, console: Console, *, everything: bool, reason: str | None, sure: bool
) -> None:
    """Give parked messages up for good."""
    if not (reason or "").strip():
        raise CommandError("say why with --reason: it is kept with the message", exit_code=2)
    given = reason or ""
    if not sure:
        count = await _resolve(scope, text, everything=everything, resolve=None)
        raise CommandError(
            f"{_messages(count)} would never be applied, and nothing brings them back; say --yes to discard",
            exit_code=2,
        )

    async def discard(tx: Transaction, parked_id: UUID) -> bool:
        return await discard_parked(tx, parked_id, reason=given)

    count = await _resolve(scope, text, everything=everything, resolve=discard)
    console.print(f"{_messages(count)} discarded; what waited behind goes on without.", highlight=False)


async def _resolve(scope: Scope, text: str | None, *, everything: bool, resolve: Resolve | None) -> int:
    """Resolve what is named, each in a transaction of its own; answers how many. Without `resolve`, only counts."""
    if text is not None:
        return await _resolve_one(scope, _read_id(text), resolve)
    if scope.which == ParkedFilter() and not everything:
        raise CommandError(
            "name a message by its identifier, or several by --tenant, --type, --subject, or --all", exit_code=2
        )
    count = 0
    async with _schemas(scope) as databases:
        for database in databases:
            async with database.read() as connection:
                found = await find_parked(connection, database.tables, scope.which)
            for parked_id in found:
                count += resolve is None or await _in_transaction(database, parked_id, resolve)
    return count


async def _resolve_one(scope: Scope, parked_id: UUID, resolve: Resolve | None) -> int:
    async with _schemas(scope) as databases:
        database, message = await _find(databases, parked_id)
        done = message.resolution is None and (resolve is None or await _in_transaction(database, parked_id, resolve))
        if not done:
            _, message = await _find([database], parked_id)
            at = "" if message.resolved_at is None else f" at {_moment(message.resolved_at)} UTC"
            raise CommandError(f"{parked_id} was {message.resolution} already{at}; it is not parked any more")
    return 1


async def _in_transaction(database: Database, parked_id: UUID, resolve: Resolve) -> bool:
    async with database.transaction() as tx:
        return await resolve(tx, parked_id)


async def _find(databases: Sequence[Database], parked_id: UUID) -> tuple[Database, ParkedMessage]:
    for database in databases:
        async with database.read() as connection:
            message = await show_parked(connection, database.tables, parked_id)
        if message is not None:
            return database, message
    where = ", ".join(database.schema for database in databases)
    raise CommandError(
        f"no message {parked_id} was ever parked in {where}; `tierdesk parked list` shows those that are"
    )


@contextlib.asynccontextmanager
async def _schemas(scope: Scope) -> AsyncIterator[list[Database]]:
    url = find_database(Home(scope.data))
    try:
        async with open_schemas(url, scope.service, name="tierdesk parked") as databases:
            yield databases
    except ProgrammingError as error:
        raise CommandError("the tables are not there, or not for this user; run `tierdesk migrate`") from error


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is no identifier; `tierdesk parked list` shows them", exit_code=2) from None


def _document(service: str, message: ParkedMessage) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "service": service,
        "consumer": message.consumer,
        "queue": message.queue,
        "namespace": message.namespace,
        "tenant": message.tenant,
        "type": message.type,
        "subject": message.subject,
        "message_id": message.message_id,
        "reason": message.reason,
        "detail": message.detail,
        "attempts": message.attempts,
        "first_seen_at": message.first_seen_at.isoformat(),
        "parked_at": message.parked_at.isoformat(),
        "resolution": message.resolution,
        "resolved_at": message.resolved_at and message.resolved_at.isoformat(),
        "size_bytes": message.size_bytes,
    }


def _told(service: str, message: ParkedMessage) -> list[tuple[str, str]]:
    resolution = "open"
    if message.resolution is not None and message.resolved_at is not None:
        resolution = f"{message.resolution} at {_moment(message.resolved_at)} UTC"
    queue = f"{message.namespace}/{message.queue}" if message.namespace else message.queue
    return [
        ("id", str(message.id)),
        ("service", f"{service}, consumer {message.consumer}, queue {queue}"),
        ("message", f"{message.type or 'of no known type'} {message.message_id}"),
        ("tenant", message.tenant),
        ("subject", message.subject),
        ("reason", message.reason),
        ("tried", f"{message.attempts} times, first seen at {_moment(message.first_seen_at)} UTC"),
        ("parked", f"at {_moment(message.parked_at)} UTC"),
        ("now", resolution),
    ]


def _readable_body(message: ParkedMessage) -> Any:
    """The body as JSON; as text where it is none; in base64 where it is no text either."""
    body = message.body or b""
    try:
        document = json.loads(body)
        json.dumps(document, indent=2)  # one that is nested too deep can be read, and not written
    except (ValueError, RecursionError):
        pass
    else:
        return document
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(body).decode()}"


def _print_lines(console: Console, text: str) -> None:
    for line in text.splitlines():
        console.print(clean(line), highlight=False, soft_wrap=True)


def _print_json(console: Console, document: Any) -> None:
    # Escaped to ASCII, so that nothing in it commands a terminal; not through rich, which would wrap it.
    console.file.write(json.dumps(document, indent=2) + "\n")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
