"""The road of a ticket, end to end: posted over HTTP, committed, routed, offered in a work queue; with its price."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

import asyncpg

from .client import Load
from .grounds import Desk, Sink, post
from .host import Processors, percentile

FOLLOWERS = ("sla", "kb")
WARMING = 300
CATCH_UP_SECONDS = 60.0


@dataclass(slots=True)
class Journey:
    """One run. Rates in tickets a second; `cost` is processor time per ticket in milliseconds, by process."""

    tickets: int
    rate: float
    accepted_rate: float
    cost: dict[str, float]
    client_cost: float
    follower_lag_seconds: float
    steal: float
    offer_seconds: list[float] = field(default_factory=list)
    """From each answer to the arrival of the offer in its work queue."""

    def summary(self) -> dict[str, object]:
        """What is kept of it."""
        waits = self.offer_seconds
        return {
            "tickets": self.tickets,
            "rate": round(self.rate, 1),
            "accepted_rate": round(self.accepted_rate, 1),
            "cost_ms": {name: round(value, 3) for name, value in self.cost.items()},
            "client_cost_ms": round(self.client_cost, 3),
            "follower_lag_seconds": round(self.follower_lag_seconds, 2),
            "steal": round(self.steal, 4),
            "offer_p50_ms": round(percentile(waits, 0.5) * 1000, 1),
            "offer_p99_ms": round(percentile(waits, 0.99) * 1000, 1),
        }


class Road:
    """One desk that is driven over several times; each drive has tickets of its own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._posted = 0

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """See `Desk.frozen`."""
        return self._desk.frozen()

    def warm(self) -> None:
        """Fill caches, plans and connections."""
        self.drive(WARMING, connections=32)

    def drive(self, count: int, *, connections: int = 32, batch: int = 1, per_second: float | None = None) -> Journey:
        """Post `count` tickets and follow each to its work queue."""
        desk = self._desk
        sink = Sink(desk.amqp_url, count)
        meter = Processors(desk.pids)
        first, self._posted = self._posted, self._posted + count
        load = Load(desk.url, desk.key, count, connections, batch, per_second, first)
        posted = post(load)
        taken = sink.result()
        ended = max(taken["arrived"].values())
        answered = {ticket: at for ticket, _, at in posted["answered"]}
        lag = asyncio.run(self._await_followers([*answered])) - ended
        used = meter.seconds()
        if answered.keys() != taken["arrived"].keys():
            raise RuntimeError("the offers that came are not those of the tickets that were posted")
        return Journey(
            tickets=count,
            rate=count / (ended - posted["began"]),
            accepted_rate=count / (posted["ended"] - posted["began"]),
            cost={name: seconds / count * 1000 for name, seconds in used.items()},
            client_cost=(posted["processor_seconds"] + taken["processor_seconds"]) / count * 1000,
            follower_lag_seconds=max(0.0, lag),
            steal=meter.steal(),
            offer_seconds=[arrived - answered[ticket] for ticket, arrived in taken["arrived"].items()],
        )

    async def _await_followers(self, tickets: list[str]) -> float:
        """When every follower had applied what the router has said of these tickets.

        Of these alone, by their keys: to read all that a desk has would be the better part of the cost of one with a history.
        """
        # As the services ask: a plan that reads a table is never the one wanted.
        connection = await asyncpg.connect(self._desk.database_url, server_settings={"enable_seqscan": "off"})
        try:
            end = time.monotonic() + CATCH_UP_SECONDS
            while time.monotonic() < end:
                late = [name for name in FOLLOWERS if await connection.fetchval(behind(name), tickets[::-1])]
                if not late:
                    return time.monotonic()
                await asyncio.sleep(0.05)
        finally:
            await connection.close()
        raise RuntimeError(f"{', '.join(late)} did not catch up in {CATCH_UP_SECONDS:.0f} s")


def behind(follower: str) -> str:
    """Whether anything was said of these tickets that the follower has not applied: two probes of an index for each.

    It ends with the first that is behind, so ask with the latest first. To read what a desk has, as `= ANY` may, would
    be charged to the price of a ticket, and grow with its history.
    """
    return f"""
        SELECT EXISTS (
            SELECT FROM unnest($1::text[]) AS sought(ticket)
            CROSS JOIN LATERAL (
                SELECT sequence FROM router.ticket WHERE tenant = 'main' AND id = CAST(sought.ticket AS uuid) LIMIT 1
            ) AS said
            LEFT JOIN LATERAL (
                SELECT sequence FROM {follower}.applied
                WHERE consumer = '{follower}' AND tenant = 'main' AND subject = sought.ticket AND stream = 'ticket' LIMIT 1
            ) AS heard ON true
            WHERE said.sequence > coalesce(heard.sequence, 0)
        )
    """
