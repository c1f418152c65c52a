"""End to end, from the endpoint to the work queue, against the raw pipeline; and how long an accepted ticket waits."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator

from rich.console import Console

from .grounds import Grounds, running_desk, running_raw_pipeline
from .host import percentile
from .reports import Report
from .road import Journey, Road

BATCH = 500
SHAPES = (("single", 1, 32), ("batch", BATCH, 2))


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """Tickets a second that reach their work queue, each as a message that follows its commits."""
    report = Report("pipeline: tickets a second, end to end", console)
    with running_desk(grounds) as desk, running_raw_pipeline(grounds) as raw:
        roads = {"raw pipeline": Road(raw), "desk": Road(desk)}
        for road in roads.values():
            road.warm()
        for _ in range(options.rounds):
            for kind, batch, connections in SHAPES:
                for name, road in roads.items():
                    with all_frozen(other for other in roads.values() if other is not road):
                        journey = road.drive(options.tickets, connections=connections, batch=batch)
                    report.add(f"{name}, {kind}", figures_of(journey))
        for kind, _, _ in SHAPES:
            ratio = report.median_of(f"desk, {kind}", "rate") / report.median_of(f"raw pipeline, {kind}", "rate")
            report.conclude(f"desk over raw pipeline, {kind}", round(ratio, 3))
    report.close()


def measure_latency(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """From the answer to the offer's arrival, at half of the rate that the desk reaches in the same run."""
    report = Report("latency: from accepted to offered", console)
    with running_desk(grounds) as desk:
        road = Road(desk)
        road.warm()
        full = road.drive(options.tickets).rate
        waits: list[float] = []
        for _ in range(options.rounds):
            journey = road.drive(options.tickets, connections=64, per_second=full / 2)
            waits += journey.offer_seconds
            report.add("half load", figures_of(journey))
        report.conclude("rate at full load", round(full, 1))
        report.conclude("p50 of all, ms", round(percentile(waits, 0.5) * 1000, 1))
        report.conclude("p99 of all, ms", round(percentile(waits, 0.99) * 1000, 1))
    report.close()


@contextlib.contextmanager
def all_frozen(roads: Iterable[Road]) -> Iterator[None]:
    """These stand still meanwhile."""
    with contextlib.ExitStack() as stack:
        for road in roads:
            stack.enter_context(road.frozen())
        yield


def figures_of(journey: Journey) -> dict[str, object]:
    """What is shown of a journey."""
    summary = journey.summary()
    return {
        "rate": summary["rate"],
        "accepted": summary["accepted_rate"],
        "total_ms": round(sum(journey.cost.values()), 3),
        "client_ms": summary["client_cost_ms"],
        "p50_ms": summary["offer_p50_ms"],
        "p99_ms": summary["offer_p99_ms"],
        "lag_s": summary["follower_lag_seconds"],
        "steal": summary["steal"],
        "cost_ms": summary["cost_ms"],
    }
