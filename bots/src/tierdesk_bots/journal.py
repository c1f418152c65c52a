"""What a bot has done for one assignment: a small file, so that work that is begun again does not do it twice.

The desk knows a repeated message by itself. A mail that was sent and a password that was set it does not know of, and
neither does it know that a bot had stopped waiting. An effect is noted right after it took place; a crash between
the two has it done once more: at least once, and no oftener than there are crashes.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

KEPT_SECONDS: Final = 30 * 86_400.0


class Journals:
    """A folder of journals. It holds no code, no password and no address."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder, for this user alone, if it is not there. Raises `OSError`."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._open: dict[UUID, Journal] = {}

    def open(self, assignment_id: UUID) -> Journal:
        """The journal of an assignment, empty at first. The same object for as long as this process works on it."""
        if assignment_id not in self._open:
            self._open[assignment_id] = Journal(self._path(assignment_id))
        return self._open[assignment_id]

    def close(self, assignment_id: UUID) -> None:
        """Forget the object; the file stays."""
        self._open.pop(assignment_id, None)

    def find(self, assignment_id: UUID) -> Journal | None:
        """The journal of an assignment that this bot has worked on, else None."""
        if assignment_id in self._open:
            return self._open[assignment_id]
        path = self._path(assignment_id)
        return Journal(path) if path.exists() else None

    def sweep(self) -> None:
        """Remove what is older than 30 days."""
        oldest = time.time() - KEPT_SECONDS
        for path in self._folder.glob("*.json"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _path(self, assignment_id: UUID) -> Path:
        return self._folder / f"{assignment_id}.json"


class Journal:
    """Named entries, each written once; on disk when `note` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self.changed = asyncio.Event()
        """Set at each entry; whoever waits for one clears it."""

    def get(self, name: str) -> Any:
        """An entry, or None."""
        return self._entries.get(name)

    def note(self, name: str, entry: Any) -> Any:
        """Write an entry; one that is there stays as it is. Answers what stands there now. Raises `OSError`."""
        if name not in self._entries:
            entries = {**self._entries, name: entry}
            _write(self._path, json.dumps(entries))
            self._entries = entries
            self.changed.set()
        return self._entries[name]

    async def once(self, name: str, effect: Callable[[], Awaitable[Any]]) -> Any:
        """What `effect` answered when it was first seen through; it is not called again after that."""
        if name in self._entries:
            return self._entries[name]
        return self.note(name, await effect())


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by this user alone."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
