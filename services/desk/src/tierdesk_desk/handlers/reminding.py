"""Reminds who was asked and is silent, and reassures who has not heard of a request for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from tierdesk_desk.domain.mailing import News
from tierdesk_desk.domain.reminders import Reminder, fire
from tierdesk_desk.domain.requests import Request
from tierdesk_desk.handlers.mails import Mailroom
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.reminders import drop_reminders, lock_due, save_reminders
from tierdesk_desk.store.requests import read_request
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database, Transaction

BATCH: Final = 50
REST_SECONDS: Final = 5.0


class Reminding:
    """Looks for what is due in business time. Of two replicas one tells it: the rows are locked, and no longer due when it has."""

    def __init__(self, database: Database, shelf: PolicyShelf, mailroom: Mailroom, now: Callable[[], datetime]) -> None:
        self._database = database
        self._shelf = shelf
        self._mailroom = mailroom
        self._now = now

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        await keep_looking(self.look, stop, rest_seconds=REST_SECONDS)

    async def look(self) -> int:
        """Write the mails of some that are due; answers of how many, or 0 when that was all."""
        async with self._database.transaction() as tx:
            due = await lock_due(tx.connection, self._now(), limit=BATCH)
            if due:
                await self._fire(tx, due)
        return len(due) if len(due) == BATCH else 0

    async def _fire(self, tx: Transaction, due: list[Reminder]) -> None:
        now, policies = self._now(), await self._shelf.fetch_in_force(tx.connection)
        following: list[Reminder] = []
        over: list[Reminder] = []
        told: list[tuple[Request, Callable[[str], News]]] = []
        for one in due:
            request = await read_request(tx.connection, one.tenant, one.ticket)
            policy = policies.get(one.tenant)
            occasion, then = (None, None) if request is None or policy is None else fire(one, request, policy, now)
            if occasion is not None and request is not None:
                told.append((request, _maker(occasion, request, now)))
            (over.append(one) if then is None else following.append(then))
        await drop_reminders(tx.connection, over)
        await save_reminders(tx.connection, following)
        await self._mailroom.write(tx, told)


def _maker(occasion: str, request: Request, now: datetime) -> Callable[[str], News]:
    def make(address: str) -> News:
        return News(
            request.tenant, address, occasion, request.ticket, request.reference, request.title, request.asked, now,
            party=request.party,
        )  # fmt: skip

    return make
