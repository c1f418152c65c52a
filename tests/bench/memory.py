"""Memory of each service: after many tickets, and over time."""

from __future__ import annotations

import argparse
import time

from rich.console import Console

from .grounds import Grounds, running_desk
from .host import anonymous_bytes
from .reports import Report
from .road import Road

SERVICES = ("intake", "router", "sla", "kb")
STEP = 10_000
MEGABYTE = 1_000_000


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """RssAnon of each service after each 10,000 tickets, in megabytes."""
    report = Report("memory: RssAnon in megabytes", console)
    with running_desk(grounds) as desk:
        road = Road(desk)
        road.warm()
        report.add("after 300 tickets", _look(desk.pids))
        for done in range(STEP, max(options.tickets, STEP) + 1, STEP):
            road.drive(STEP, connections=2, batch=500)
            report.add(f"after {done + 300} tickets", _look(desk.pids))
    report.close()


def soak(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """RssAnon each minute at a steady load, and its slope over the second half of the run."""
    report = Report("soak: RssAnon in megabytes, each minute", console)
    with running_desk(grounds) as desk:
        road = Road(desk)
        road.warm()
        half_load = road.drive(options.tickets).rate / 2
        seen: list[tuple[float, dict[str, float]]] = []
        began = time.monotonic()
        while time.monotonic() - began < options.minutes * 60:
            road.drive(int(half_load * 60), connections=64, per_second=half_load)
            look = _look(desk.pids)
            seen.append((time.monotonic() - began, look))
            report.add("half load", look)
        later = seen[len(seen) // 2 :]
        for name in SERVICES:
            slope = _slope([(at / 3600, look[name]) for at, look in later])
            report.conclude(f"{name}, megabytes an hour", round(slope, 2))
    report.close()


def _look(pids: dict[str, int]) -> dict[str, float]:
    return {name: round(anonymous_bytes(pids[name]) / MEGABYTE, 1) for name in SERVICES}


def _slope(points: list[tuple[float, float]]) -> float:
    """Least squares: how much the second value grows with each unit of the first."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
