"""The servers that a desk stands on, for commands beside it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from tierdesk_cli.environment import read_settings
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.serving import SERVICES, check_service
from tierdesk_runtime.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database


def find_database(home: Home) -> str:
    """`TIERDESK_DATABASE_URL`, else the embedded PostgreSQL that runs on `home`. Raises `CommandError` without one."""
    url = _given("TIERDESK_DATABASE_URL")
    if url:
        return url
    try:
        server = EmbeddedPostgres(home.postgres)
        if server.is_running():
            return server.url()
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error
    raise CommandError(
        f"no PostgreSQL runs on {home.folder}: start it with `tierdesk up`, name the folder with --data, or set "
        "TIERDESK_DATABASE_URL"
    )


def find_settings(home: Home) -> Settings:
    """The settings of the desk: of the environment, else of `home`, whose database is its bus. Raises `CommandError`."""
    database_url = find_database(home)
    return read_settings(
        database_url=database_url,
        bus_url=_given("TIERDESK_BUS_URL") or database_url,
        secrets_file=find_secrets_file(home),
    )


def find_secrets_file(home: Home) -> Path:
    """`TIERDESK_SECRETS_FILE`, else that of `home`."""
    return Path(_given("TIERDESK_SECRETS_FILE") or home.secrets_file)


def _given(name: str) -> str | None:
    """A setting as the services find it: a variable, else the file of that name in `TIERDESK_SECRETS_DIR`."""
    folder = os.environ.get("TIERDESK_SECRETS_DIR")
    if os.environ.get(name) or not folder:
        return os.environ.get(name)
    file = Path(folder) / name.lower()
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None


@contextlib.asynccontextmanager
async def open_schemas(database_url: str, service: str | None, *, name: str) -> AsyncIterator[list[Database]]:
    """The schema of this service, which has its name, or those of all, as the administrator of the database.

    Raises `CommandError`.
    """
    names = list(SERVICES) if service is None else [check_service(service)]
    databases = [Database(database_url, schema=one, name=name, pool_size=1) for one in names]
    try:
        yield databases
    finally:
        for database in databases:
            await database.close()
