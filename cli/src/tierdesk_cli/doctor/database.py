"""Looks at PostgreSQL: its version, its clock, and each service's schema."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tierdesk_cli.doctor.finding import Finding, ill, version_of, warning, well
from tierdesk_cli.servers import open_schemas
from tierdesk_cli.services import DEFINITIONS
from tierdesk_runtime.clock import ClockError, FastClock
from tierdesk_runtime.settings import Settings, redact_url
from tierdesk_store import Database, head_of, outbox_state, parked_count, revision_of, waiting_state

STALE_SECONDS: Final = 60.0
"""An older outbox row says that nothing is published, or that one destination refuses."""
SKEW_SECONDS: Final = 5.0
OLDEST_POSTGRES: Final = (15,)
NAME: Final = "tierdesk doctor"


async def look_at_database(settings: Settings) -> list[Finding]:
    """The server and each service's schema. Raises `DatabaseUnavailableError`."""
    async with open_schemas(settings.database_url, None, name=NAME) as databases:
        async with databases[0].read() as connection:
            version: str = (await connection.execute(text("SHOW server_version"))).scalar_one()
        seen = f"PostgreSQL {version} at {redact_url(settings.database_url).split('@')[-1]}"
        server = well("database", seen)
        if version_of(version) < OLDEST_POSTGRES:
            server = warning("database", seen, "upgrade to PostgreSQL 15 or newer; the tests run on 18")
        return [server, *[await _look_at_schema(database) for database in databases]]


async def _look_at_schema(database: Database) -> Finding:
    what = f"schema {database.schema}"
    definition = next(one for one in DEFINITIONS.values() if one.schema.name == database.schema)
    head = await asyncio.to_thread(head_of, definition.schema)
    try:
        async with database.read() as connection:
            revision = await revision_of(connection, definition.schema)
            if revision != head:
                seen = f"at revision {revision or 'none'}, this release needs {head}"
                return ill(what, seen, "run `tierdesk migrate` of this release")
            outbox = await outbox_state(connection, database.tables)
            waiting = await waiting_state(connection, database.tables)
            parked = await parked_count(connection, database.tables)
    except ProgrammingError as error:
        reason = str(error.orig or error).partition("\n")[0]
        return ill(what, f"cannot be read: {reason}", "use the user that migrates in TIERDESK_DATABASE_URL")
    seen = (
        f"at {revision}; outbox {outbox.pending} (oldest {outbox.oldest_seconds:.0f} s), "
        f"waiting {waiting.pending} (oldest {waiting.oldest_seconds:.0f} s), parked {parked}"
    )
    if outbox.oldest_seconds > STALE_SECONDS:
        return ill(what, seen, "its relay does not publish all: see the queues below, and the service's log")
    if parked:
        return ill(what, seen, f"`tierdesk parked list --service {definition.name}` says why each was set aside")
    return well(what, seen)


async def look_at_clocks(settings: Settings) -> list[Finding]:
    """This machine's clock against the database's, and the desk's own if it has one. Raises `DatabaseUnavailableError`."""
    findings = [await _look_at_skew(settings)]
    if settings.clock_file is not None:
        try:
            clock = FastClock.load(settings.clock_file)
        except ClockError as error:
            findings.append(ill("business clock", str(error), "put the file back as all services have it, or unset it"))
        else:
            seen = f"a fast one: {clock.now():%Y-%m-%d %H:%M:%S} UTC, {clock.rate:g} times as fast as time"
            findings.append(warning("business clock", seen, "for demonstrations; a desk in use needs none"))
    return findings


async def _look_at_skew(settings: Settings) -> Finding:
    async with open_schemas(settings.database_url, "router", name=NAME) as (database,), database.read() as connection:
        statement = text("SELECT extract(epoch FROM clock_timestamp())")
        await connection.execute(statement)  # the first one prepares it
        asked_at = time.time()
        told = float((await connection.execute(statement)).scalar_one())
        answered_at = time.time()
    behind = told - (asked_at + answered_at) / 2
    seen = f"this machine and the database differ by {abs(behind):.3f} s (within {(answered_at - asked_at) / 2:.3f} s)"
    if abs(behind) > SKEW_SECONDS:
        return ill("clocks", seen, "let both follow a time server; promises are kept by the machines' clocks")
    return well("clocks", seen)
