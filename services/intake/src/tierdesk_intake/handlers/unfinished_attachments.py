"""Deletes attachments that were cut off together with the process that took them in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tierdesk_intake.store.attachments import delete_unfinished
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database

LOOK_SECONDS: Final = 60.0
UNFINISHED_SECONDS: Final = 900.0
"""An upload of which nothing was heard so long after its beginning is over: its body may take two minutes."""
LIMIT: Final = 20


class UnfinishedAttachments:
    """Looks for them each minute, and when the service begins. Any number of processes may."""

    def __init__(self, database: Database, wall_clock: Callable[[], datetime]) -> None:
        self._database = database
        self._wall_clock = wall_clock

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        await keep_looking(self.sweep, stop, rest_seconds=LOOK_SECONDS)

    async def sweep(self) -> int:
        """Delete some of them; answers how many."""
        before = self._wall_clock() - timedelta(seconds=UNFINISHED_SECONDS)
        async with self._database.transaction() as tx:
            return await delete_unfinished(tx, begun_before=before, limit=LIMIT)
