"""PostgreSQL for the tests: an embedded server of our own, or one that the environment names."""

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from tierdesk_store import ServiceSchema, migrate
from tierdesk_store.roles import role_of

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 8 * 1024**3  # two workers' servers take one tenth of it

Fill = Callable[[str], Coroutine[Any, Any, None]]


class DatabaseServer:
    """A running PostgreSQL, known by the address of one database; only databases of our own are made on it."""

    def __init__(self, description: str, url: str) -> None:
        self.description = description
        self._url = url
        self._originals: dict[tuple[tuple[ServiceSchema, ...], Fill | None], str] = {}

    @contextlib.contextmanager
    def fresh_database(self, *schemas: ServiceSchema, fill: Fill | None = None) -> Iterator[str]:
        """The address of a new database, which is dropped after, whoever is still connected to it.

        These schemas stand in it as `migrate` leaves them, with what `fill` then wrote to the database at its address;
        with neither it is empty. That is done once, and each database is a copy: it takes a fifth of the processor time.
        A service comes in after `let_in`.
        """
        name = self._create("test", f'TEMPLATE "{self._original(schemas, fill)}"' if schemas or fill else "")
        try:
            yield self._address(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        """Drops what was copied; the server runs on."""
        for name in self._originals.values():
            self._drop(name)

    def _original(self, schemas: tuple[ServiceSchema, ...], fill: Fill | None) -> str:
        """The name of the database to copy, to which nobody connects any more."""
        if (schemas, fill) not in self._originals:
            name = self._create("original")
            try:
                for schema in schemas:
                    migrate(self._address(name), schema, password=secrets.token_hex())
                if fill is not None:
                    _run(fill(self._address(name)))
            except BaseException:
                self._drop(name)
                raise
            self._originals[schemas, fill] = name
        return self._originals[schemas, fill]

    def _create(self, kind: str, options: str = "") -> str:
        name = f"{kind}_{secrets.token_hex(6)}"
        # Files are copied rather than logged page by page: it takes two thirds of the processor time.
        _run(_execute(self._url, f'CREATE DATABASE "{name}" {options} STRATEGY FILE_COPY'))
        return name

    def _drop(self, name: str) -> None:
        _run(_execute(self._url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def _address(self, name: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))


def let_in(url: str, service: str, password: str) -> None:
    """Gives the login role of a service this password, which then holds in all databases of the server.

    `migrate` does so too; this is for a database in which the service's schema stands already.
    """
    _run(_change_password(url, role_of(service), password))


async def _change_password(url: str, role: str, password: str) -> None:
    # ALTER ROLE takes no parameters: the server itself quotes the password into the statement.
    async with _connected(url) as connection:
        await connection.execute(
            await connection.fetchval("SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, password)
        )


async def _execute(url: str, statement: str) -> None:
    async with _connected(url) as connection:
        await connection.execute(statement)


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        yield connection
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: the event loop of the test is not touched."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result(timeout=120)


def make_reachable_folder(*, in_memory: bool = False) -> Path:
    """A new folder into which the server's own user can go: under the temporary folder, unless that is closed to others.

    `in_memory` asks for one that no disk holds, where there is room: to make and drop a database, as most tests do, then
    takes a sixth of the processor time. `TMPDIR` overrules it.
    """
    parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    if in_memory and "TMPDIR" not in os.environ and _has_room_in_memory():
        parents.insert(0, _MEMORY)
    for parent in parents:
        if all(folder.stat().st_mode & 0o001 for folder in (parent, *parent.resolve().parents)):
            folder = Path(tempfile.mkdtemp(prefix="tierdesk-test-", dir=parent))
            folder.chmod(0o711)
            return folder
    raise RuntimeError("no temporary folder that other users can enter; set TMPDIR to one")


def _has_room_in_memory() -> bool:
    try:
        free_bytes = min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available)
    except OSError:
        return False
    return os.access(_MEMORY, os.W_OK) and free_bytes > _ROOM_BYTES
