"""Follows tickets, what is asked, and policies: where each ticket stands, wherever it is worked, and what its requester may know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_desk.domain.changes import TicketChange
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.requests import Entry, Request, Requester, begin_request, follow_request, requester_of
from tierdesk_desk.store.feed import tell
from tierdesk_desk.store.policies import AppliedPolicy, save_policy
from tierdesk_desk.store.requests import (
    PartyKey,
    add_entries,
    find_parties,
    keep_requesters,
    lock_requests,
    name_requesters,
    save_requests,
)
from tierdesk_desk.store.tickets import Standing, TicketKey, find_places, find_standings, save_standings
from tierdesk_policy import Policy, PolicyError
from tierdesk_store import PermanentError, Received, Transaction

QUEUE: Final = "desk.events"
ASKED: Final = frozenset(
    {
        "intake.problem_reported.v1", "intake.call.v1", "intake.alert.v1", "intake.requester_replied.v1",
        "intake.facts_told.v1", "intake.confirmed.v1", "intake.reopened.v1", "intake.cancelled.v1",
    }
)  # fmt: skip
"""All that intake tells of a ticket: it is one sequence, which is taken whole or not at all."""
MOST_PLACES: Final = 50
"""So many groups of one ticket fit into what is told."""


@dataclass(slots=True)
class Batch:
    """What a batch reads and decides. `told` is who asks, `parties` how the router's names of them are known here."""

    standings: dict[TicketKey, Standing]
    changed: dict[TicketKey, None] = field(default_factory=dict)
    applied: list[AppliedPolicy] = field(default_factory=list)
    requests: dict[TicketKey, Request] = field(default_factory=dict)
    moved: dict[TicketKey, None] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    told: dict[PartyKey, Requester] = field(default_factory=dict)
    parties: dict[tuple[str, UUID], str] = field(default_factory=dict)

    def keep(self, key: TicketKey, request: Request) -> None:
        """Have this request written. Part of a ticket that was split is asked by who asked for the whole."""
        if request.party is None and request.requester_id is not None:
            request = replace(request, party=self.parties.get((request.tenant, request.requester_id)))
        elif request.party is not None and request.requester_id is not None:
            self.parties[request.tenant, request.requester_id] = request.party
        self.requests[key] = request
        self.moved[key] = None


class TicketsHandler:
    """Keeps where tickets stand, requests as those see them who made them, and each policy."""

    name = "desk"
    accepts = ASKED | {"ticket.changed.v1", "policy.applied.v1"}

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Read where the tickets stand, and lock the requests."""
        keys = {_key(message) for message in messages if isinstance(message.envelope.data, TicketChanged)}
        begun = {_key(message) for message in messages if requester_of("", message.envelope.data) is not None}
        return Batch(
            await find_standings(tx.connection, keys),
            requests=await lock_requests(tx.connection, keys | begun),
            parties=await find_parties(tx.connection, _openers(messages)),
        )

    def decide(self, state: Batch, message: Received) -> None:
        """Decide one message. Raises `PermanentError` for a policy that this release cannot read."""
        match message.envelope.data:
            case TicketChanged() as data:
                key = _key(message)
                state.standings[key] = follow(state.standings.get(key), key, data, message.envelope.time)
                state.changed[key] = None
                request, entries = follow_request(state.requests.get(key), *key, data)
                state.keep(key, request)
                state.entries += entries
            case PolicyApplied() as data:
                try:
                    Policy.from_document(data.document, source=data.version)
                except PolicyError as error:
                    raise PermanentError(f"policy {data.version} is none to this release: {error}") from error
                document = dict(data.document)
                state.applied.append(AppliedPolicy(message.envelope.tenant, data.version, document, data.applied_at))
            case data:
                key = _key(message)
                begun = begin_request(state.requests.get(key), *key, data, message.envelope.time)
                requester = requester_of(message.envelope.tenant, data)
                if begun is not None and requester is not None:
                    state.keep(key, begun)
                    state.told[requester.tenant, requester.party] = requester

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Write it, and tell those who look at one of the tickets."""
        for applied in state.applied:
            await save_policy(tx.connection, applied)
        changed = [state.standings[key] for key in state.changed]
        await save_standings(tx.connection, changed)
        await _save_requests(tx, state)
        places = await find_places(tx.connection, state.changed)
        shown = [one for one in changed if (one.tenant, one.id) in places]
        await tell(tx.connection, [_change(one, places[one.tenant, one.id][:MOST_PLACES]) for one in shown])


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


async def _save_requests(tx: Transaction, state: Batch) -> None:
    moved = [state.requests[key] for key in state.moved]
    await keep_requesters(tx.connection, state.told)
    named = {(one.tenant, one.party): one.requester_id for one in moved if one.party and one.requester_id}
    await name_requesters(tx.connection, named)
    await save_requests(tx.connection, moved)
    await add_entries(tx.connection, state.entries)


def _openers(messages: Sequence[Received]) -> set[tuple[str, UUID]]:
    return {
        (message.envelope.tenant, event.requester_id)
        for message in messages
        if isinstance(message.envelope.data, TicketChanged)
        for event in message.envelope.data.events
        if isinstance(event, events.Opened)
    }


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
