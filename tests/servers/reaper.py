"""Ends what a test session leaves behind, however the session ends.

The session holds the other end of a pipe. When it closes, at the end of the session or because it was killed, the servers
named on it are ended, and the folders removed. A process is known by its number and its start, or by the folder in which it
works, so that a number that went to another process is left alone.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil


class Reaper:
    """The session's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt from the keyboard does not reach it
        )

    def watch_process(self, pid: int) -> None:
        """Ends the process when the session is over."""
        self._tell(f"process {pid} {psutil.Process(pid).create_time()}")

    def watch_postgres(self, data_directory: Path) -> None:
        """Ends the server on this data directory, whichever runs then, when the session is over."""
        self._tell(f"postgres {data_directory}")

    def watch_container(self, container_id: str) -> None:
        """Removes the container when the session is over."""
        self._tell(f"container {container_id}")

    def watch_folder(self, folder: Path) -> None:
        """Removes the folder when the session is over, after the processes have ended."""
        self._tell(f"folder {folder}")

    def close(self) -> None:
        """Ends and removes everything now, and waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def _reap(lines: list[str]) -> None:
    entries = [line.partition(" ")[::2] for line in lines]
    ending = []
    for kind, rest in entries:
        process = _find_process(kind, rest)
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                # SIGQUIT ends PostgreSQL and its children at once, without a checkpoint; nobody needs the data any more.
                process.send_signal(signal.SIGQUIT if kind == "postgres" else signal.SIGKILL)
                ending.append(process)
    _, stubborn = psutil.wait_procs(ending, timeout=20)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for kind, rest in entries:
        if kind == "container":
            _remove_container(rest)
        elif kind == "folder":
            shutil.rmtree(rest, ignore_errors=True)


def _remove_container(container_id: str) -> None:
    # Each session has a reaper and next to none a container: the library takes longer to import than all else here.
    import docker  # type: ignore[import-untyped]  # ships no types
    from docker.errors import DockerException  # type: ignore[import-untyped]  # as above

    with contextlib.suppress(DockerException):
        docker.from_env().containers.get(container_id).remove(force=True, v=True)


def _find_process(kind: str, rest: str) -> psutil.Process | None:
    """The process that an entry names, if it still lives."""
    try:
        if kind == "process":
            pid, started = rest.split()
            process = psutil.Process(int(pid))
            return process if process.create_time() == float(started) else None
        if kind == "postgres":
            process = psutil.Process(int((Path(rest) / "postmaster.pid").read_text().splitlines()[0]))
            return process if process.cwd() == str(Path(rest).resolve()) else None
    except (psutil.Error, OSError, ValueError, IndexError):
        return None
    return None


if __name__ == "__main__":
    _reap(sys.stdin.read().splitlines())
