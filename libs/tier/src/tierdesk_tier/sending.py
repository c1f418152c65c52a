"""Publishing outcomes until the bus has confirmed them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
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

    def pack(self, envelope: AnyEnvelope) -> Message:
        """The envelope as it goes out: the same each time."""
        address = self._party.address(envelope.tenant, envelope.type)
        return Message(str(envelope.id), envelope.type, address, envelope.to_bytes())

    async def publish(self, envelope: AnyEnvelope) -> None:
        """Return when the bus has stored it, however long that takes; each try has the same identifier.

        If it is cancelled, the message may or may not have been stored.
        """
        await self.publish_in_turn([[self.pack(envelope)]])

    async def publish_in_turn(self, rows: Sequence[Sequence[Message]]) -> None:
        """The same for several rows side by side: of each row, a message goes out when the one before it is stored."""
        left = [list(reversed(row)) for row in rows if row]
        pause_seconds = FIRST_PAUSE_SECONDS
        told: PublishResult | None = None
        while left:
            fates = await self._bus.publish([row[-1] for row in left], timeout_seconds=PUBLISH_SECONDS)
            missed: PublishResult | None = None
            for row, fate in zip(left, fates, strict=True):
                if fate is PublishResult.CONFIRMED:
                    row.pop()
                else:
                    missed = fate
                    if fate is not told:
                        log.warning("%s %s is not published, trying on: %s", row[-1].type, row[-1].id, _MEANINGS[fate])
                        told = fate
            left = [row for row in left if row]
            if missed is None:
                pause_seconds = FIRST_PAUSE_SECONDS
                continue
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the tries
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
