"""Where a desk on this machine keeps its data."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tierdesk_cli.errors import CommandError


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with the secrets, the embedded database and the address of the desk that runs on them."""

    folder: Path

    @property
    def secrets_file(self) -> Path:
        """Keys and passwords."""
        return self.folder / "secrets.json"

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL."""
        return self.folder / "postgres"

    @property
    def log_file(self) -> Path:
        """What the services say, a JSON object a line."""
        return self.folder / "desk.log"

    @property
    def mails(self) -> Path:
        """What a demonstration would have sent by mail."""
        return self.folder / "mails"

    @property
    def address_file(self) -> Path:
        """Where the desk answered last."""
        return self.folder / "address.json"

    def create(self) -> None:
        """Make the folder exist. Raises `CommandError`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                # The embedded database runs as a user of its own, which must be able to pass through.
                self.folder.chmod(0o755)
                self.folder.parent.chmod(self.folder.parent.stat().st_mode | 0o111)
        except OSError as error:
            raise CommandError(f"{self.folder}: {error.strerror}; choose another folder with --data") from error

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the folder for one desk. Raises `CommandError` while another process holds it.

        Two desks on one embedded database would end it under each other. The kernel lets go when a process dies.
        """
        with (self.folder / ".desk.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CommandError(
                    f"a desk runs on {self.folder} already; stop it first, or choose another folder with --data"
                ) from error
            yield

    def remember_address(self, url: str) -> None:
        """Note where the desk answers, for other commands."""
        self.address_file.write_text(json.dumps({"url": url}) + "\n")

    def address(self) -> str | None:
        """Where the desk answered last; None when it never did."""
        try:
            url = json.loads(self.address_file.read_text())["url"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return url if isinstance(url, str) else None


def default_folder() -> Path:
    """`TIERDESK_DATA`, else below /var/lib for root (the database's user must be able to read it), else one's own."""
    chosen = os.environ.get("TIERDESK_DATA")
    if chosen:
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/tierdesk/desk")
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "tierdesk"


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder for a desk that is gone afterwards; for root where the database's user can read it."""
    parent = default_folder().parent if os.geteuid() == 0 else None
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
