"""PostgreSQL for the tests: an embedded server of our own, or one that the environment names."""

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 8 * 1024**3  # two workers' servers take one tenth of it


class DatabaseServer:
    """A running PostgreSQL, known by the address of one database; only databases of our own are made on it."""

    def __init__(self, description: str, url: str) -> None:
        self.description = description
        self._url = url
        self._thread = ThreadPoolExecutor(1)  # its own thread: the event loop of the test is not touched

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The address of a new, empty database, which is dropped after, whoever is still connected to it."""
        name = f"test_{secrets.token_hex(6)}"
        self._run(self._execute(f'CREATE DATABASE "{name}"'))
        try:
            yield urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))
        finally:
            self._run(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def close(self) -> None:
        """Ends our thread; the server runs on."""
        self._thread.shutdown()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._url, timeout=30)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._thread.submit(asyncio.run, work).result(timeout=120)


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
