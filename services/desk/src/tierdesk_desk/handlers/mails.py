"""What happens becomes mails, in the transaction that writes what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from tierdesk_contracts.ticket import Notified
from tierdesk_desk.domain.mailing import ESCALATION, Kind, News, address_of, is_told, news_of
from tierdesk_desk.domain.reminders import Reminder, remind_of
from tierdesk_desk.domain.requests import Entry, Request
from tierdesk_desk.domain.roles import Role
from tierdesk_desk.store.mails import USUAL, add_news
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.recipients import find_colleague, find_colleagues, find_requesters
from tierdesk_desk.store.reminders import save_reminders
from tierdesk_desk.store.tickets import TicketKey
from tierdesk_policy import Mail, Policy
from tierdesk_store import Transaction

NEWS_FOR: Final = timedelta(days=7)
"""What happened longer ago is no news: a desk that catches up after weeks, or is restored, writes to nobody about it."""
_ROLES: Final = frozenset(role.value for role in Role if role is not Role.REQUESTER)
"""Who is told of escalations by role: those who work here. A requester would read of what is another's."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Somebody is to be told of an escalation. `tier` and `group` are where the ticket stands."""

    tenant: str
    ticket: str
    reference: str
    tier: str | None
    group: str | None
    title: str
    event: Notified


class Mailroom:
    """Decides for what happens which mails leave, and writes them as rows. `own` are the desk's addresses, in small letters."""

    def __init__(
        self,
        shelf: PolicyShelf,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        *,
        own: frozenset[str] = frozenset(),
    ) -> None:
        self._shelf = shelf
        self._new_id = new_id
        self._now = now
        self._own = own

    async def tell(self, tx: Transaction, requests: Mapping[TicketKey, Request], entries: Sequence[Entry]) -> None:
        """Have requesters told of these, as their tenants' policies say, and reminded when they are silent."""
        since = self._now() - NEWS_FOR
        known = [(one, requests[one.tenant, one.ticket]) for one in entries if one.at > since]
        if not known:
            return
        policies = await self._shelf.fetch_in_force(tx.connection)
        reminders: dict[TicketKey, Reminder] = {}
        for one, request in known:
            policy = policies.get(request.tenant)
            reminder = None if policy is None else remind_of(one, request, policy)
            if reminder is not None:
                reminders[request.tenant, request.ticket] = reminder
        # Before the mails, as whoever reminds locks them: else the two could wait for each other.
        await save_reminders(tx.connection, reminders.values())
        told = [(one, request) for one, request in known if is_told(one, request, _rules(policies, request.tenant))]
        await self.write(tx, [(request, partial(news_of, one, request)) for one, request in told])

    async def write(self, tx: Transaction, told: Sequence[tuple[Request, Callable[[str], News]]]) -> None:
        """Have the requester of each told what `Callable` makes for the address; who has none is not written to."""
        parties = {(request.tenant, request.party) for request, _ in told if request.party is not None}
        requesters = await find_requesters(tx.connection, parties)
        news: list[News] = []
        for request, make in told:
            requester = requesters.get((request.tenant, request.party or ""))
            address = None if requester is None else address_of(requester)
            if address is not None:
                news.append(make(address))
        await self._add(tx, news, Kind.NEWS)

    async def alarm(self, tx: Transaction, alarms: Sequence[Alarm]) -> None:
        """Tell those who work here: whoever is named, else those who have the role for the ticket's group.

        A role that is none of this desk's, as policies may name any, counts as that of the group's leads.
        """
        since = self._now() - NEWS_FOR
        news: list[News] = []
        for one in alarms:
            if one.event.at <= since:
                continue
            addresses = await self._colleagues(tx, one)
            if not addresses:
                log.info("nobody_to_notify", tenant=one.tenant, ticket=one.ticket, role=one.event.role)
            news += [
                News(
                    one.tenant, address, ESCALATION, one.ticket, one.reference, one.title, one.event.reason, one.event.at
                )
                for address in addresses
            ]  # fmt: skip
        await self._add(tx, news, Kind.ALARM)

    async def _colleagues(self, tx: Transaction, alarm: Alarm) -> list[str]:
        if alarm.event.to is not None:
            address = await find_colleague(tx.connection, alarm.tenant, alarm.event.to)
            if address is not None:
                return [address]
        role = Role(alarm.event.role) if alarm.event.role in _ROLES else Role.LEAD
        return await find_colleagues(tx.connection, alarm.tenant, role, tier=alarm.tier, group=alarm.group)

    async def _add(self, tx: Transaction, news: Sequence[News], kind: Kind) -> None:
        if news:
            policies = await self._shelf.fetch_in_force(tx.connection)
            rules = {tenant: policy.mailing for tenant, policy in policies.items()}
            await add_news(tx.connection, news, kind, rules, self._new_id, own=self._own)


def _rules(policies: Mapping[str, Policy], tenant: str) -> Mail:
    policy = policies.get(tenant)
    return USUAL if policy is None else policy.mailing
