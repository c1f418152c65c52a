"""The endpoint against a route with the same key check and model that stores nothing."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from rich.console import Console

from faults.processes import free_port

from .client import Load
from .grounds import Desk, Grounds, await_ready, post, running_desk, start_module
from .host import Processors
from .reports import Report

WARM_CONNECTIONS = 32
BATCH = 500
BATCH_CONNECTIONS = 4


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """Single events and batches, answered a second."""
    report = Report("endpoint: events answered a second", console)
    with running_desk(grounds, names=("intake",)) as desk, _running_empty_route(desk) as (url, pid):
        post(Load(desk.url, desk.key, 300, WARM_CONNECTIONS, first=10_000_000))
        post(Load(url, desk.key, 300, WARM_CONNECTIONS))
        for number in range(options.rounds):
            for kind, batch in (("single", 1), ("batch", BATCH)):
                count = options.tickets * (1 if batch == 1 else 5)
                first = (2 * number + (batch > 1)) * options.tickets * 10
                for variant, target, served_by in (
                    ("stores nothing", url, pid),
                    ("endpoint", desk.url, desk.pids["intake"]),
                ):
                    connections = options.connections if batch == 1 else BATCH_CONNECTIONS
                    meter = Processors({"server": served_by})
                    done = post(Load(target, desk.key, count, connections, batch, first=first))
                    figures = {
                        "rate": round(count / (done["ended"] - done["began"]), 1),
                        "server_ms": round(meter.seconds()["server"] / count * 1000, 3),
                        "client_ms": round(done["processor_seconds"] / count * 1000, 3),
                        "steal": round(meter.steal(), 4),
                    }
                    report.add(f"{variant}, {kind}", figures)
        for kind in ("single", "batch"):
            ratio = report.median_of(f"endpoint, {kind}", "rate") / report.median_of(f"stores nothing, {kind}", "rate")
            report.conclude(f"endpoint over the route that stores nothing, {kind}", round(ratio, 3))
    report.close()


@contextlib.contextmanager
def _running_empty_route(desk: Desk) -> Iterator[tuple[str, int]]:
    port = free_port()
    process = start_module("bench.empty_route", {"secrets_file": str(desk.folder / "secrets.json"), "port": port})
    try:
        await_ready(process)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(10)
