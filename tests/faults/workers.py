"""Consumers of every tier, a vendor among them, that work each ticket up to where it is resolved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from tierdesk_bus import connect
from tierdesk_contracts.names import vendor_namespace
from tierdesk_tier import Job, TierConsumer

HOLD_EVERY: Final = 5
HOLD_SECONDS: Final = 2.5
"""One ticket in five is kept longer than its target allows, so that the watcher has something to say."""
POLICY: Final = """
name: fault test
tiers:
  - {id: l0, name: Self-service, hands_on_incomplete: true}
  - {id: l1, name: Generalists}
  - {id: l2, name: Specialists}
  - {id: l4, name: Vendors}
groups:
  - {id: bots, tier: l0, name: Bots}
  - {id: service-desk, tier: l1, name: Service desk}
  - {id: workplace, tier: l2, name: Workplace}
  - {id: printer-vendor, tier: l4, name: Printer vendor, vendor: printer}
edges: [[l0, l1], [l1, l2], [l2, l4], [l4, l2]]
categories:
  - {id: how-to, name: How to, tier: l0, group: bots}
  - {id: usage, name: Usage, tier: l1, group: service-desk}
  - {id: laptop, name: Laptop, tier: l2, group: workplace}
  - {id: printer, name: Printer machine, tier: l4, group: printer-vendor}
default_category: usage
vendors:
  - {id: printer, name: Printer Ltd, group: printer-vendor}
targets:
  - {kind: first_response, within: 6h}
  - {kind: resolution, within: 1s}
offer: {accept_within: 10m, attempts: 3}
close_after: 5d
"""
GROUPS: Final = {"l0": "bots", "l1": "service-desk", "l2": "workplace"}


async def _work(job: Job, *, hands_on_every: int | None, hold_all: float) -> None:
    """Note once, then resolve, or hand every so-and-so many tickets on; which is a function of the title alone."""
    number = int(job.case.title.rsplit(" ", 1)[1])
    await job.progress(note=f"looked at {number} as {job.assignment_id}")
    await asyncio.sleep(hold_all or (HOLD_SECONDS if number % HOLD_EVERY == 0 else 0.0))
    if hands_on_every is not None and number % hands_on_every == 0:
        await job.escalate("beyond_scope", findings=f"{number} is not for us", override="The load asks for nothing.")
    else:
        await job.resolve(how=f"solved {number}")


async def run_workers(
    bus_url: str,
    namespace_prefix: str,
    stop: asyncio.Event,
    *,
    hold_all: float = 0.0,
    groups: Mapping[str, str] = GROUPS,
) -> None:
    """Work these groups, and the vendor's, until `stop`. `hold_all` is how many seconds every ticket is kept."""
    bus = await connect(bus_url, name="fault-workers", namespace_prefix=namespace_prefix)
    consumers = [
        TierConsumer.in_house(
            bus,
            tenant="main",
            tier=tier,
            group=group,
            worker=f"{group}-worker",
            work=lambda job, every=(4 if tier == "l2" else 2): _work(job, hands_on_every=every, hold_all=hold_all),
            workers=50,
            answer_seconds=20.0,
        )
        for tier, group in groups.items()
    ]
    consumers.append(
        TierConsumer.vendor(
            bus,
            namespace=vendor_namespace("main", "printer"),
            worker="acme",
            work=lambda job: _work(job, hands_on_every=None, hold_all=hold_all),
            workers=50,
            answer_seconds=20.0,
        )
    )
    try:
        await asyncio.gather(*(consumer.run(stop) for consumer in consumers))
    finally:
        await bus.close()
