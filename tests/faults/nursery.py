"""Processes that are born with everything imported, so that a death does not cost a new interpreter.

A nursery is a process that has imported what `tierdesk` needs and done nothing else: it has no thread, no connection and no
event loop. For each program that is asked for it forks, and the child, a process like any other, runs that program as
`python -m` does, or `python FILE`, with an environment, arguments and a log of its own. Chance is not inherited: identifiers come from the
system, and Python seeds `random` anew in a child. Neither is anything that the desk reads from the environment while it is
imported: the crash window (`TIERDESK_FAILPOINT`) is read again, and a child for whom more would have to be is refused.

When its input ends, with the tests or with their death, the nursery kills its children; when it is killed, the system does.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

READ_AT_IMPORT: Final = {"TIERDESK_FAILPOINT": "tierdesk_store.failpoints"}
"""What of the environment is read by which module when it is imported, and again in each child."""
REFUSED: Final = frozenset({"TIERDESK_UNSAFE"})
"""Read at import too, and not again: its values are handed from module to module."""
_ROUND_SECONDS: Final = 0.02
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG


class Nursery:
    """The tests' end of it; threads may share it. Closing it kills all children."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.nursery"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # the end of its input tells it of an interrupt, and in order
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        errors: Path | None = None,
    ) -> Child:
        """Run `module` in a new process, whose output is added to `log`, and what it says of errors to `errors`, if told apart.

        What ends in `.py` is the path of a file, which is run as `python FILE` does. Raises `ValueError` for a refused setting.
        """
        if refused := REFUSED.intersection(environment):
            raise ValueError(f"{sorted(refused)} is read at import: start an interpreter of its own")
        request = {
            "module": module,
            "arguments": [*arguments],
            "environment": {**environment},
            "log": str(log),
            "errors": str(errors or log),
        }
        return Child(self, self.ask(request))

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Ask and await the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, f"the nursery has ended with {self._process.wait(10)}"
        return json.loads(answer)

    def close(self) -> None:
        """Kill the children that are left, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


class Child:
    """A process of the nursery, to be handled as a `subprocess.Popen`."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        """The exit code, or the signal that killed it, negative; None while it runs."""
        self.send_signal(0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal; to one that has ended, none."""
        if self.returncode is None:
            self.returncode = self._nursery.ask({"pid": self.pid, "signal": number})

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout: float) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired` when it runs on for so many seconds."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(_ROUND_SECONDS)
        return code


def _attend() -> dict[str, Any] | None:
    """Answer requests until there are no more; then kill who is left and return None. In a child: return what it is to be."""
    living: set[int] = set()
    codes: dict[int, int] = {}
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        if "module" in request:
            answer: int | None = _bear()
            if not answer:
                return request
            living.add(answer)
        else:
            answer = _look_after(request["pid"], request["signal"], living, codes)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    for pid in living:
        os.waitpid(pid, 0)
    return None


def _look_after(pid: int, number: int, living: set[int], codes: dict[int, int]) -> int | None:
    """Signal a child if it lives; answers with what it has ended, if it has. Until asked after, its number stays its own."""
    if pid in living:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            os.kill(pid, number)
            return None
        living.remove(pid)
        codes[pid] = os.waitstatus_to_exitcode(status)
    return codes[pid]


def _bear() -> int:
    """Fork, and return as `os.fork` does once the child is sure to die with the nursery, however that dies.

    Answered earlier, a child could be stopped before it has asked for that, and outlive everybody.
    """
    parent = os.getpid()
    bound, tell_bound = os.pipe()
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    os.close(tell_bound)
    if pid:
        os.read(bound, 1)  # ends when the child has closed its end of it
    os.close(bound)
    return pid


def _become(request: dict[str, Any]) -> None:
    """Take on the environment, the arguments and the log that were asked for, and no input."""
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [request["module"], *request["arguments"]]
    with (
        Path(os.devnull).open("rb") as nothing,
        Path(request["log"]).open("ab") as log,
        Path(request["errors"]).open("ab") as errors,
    ):
        for number, file in enumerate((nothing, log, errors)):
            os.dup2(file.fileno(), number)
    for module in READ_AT_IMPORT.values():
        importlib.reload(importlib.import_module(module))


def main() -> None:
    """The nursery, and what its children become."""
    importlib.import_module("tierdesk_cli.running_commands")
    gc.collect()
    gc.freeze()  # a collector that looks through them would have to copy them
    request = _attend()
    if request is not None:
        _become(request)
        module = request["module"]
        if module.endswith(".py"):
            sys.path.insert(0, str(Path(module).parent))
            runpy.run_path(module, run_name="__main__")
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
