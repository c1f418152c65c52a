"""A PostgreSQL server of our own, for a desk that runs on one machine.

Everything of a server stands in one directory: `data/` (the cluster), `password` (mode 0600), `port` (the port of the
last start), `server.log` and `start.lock`. The server outlives whoever started it; the next `start()` finds it and goes on
with it.
"""

import contextlib
import fcntl
import os
import random
import secrets
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tierdesk_runtime.postgres_binaries import (
    BIN_VARIABLE,
    SERVER_USER,
    EmbeddedPostgresError,
    PostgresBinaries,
    find_binaries,
    run_as,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

_OWN_NAMES = frozenset(
    {"data", "data.new", "password", "password.new", "port", "server.log", "server.log.1", "start.lock"}
)
_LOG_LIMIT_BYTES = 16 * 1024 * 1024
_CLUSTER_OPTIONS = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
)
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "synchronous_commit": "on",
}


class EmbeddedPostgres:
    """One server in one directory.

    Started as root, the server runs as the system user `tierdesk`, to whom the directory is given; all parents of the
    directory must let that user through. `settings` replace or add to the server's settings at the next real start (a
    server that is adopted keeps those it was started with).
    """

    def __init__(self, directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory.absolute()
        self.data_directory = self.directory / "data"
        self.log_file = self.directory / "server.log"
        self._settings = {**_SETTINGS, **(settings or {})}
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, also of a server that somebody else started. Raises EmbeddedPostgresError if none runs."""
        if self._port is None and self.is_running():
            self._port = self._read_running_port()
        if self._port is None:
            raise EmbeddedPostgresError(f"the server in {self.directory} has not been started; call start() first")
        return self._port

    def url(self, database: str = "postgres") -> str:
        """A `postgresql://` address of a database, with the superuser's name and password."""
        return f"postgresql://{SERVER_USER}:{self._read_password()}@127.0.0.1:{self.port}/{database}"

    def start(self, *, port: int | None = None, timeout_seconds: float = 60.0) -> None:
        """Makes the server answer: adopts the one that runs, or starts it, creating the cluster at the first start.

        Two callers at once are put in order by a lock file; the second adopts what the first started. Without `port`,
        the port of the last start is taken again if it is free, else a free one. When this returns, the server accepts
        connections; when it raises EmbeddedPostgresError, a server that it started itself has been stopped again.
        """
        deadline = time.monotonic() + timeout_seconds
        binaries = find_binaries()
        self._claim_directory(binaries)
        with self._start_lock(deadline):
            self._create_cluster(binaries)
            if not self._adopt(binaries, deadline):
                self._launch(binaries, port, deadline)

    def stop(self, *, timeout_seconds: float = 30.0) -> None:
        """Stops the server in order (mode "fast": transactions are rolled back). No server running is no error.

        Raises EmbeddedPostgresError if it still runs after the time limit; nothing is lost then, it goes on stopping.
        """
        self._shut_down("fast", timeout_seconds)

    def kill(self, *, timeout_seconds: float = 30.0) -> None:
        """Ends the server as a crash does: no checkpoint, every session cut. The next start recovers from its log."""
        self._shut_down("immediate", timeout_seconds)

    def is_running(self) -> bool:
        """Tells whether a server process works on this directory, whoever started it."""
        pid = self._read_pid()
        return pid is not None and _works_in(pid, self.data_directory)

    def _claim_directory(self, binaries: PostgresBinaries) -> None:
        try:
            made = [parent for parent in self.directory.parents if not parent.exists()]
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for parent in made:
                parent.chmod(0o711)  # whatever the umask says: the server's user has to go through
            strangers = sorted({entry.name for entry in self.directory.iterdir()} - _OWN_NAMES)
            if strangers:
                raise EmbeddedPostgresError(
                    f"{self.directory} holds other files ({', '.join(strangers[:3])}); choose an empty directory"
                )
            if binaries.user is not None:
                os.chown(self.directory, binaries.user.pw_uid, binaries.user.pw_gid)
            self.directory.chmod(0o700)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"cannot use {self.directory}: {error.strerror}; choose another directory"
            ) from error
        reached = run_as(binaries.user, ["test", "-w", str(self.directory)], cwd=Path("/"), timeout_seconds=10)
        if reached.returncode != 0:
            raise EmbeddedPostgresError(
                f"the server's user {SERVER_USER!r} cannot reach {self.directory}: a folder above it is closed to others; "
                "choose a directory under /var/lib/tierdesk, or do not run as root"
            )

    @contextlib.contextmanager
    def _start_lock(self, deadline: float) -> Iterator[None]:
        with (self.directory / "start.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise EmbeddedPostgresError(
                            f"another process has been starting the server in {self.directory} for too long; end it and try again"
                        ) from None
                    time.sleep(0.05)
            yield

    def _create_cluster(self, binaries: PostgresBinaries) -> None:
        version_file = self.data_directory / "PG_VERSION"
        if version_file.exists():
            self._check_cluster(binaries, version_file.read_text().strip())
            return
        if self.data_directory.exists() and any(self.data_directory.iterdir()):
            raise EmbeddedPostgresError(
                f"{self.data_directory} is not a PostgreSQL data directory; move it away or choose another directory"
            )
        fresh = self.directory / "data.new"  # renamed when complete: a crash in between leaves no half cluster
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self._write_password(binaries)
        arguments = [f"--pgdata={fresh}", f"--username={SERVER_USER}", f"--pwfile={password_file}", *_CLUSTER_OPTIONS]
        done = binaries.run("initdb", *arguments, cwd=self.directory, timeout_seconds=120)
        if done.returncode != 0:
            raise EmbeddedPostgresError(
                f"initdb failed in {self.directory}: {done.stderr.strip() or done.stdout.strip()}"
            )
        password_file.rename(self.directory / "password")
        if self.data_directory.exists():
            self.data_directory.rmdir()
        fresh.rename(self.data_directory)

    def _write_password(self, binaries: PostgresBinaries) -> Path:
        """A new password, on disk before any cluster knows it."""
        path = self.directory / "password.new"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
            file.flush()
            os.fsync(file.fileno())
        if binaries.user is not None:
            os.chown(path, binaries.user.pw_uid, binaries.user.pw_gid)
        return path

    def _check_cluster(self, binaries: PostgresBinaries, version: str) -> None:
        if version != str(binaries.major):
            raise EmbeddedPostgresError(
                f"{self.data_directory} was made by PostgreSQL {version}, the binaries here are {binaries.major}; "
                f"name a matching PostgreSQL with {BIN_VARIABLE}, or dump and restore"
            )
        self._read_password()

    def _read_password(self) -> str:
        try:
            return (self.directory / "password").read_text()
        except OSError as error:
            raise EmbeddedPostgresError(
                f"cannot read {self.directory / 'password'} ({error.strerror}), which belongs to the server's data; restore it"
            ) from error

    def _adopt(self, binaries: PostgresBinaries, deadline: float) -> bool:
        """Takes over a server that runs; False when there is none. Waits for one that starts, recovers or stops."""
        while (pid := self._read_pid()) is not None:
            if not _works_in(pid, self.data_directory):
                # The process is gone or its number now belongs to a stranger, which PostgreSQL itself would not start beside.
                (self.data_directory / "postmaster.pid").unlink(missing_ok=True)
                return False
            port = self._read_running_port()
            if port is not None and self._answers(binaries, port):
                self._port = port
                return True
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"process {pid} runs a server in {self.data_directory} that does not answer; see {self.log_file}, or end it"
                )
            time.sleep(0.1)
        return False

    def _launch(self, binaries: PostgresBinaries, wanted_port: int | None, deadline: float) -> None:
        while True:
            port = wanted_port or self._choose_port()
            log_start = self._open_log()
            done = self._run_server(binaries, port, max(5.0, deadline - time.monotonic()))
            if done.returncode == 0 and self._answers(binaries, port):
                (self.directory / "port").write_text(str(port))
                self._port = port
                return
            log = self._read_log(log_start)
            port_taken = "could not bind" in log and wanted_port is None
            memory_held = "shared memory block" in log  # sessions of a killed server are still leaving
            if not (port_taken or memory_held) or time.monotonic() > deadline:
                with contextlib.suppress(EmbeddedPostgresError):
                    self._shut_down("immediate", 10)
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start in {self.directory}: {log.strip()[-1000:] or done.stdout.strip()}"
                )
            time.sleep(0.2)

    def _run_server(
        self, binaries: PostgresBinaries, port: int, limit_seconds: float
    ) -> subprocess.CompletedProcess[str]:
        settings = {**self._settings, "port": str(port)}
        options = " ".join(shlex.join(["-c", f"{name}={value}"]) for name, value in settings.items())
        places = ["-D", str(self.data_directory), "-l", str(self.log_file)]
        arguments = ["start", "-w", "-t", str(int(limit_seconds)), *places, "-o", options]
        return binaries.run("pg_ctl", *arguments, cwd=self.directory, timeout_seconds=limit_seconds + 10)

    def _open_log(self) -> int:
        """Where the next line of the log will stand; a log that has grown large is put aside first."""
        if not self.log_file.exists():
            return 0
        size = self.log_file.stat().st_size
        if size > _LOG_LIMIT_BYTES:
            self.log_file.rename(self.directory / "server.log.1")
            return 0
        return size

    def _choose_port(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            remembered = int((self.directory / "port").read_text())
            if _is_free(remembered):
                return remembered
        # Below the ports that systems give to outgoing connections: a client that keeps trying to reach a stopped server at
        # one of those would in the end be connected to itself, and hold the port.
        candidates = random.SystemRandom().sample(range(20_000, 32_000), 200)
        for port in candidates:
            if _is_free(port):
                return port
        raise EmbeddedPostgresError("found no free port between 20000 and 32000 on 127.0.0.1")

    def _answers(self, binaries: PostgresBinaries, port: int) -> bool:
        """Tells whether the server at `port` takes our password and works on our data directory."""
        done = binaries.run(
            "psql",
            "-XAtw",
            f"--dbname=postgresql://{SERVER_USER}@127.0.0.1:{port}/postgres?connect_timeout=5",
            "--command=SHOW data_directory",
            cwd=self.directory,
            timeout_seconds=15,
            environment={"PGPASSWORD": self._read_password()},
        )
        return done.returncode == 0 and Path(done.stdout.strip()).resolve() == self.data_directory.resolve()

    def _shut_down(self, mode: str, timeout_seconds: float) -> None:
        if not self.is_running():
            return
        limit = str(max(1, int(timeout_seconds)))
        arguments = ["stop", "-w", "-t", limit, "-m", mode, "-D", str(self.data_directory)]
        done = find_binaries().run("pg_ctl", *arguments, cwd=self.directory, timeout_seconds=timeout_seconds + 10)
        if done.returncode != 0 and self.is_running():
            raise EmbeddedPostgresError(
                f"the server in {self.directory} did not stop within {limit} s; see {self.log_file}"
            )

    def _read_pid(self) -> int | None:
        return self._read_postmaster_line(0)

    def _read_running_port(self) -> int | None:
        return self._read_postmaster_line(3)

    def _read_postmaster_line(self, index: int) -> int | None:
        """A number from `postmaster.pid`: process on line 0, port on line 3 (PostgreSQL's `pidfile.h`)."""
        try:
            return int((self.data_directory / "postmaster.pid").read_text().splitlines()[index])
        except (OSError, ValueError, IndexError):
            return None

    def _read_log(self, start: int) -> str:
        try:
            with self.log_file.open(errors="replace") as file:
                file.seek(start)
                return file.read()
        except OSError:
            return ""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL itself does: old connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _works_in(pid: int, data_directory: Path) -> bool:
    """Tells whether `pid` is a server on this data directory: the working directory of a server is its data directory."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == data_directory.resolve()
        except OSError:
            return False
    done = run_as(None, ["ps", "-o", "args=", "-p", str(pid)], cwd=Path("/"), timeout_seconds=10)
    return str(data_directory) in done.stdout
