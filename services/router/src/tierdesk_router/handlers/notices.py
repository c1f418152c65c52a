"""Facts of other services: knowledge matches may send a ticket down; the watcher's words are noted in the log, and escalate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tierdesk_contracts import notice
from tierdesk_contracts import ticket as events
from tierdesk_contracts.names import event_pattern
from tierdesk_contracts.vocabulary import Actor, ActorKind
from tierdesk_router.domain.chains import heed_clock
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.requests import apply_match
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import PermanentError, Received, Transaction

QUEUE: Final = "router.events"
TYPES: Final = frozenset({"knowledge.matched.v1", "clock.warned.v1", "clock.breached.v1", "clock.retracted.v1"})
PATTERNS: Final = tuple(event_pattern(name) for name in sorted(TYPES))
_WORDS: Final[dict[object, str]] = {
    notice.ClockWarned: "warned",
    notice.ClockBreached: "breached",
    notice.ClockRetracted: "retracted",
}


class NoticeHandler:
    """Applies facts that other services publish about tickets."""

    name = "router.events"
    accepts = TYPES

    def __init__(self, clock: Clock, identifiers: Identifiers, shelf: PolicyShelf) -> None:
        """Time, identifiers and policies are given."""
        self._clock = clock
        self._identifiers = identifiers
        self._shelf = shelf

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Desk:
        """Lock the tickets."""
        desk = Desk(now=self._clock.now(), new_id=self._identifiers.new)
        keys = {(message.envelope.tenant, UUID(message.envelope.subject)) for message in messages}
        await load_tickets(desk, tx, keys, self._shelf)
        return desk

    def decide(self, state: Desk, message: Received) -> None:
        """Note the fact, and act on it where the policy says so."""
        envelope, state.traceparent = message.envelope, message.traceparent
        ticket = state.tickets.get((envelope.tenant, UUID(envelope.subject)))
        if ticket is None:
            raise PermanentError("no such ticket of this tenant")
        policy = state.policy_of(ticket)
        if isinstance(envelope.data, notice.KnowledgeMatched):
            match = envelope.data
            draft = apply_match(
                ticket, match.article_id, match.title, match.score,
                documented=match.documented, new_article=match.new_article, at=state.now, policy=policy,
                new_id=state.new_id,
            )  # fmt: skip
        else:
            draft = Draft(ticket, at=state.now, actor=Actor(kind=ActorKind.DESK, id="sla"))
            draft.record(
                events.ClockAlarm,
                clock=envelope.data.kind,
                word=_WORDS[type(envelope.data)],
                due_at=envelope.data.due_at,
            )
            heed_clock(draft, policy, envelope.data, _WORDS[type(envelope.data)], new_id=state.new_id)
        state.keep(draft, policy)

    async def save(self, tx: Transaction, state: Desk) -> None:
        """Write the batch."""
        await state.save(tx)
