"""What a ticket costs when many are closed already, against an empty database."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.progress import Progress

from .grounds import Grounds, running_desk
from .history import load_history
from .pipeline import all_frozen
from .reports import Report
from .road import Road


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """Processor time per ticket of two desks, one of them with a history."""
    report = Report("growth: processor time per ticket", console)
    with running_desk(grounds) as empty, running_desk(grounds) as old:
        roads = {"empty": Road(empty), f"{options.history} closed": Road(old)}
        for road in roads.values():
            road.warm()
        with Progress(console=console) as progress:
            task = progress.add_task("closed tickets", total=options.history)
            load_history(old.database_url, options.history, told=lambda count: progress.update(task, completed=count))
        for road in roads.values():
            road.warm()
        for _ in range(options.rounds):
            for name, road in roads.items():
                with all_frozen(other for other in roads.values() if other is not road):
                    journey = road.drive(options.tickets)
                figures = {
                    "total_ms": round(sum(journey.cost.values()), 3),
                    "rate": round(journey.rate, 1),
                    "steal": round(journey.steal, 4),
                    "cost_ms": {part: round(cost, 3) for part, cost in journey.cost.items()},
                }
                report.add(name, figures)
        empty_cost, old_cost = (report.median_of(name, "total_ms") for name in roads)
        report.conclude("cost over that with an empty database", round(old_cost / empty_cost, 3))
    report.close()
