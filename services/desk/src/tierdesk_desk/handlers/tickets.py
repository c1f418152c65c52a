"""Follows tickets and policies: where each stands, wherever it is worked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tierdesk_contracts import ticket as events
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_desk.domain.changes import TicketChange
from tierdesk_desk.domain.people import Place
from tierdesk_desk.store.feed import tell
from tierdesk_desk.store.policies import AppliedPolicy, save_policy
from tierdesk_desk.store.tickets import Standing, TicketKey, find_places, find_standings, save_standings
from tierdesk_policy import Policy, PolicyError
from tierdesk_store import PermanentError, Received, Transaction

QUEUE: Final = "desk.events"
MOST_PLACES: Final = 50
"""So many groups of one ticket fit into what is told."""


@dataclass(slots=True)
class Batch:
    """What a batch reads and decides."""

    standings: dict[TicketKey, Standing]
    changed: dict[TicketKey, None] = field(default_factory=dict)
    applied: list[AppliedPolicy] = field(default_factory=list)


class TicketsHandler:
    """Keeps where tickets stand, and each policy."""

    name = "desk"
    accepts = frozenset({"ticket.changed.v1", "policy.applied.v1"})

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Read where the tickets stand."""
        keys = {_key(message) for message in messages if isinstance(message.envelope.data, TicketChanged)}
        return Batch(await find_standings(tx.connection, keys))

    def decide(self, state: Batch, message: Received) -> None:
        """Decide one message. Raises `PermanentError` for a policy that this release cannot read."""
        match message.envelope.data:
            case TicketChanged() as data:
                key = _key(message)
                state.standings[key] = follow(state.standings.get(key), key, data, message.envelope.time)
                state.changed[key] = None
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
        await save_standings(tx.connection, changed)
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
