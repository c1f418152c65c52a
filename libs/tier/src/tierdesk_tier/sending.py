"""Publishing an outcome until the bus has confirmed it."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from tierdesk_bus import Bus, Message, PublishResult
from tierdesk_contracts import AnyEnvelope
from tierdesk_tier.party import Party

log = logging.getLogger(__name__)

PUBLISH_SECONDS: Final = 10.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0

_MEANINGS: Final = {
    PublishResult.RETURNED: "no queue takes it: the desk has not been set up there, or this is the wrong namespace",
    PublishResult.NACKED: "the queue is full",
    PublishResult.UNKNOWN: "the bus did not answer",
}


class Sender:
    """Publishes for one party."""

    def __init__(self, bus: Bus, party: Party) -> None:
        """`bus` may be down: publishing waits for it."""
        self._bus = bus
        self._party = party

    async def publish(self, envelope: AnyEnvelope) -> None:
        """Return when the bus has stored it, however long that takes; each try has the same identifier.

        If it is cancelled, the message may or may not have been stored.
        """
        address = self._party.address(envelope.tenant, envelope.type)
        message = Message(str(envelope.id), envelope.type, address, envelope.to_bytes())
        pause_seconds = FIRST_PAUSE_SECONDS
        told: PublishResult | None = None
        while True:
            [fate] = await self._bus.publish([message], timeout_seconds=PUBLISH_SECONDS)
            if fate is PublishResult.CONFIRMED:
                return
            if fate is not told:
                log.warning("%s of %s is not published, trying on: %s", message.type, envelope.subject, _MEANINGS[fate])
                told = fate
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the tries
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
