"""Follows tickets and policies: where each ticket stands, wherever it is worked, and what its requester may know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tierdesk_contracts import ticket as events
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_contracts.vocabulary import ActorKind
from tierdesk_desk.domain.changes import RequestChange, TicketChange
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.requests import Entry, Request, Requester, follow_request, requester_of
from tierdesk_desk.handlers.calls import Call, count_handed_on, end_with_tickets, follow_calls
from tierdesk_desk.handlers.mails import Alarm, Mailroom
from tierdesk_desk.handlers.visits import call_off_with_tickets
from tierdesk_desk.store.callers import keep_callers
from tierdesk_desk.store.feed import tell
from tierdesk_desk.store.policies import AppliedPolicy, PolicyShelf, save_policy
from tierdesk_desk.store.records import count_reopened
from tierdesk_desk.store.requests import PartyKey, add_entries, keep_requesters, lock_requests, save_requests
from tierdesk_desk.store.tickets import Standing, TicketKey, find_places, find_standings, save_standings
from tierdesk_policy import Policy, PolicyError
from tierdesk_store import PermanentError, Received, Transaction

QUEUE: Final = "desk.events"
RATED: Final = frozenset({"request.rated.v1"})
"""What the desk tells of ratings, for whoever counts them. It takes them itself, since the bus refuses what nobody wants."""
MOST_PLACES: Final = 50
"""So many groups of one ticket fit into what is told."""


@dataclass(slots=True)
class Batch:
    """What a batch reads and decides. `told` is who asks."""

    standings: dict[TicketKey, Standing]
    requests: dict[TicketKey, Request]
    changed: dict[TicketKey, None] = field(default_factory=dict)
    applied: list[AppliedPolicy] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    told: dict[PartyKey, Requester] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    handed_on: list[tuple[str, str, datetime]] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    reopened: list[tuple[TicketKey, datetime]] = field(default_factory=list)


class TicketsHandler:
    """Keeps where tickets stand, requests as those see them who made them, and each policy."""

    name = "desk"
    accepts = RATED | {"ticket.changed.v1", "policy.applied.v1"}

    def __init__(self, shelf: PolicyShelf, mailroom: Mailroom) -> None:
        self._shelf = shelf
        self._mailroom = mailroom

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Read where the tickets stand, and lock the requests."""
        keys = {_key(message) for message in messages if isinstance(message.envelope.data, TicketChanged)}
        return Batch(await find_standings(tx.connection, keys), await lock_requests(tx.connection, keys))

    def decide(self, state: Batch, message: Received) -> None:
        """Decide one message. Raises `PermanentError` for a policy that this release cannot read."""
        match message.envelope.data:
            case TicketChanged() as data:
                _follow(state, _key(message), data, message.envelope.time)
            case PolicyApplied() as data:
                try:
                    Policy.from_document(data.document, source=data.version)
                except PolicyError as error:
                    raise PermanentError(f"policy {data.version} is none to this release: {error}") from error
                document = dict(data.document)
                state.applied.append(AppliedPolicy(message.envelope.tenant, data.version, document, data.applied_at))

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Write it, and tell those who look at one of the tickets."""
        for applied in state.applied:
            await save_policy(tx.connection, applied)
        changed = [state.standings[key] for key in state.changed]
        moved = [state.requests[key] for key in state.changed]
        await save_standings(tx.connection, changed)
        await keep_requesters(tx.connection, state.told)
        await keep_callers(tx.connection, state.told.values())
        await save_requests(tx.connection, moved)
        await add_entries(tx.connection, state.entries)
        await follow_calls(tx.connection, self._shelf, state.calls)
        await end_with_tickets(tx.connection, changed)
        await call_off_with_tickets(tx.connection, changed)
        await count_handed_on(tx.connection, state.handed_on)
        await self._mailroom.tell(tx, state.requests, state.entries)
        await self._mailroom.alarm(tx, state.alarms)
        await count_reopened(tx.connection, state.reopened)
        places = await find_places(tx.connection, state.changed)
        shown = [one for one in changed if (one.tenant, one.id) in places]
        await tell(tx.connection, [_change(one, places[one.tenant, one.id][:MOST_PLACES]) for one in shown])
        await tell(
            tx.connection,
            [RequestChange(tenant=one.tenant, ticket=one.ticket, party=one.party) for one in moved if one.party],
        )


def _follow(state: Batch, key: TicketKey, data: TicketChanged, at: datetime) -> None:
    state.standings[key] = follow(state.standings.get(key), key, data, at)
    state.changed[key] = None
    state.requests[key], entries = follow_request(state.requests.get(key), *key, data)
    state.entries += entries
    requester = requester_of(key[0], data)
    if requester is not None:
        state.told[requester.tenant, requester.party] = requester
    state.calls += [Call(key, call, at) for call in data.calls]
    for event in data.events:
        match event:
            case events.Escalated() if event.actor.kind is ActorKind.WORKER and event.actor.id:
                state.handed_on.append((key[0], event.actor.id, event.at))
            case events.Notified():
                title = state.requests[key].title
                state.alarms.append(Alarm(*key, data.reference, data.tier, data.group, title, event))
            case events.ReopenedAgain():
                state.reopened.append((key, at))


def follow(before: Standing | None, key: TicketKey, data: TicketChanged, at: datetime) -> Standing:
    """Where a ticket stands after these events."""
    owner = None if before is None else before.owner
    for event in data.events:
        match event:
            case events.Accepted():
                owner = event.worker
            case events.Offered() | events.Withdrawn() | events.Escalated() | events.Transferred() | events.Returned():
                owner = None
    tenant, ticket = key
    return Standing(
        tenant,
        ticket,
        reference=data.reference,
        status=data.status.value,
        tier=data.tier,
        group_id=data.group,
        owner=owner,
        priority=data.priority,
        category=data.category,
        sequence=data.sequence,
        changed_at=at,
    )


def _change(standing: Standing, places: tuple[Place, ...]) -> TicketChange:
    return TicketChange(
        tenant=standing.tenant,
        ticket=standing.id,
        reference=standing.reference,
        status=standing.status,
        tier=standing.tier,
        group=standing.group_id,
        places=places,
    )


def _key(message: Received) -> TicketKey:
    return message.envelope.tenant, message.envelope.subject
