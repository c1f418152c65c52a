"""Saying again what was said of ended assignments, when the desk repeats its own messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tierdesk_bus import Delivery, Message
from tierdesk_tier.assignment import Key
from tierdesk_tier.sending import Sender


class Repeater:
    """Publishes beside the running work, and acknowledges what asked for it when all is confirmed.

    What it has not done when the process ends is still in the queue. It holds no more than the queue has delivered
    unacknowledged.
    """

    def __init__(self, sender: Sender, settle: Callable[[Sequence[Delivery]], None]) -> None:
        """`settle` acknowledges, now or soon."""
        self._sender = sender
        self._settle = settle
        self._asked: dict[Key, tuple[Sequence[Message], list[Delivery]]] = {}
        self._task: asyncio.Task[None] | None = None

    def repeat(self, key: Key, said: Sequence[Message], delivery: Delivery) -> None:
        """Say this again, once for all deliveries that ask for it meanwhile."""
        self._asked.setdefault(key, (said, []))[1].append(delivery)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._say(), name="saying again")

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """What is under way."""
        return set() if self._task is None else {self._task}

    async def _say(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            await self._sender.publish_in_turn([said for said, _ in asked.values()])
            self._settle([delivery for _, deliveries in asked.values() for delivery in deliveries])
