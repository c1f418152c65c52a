"""Reminds whoever has been away from the telephone for longer than the policy allows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from tierdesk_desk.domain.call_guard import Count
from tierdesk_desk.store.call_guard import remind
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database

LOOK_SECONDS: Final = 5.0


class CallGuardWatch:
    """Looks each five seconds. Any number of processes may: each reminder is given once."""

    def __init__(self, database: Database, shelf: PolicyShelf, publisher: Publisher) -> None:
        self._database = database
        self._shelf = shelf
        self._publisher = publisher

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        await keep_looking(self._look, stop, rest_seconds=LOOK_SECONDS)

    async def _look(self) -> int:
        await self.look()
        return 0

    async def look(self) -> list[str]:
        """Remind and offer where that is due; answers whom."""
        async with self._database.read() as connection:
            policies = await self._shelf.fetch_in_force(connection)
        told: list[str] = []
        for tenant, policy in sorted(policies.items()):
            guard = policy.telephone.guard
            if guard is None:
                continue
            async with self._database.transaction() as tx:
                for word, seconds in ((Count.REMINDED, guard.remind_seconds), (Count.OFFERED, guard.offer_seconds)):
                    after = timedelta(seconds=seconds)
                    told += await remind(tx.connection, tenant, self._publisher.now(), word=word, after=after)
        return told
