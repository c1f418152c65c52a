"""What a run costs this machine: processor time of process trees, resident memory, and what the host took away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import psutil


def processor_seconds(pid: int) -> float:
    """User and system time of the process and all that it started and that still runs, in seconds."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                # What short-lived children used counts too: PostgreSQL answers each connection with a process.
                total += times.user + times.system + times.children_user + times.children_system
    return total


def anonymous_bytes(pid: int) -> int:
    """`RssAnon` of one process: memory of its own, without files and shared libraries."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


class Processors:
    """The processor time of named processes between two looks, and the share that the host withheld."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._before = self._look()
        self._stolen, self._total = _host_ticks()

    def seconds(self) -> dict[str, float]:
        """By name, since the start."""
        now = self._look()
        return {name: now[name] - self._before[name] for name in self._pids}

    def steal(self) -> float:
        """The share of all processor time that other machines of the host took: compare nothing above 0.05."""
        stolen, total = _host_ticks()
        return (stolen - self._stolen) / max(1, total - self._total)

    def _look(self) -> dict[str, float]:
        return {name: processor_seconds(pid) for name, pid in self._pids.items()}


def _host_ticks() -> tuple[int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]]
    return fields[7], sum(fields[:8])


def median(values: Iterable[float]) -> float:
    """The middle value; of an even number of them the mean of the middle two."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
