"""A worker that does its work before it asks, and answers without waiting for leave: what the fence is there for.

As a program: `blunt_worker.py AMQP_URL QUEUE WORK_SECONDS` takes offers, works each so long, and then says note and
resolution in one go, which implies its acceptance. Frozen meanwhile, it comes back with answers to void offers. It
prints a word for each offer that it takes and answers.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Final

from tierdesk_bus import Consumer, connect
from tierdesk_bus.port import Delivery
from tierdesk_contracts import AnyEnvelope, parse, seal
from tierdesk_contracts.outcome import WorkProgressed, WorkResolved
from tierdesk_contracts.work import WorkOffered
from tierdesk_tier.ledger import outcome_id
from tierdesk_tier.party import Party
from tierdesk_tier.sending import Sender

WORKER: Final = "blunt"


async def work_bluntly(url: str, queue: str, seconds: float) -> None:
    """Work until the process ends."""
    bus = await connect(url, name=WORKER, wait_seconds=30)
    sender = Sender(bus, Party("", queue, is_vendor=False))
    consumer = await bus.consume(queue, prefetch=500)
    jobs: set[asyncio.Task[None]] = set()
    while True:
        for delivery in await consumer.receive(100, timeout_seconds=1):
            job = asyncio.create_task(_handle(consumer, sender, delivery, seconds))
            jobs.add(job)
            job.add_done_callback(jobs.discard)


async def _handle(consumer: Consumer, sender: Sender, delivery: Delivery, seconds: float) -> None:
    envelope = parse(delivery.body)
    if isinstance(envelope.data, WorkOffered):
        print("took", flush=True)
        await asyncio.sleep(seconds)
        await _answer(sender, envelope)
        print("answered", flush=True)
    await consumer.ack([delivery])


async def _answer(sender: Sender, envelope: AnyEnvelope) -> None:
    offer: WorkOffered = envelope.data
    fence = {"assignment_id": offer.assignment_id, "token": offer.token, "worker": WORKER}
    number = offer.case.title.rsplit(" ", 1)[1]
    for outcome in (
        WorkProgressed(**fence, ordinal=1, note=f"looked at {number} as {offer.assignment_id}"),
        WorkResolved(**fence, ordinal=2, how=f"solved {number}"),
    ):
        sealed = seal(
            outcome,
            message_id=outcome_id(outcome),
            source=f"/tierdesk/tier/{WORKER}",
            subject=envelope.subject,
            time=datetime.now(UTC),
            tenant=envelope.tenant,
        )
        await sender.publish(sealed)


if __name__ == "__main__":
    asyncio.run(work_bluntly(sys.argv[1], sys.argv[2], float(sys.argv[3])))
