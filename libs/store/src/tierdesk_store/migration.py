"""Schemas, roles and revisions: what prepares a database for a service.

Each service has its own schema, its own Alembic revisions with their version table in that schema, and two roles:
`tierdesk_<name>_owner`, which owns the tables and cannot log in, and `tierdesk_<name>`, which logs in, reads and
writes rows, cannot change the tables, and cannot change what stands in a log or in the outbox.
"""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tierdesk_store.errors import as_unavailable, sqlstate
from tierdesk_store.failpoints import failpoint
from tierdesk_store.library_v1 import create_library_tables_v1
from tierdesk_store.library_v2 import split_outbox_v2
from tierdesk_store.roles import VERSION_TABLE, create_roles, grant, owner_of, role_of

__all__ = [
    "ServiceSchema",
    "create_library_tables_v1",
    "head_of",
    "migrate",
    "revision_of",
    "service_url",
    "split_outbox_v2",
]

LOCK_KEY: Final = 0x7469657264  # "tierd": one migration at a time in a database
TRIES: Final = 10
_LOCK_NOT_AVAILABLE: Final = "55P03"
_CONCURRENT_UPDATE: Final = "XX000"
"""What PostgreSQL says when two databases of one server change the same role at once."""


@dataclass(frozen=True, slots=True)
class ServiceSchema:
    """The schema of one service: its `name` and the folder of its revisions.

    `log_tables` are append-only: the login role gets no UPDATE and no DELETE there.
    """

    name: str
    versions: Path
    log_tables: tuple[str, ...] = ()


def service_url(admin_url: str, name: str, password: str) -> str:
    """The URL with which the service `name` connects: the administrator's, as the service's login role."""
    parts = urlsplit(admin_url)
    address = parts.netloc.rpartition("@")[2]
    user = f"{quote(role_of(name), safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{user}@{address}"))


def migrate(admin_url: str, schema: ServiceSchema, *, password: str, revision: str = "head") -> bool:
    """Make the roles, the schema and its tables exist, at `revision`, and give the login role `password`.

    Answers whether the schema is new in this database.

    Doing it again changes nothing, and two at once do it one after the other. A revision waits for no table longer
    than 2 seconds, so that it never queues in front of a running service; it is tried ten times, each revision in
    its own transaction. `admin_url` names a superuser, or a role with CREATEROLE that may create schemas.
    Raises `DatabaseUnavailableError`, or SQLAlchemy's error about the revision that failed. Blocks; call it from a
    thread when an event loop runs.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _migrate(admin_url, schema, password, revision)).result()


def head_of(schema: ServiceSchema) -> str | None:
    """The newest revision that this release knows of the schema."""
    return ScriptDirectory.from_config(alembic_config(schema)).get_current_head()


async def revision_of(connection: AsyncConnection, schema: ServiceSchema) -> str | None:
    """The revision that the schema is at in this database; None when it was never migrated."""
    table = f'"{schema.name}".{VERSION_TABLE}'
    if (await connection.execute(text("SELECT to_regclass(:table)"), {"table": table})).scalar_one() is None:
        return None
    revision: str | None = (
        await connection.execute(text(f"SELECT version_num FROM {table}"))  # noqa: S608 - the service's own name, never input
    ).scalar_one_or_none()
    return revision


async def _migrate(admin_url: str, schema: ServiceSchema, password: str, revision: str) -> bool:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(
            admin_url, timeout=10, server_settings={"application_name": "tierdesk migrate"}
        ),
        poolclass=NullPool,
        hide_parameters=True,
    )
    try:
        async with engine.connect() as connection:
            is_new = await revision_of(connection, schema) is None
        await _retry(engine, schema, password, revision)
    except Exception as error:
        unavailable = as_unavailable(error)
        if unavailable is None:
            raise
        raise unavailable from error
    finally:
        await engine.dispose()
    return is_new


async def _retry(engine: AsyncEngine, schema: ServiceSchema, password: str, revision: str) -> None:
    for left in reversed(range(TRIES)):
        try:
            async with engine.connect() as connection:
                await _prepare(connection, schema, password)
                failpoint("migration.after_prepare")
                await connection.run_sync(_upgrade, schema, revision)
                failpoint("migration.before_grant")
                await _publish(connection, schema)
        except Exception as error:
            if sqlstate(error) not in {_LOCK_NOT_AVAILABLE, _CONCURRENT_UPDATE} or left == 0:
                raise
        else:
            return
        await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - so that two do not meet again


async def _prepare(connection: AsyncConnection, schema: ServiceSchema, password: str) -> None:
    """Take the lock, make the roles and the schema, and become the owner."""
    # Held by the session until the connection closes. Asked for rather than waited for: a waiting statement would
    # hold a snapshot, which CREATE INDEX CONCURRENTLY of the one before us waits for.
    while not (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY})).scalar_one():
        await connection.rollback()
        await asyncio.sleep(0.1)
    await create_roles(connection, schema.name, password)
    await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema.name}" AUTHORIZATION {owner_of(schema.name)}'))
    await connection.commit()
    await connection.execute(text(f"SET ROLE {owner_of(schema.name)}"))
    await connection.execute(text(f'SET search_path = "{schema.name}"'))
    await connection.execute(text("SET lock_timeout = '2s'"))
    await connection.commit()


def alembic_config(schema: ServiceSchema) -> Config:
    """The configuration with which Alembic finds the shared environment and the service's revisions."""
    config = Config()
    folder = Path(__file__).parent / "alembic"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(schema.versions).replace("%", "%%"))
    config.attributes["schema"] = schema.name
    return config


def _upgrade(connection: Connection, schema: ServiceSchema, revision: str) -> None:
    config = alembic_config(schema)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()


async def _publish(connection: AsyncConnection, schema: ServiceSchema) -> None:
    """Give the login role what it needs, as the owner."""
    await grant(connection, schema.name, schema.log_tables)
    await connection.commit()
