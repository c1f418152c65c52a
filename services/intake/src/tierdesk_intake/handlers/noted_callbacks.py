"""Notes on tickets what the desk says of callbacks, as calls that it makes: so the clocks hear of them as of any call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_contracts.callback import CallbackNoted
from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_intake.domain.ledger import Ledger, Mint
from tierdesk_intake.store.ledgers import lock_tickets, save
from tierdesk_store import PermanentError, Received, Transaction, TransientError

QUEUE: Final = "intake.callbacks"
PROVIDER: Final = "desk"
"""The telephone system of calls that people at the desk make."""


class NotedCallbacksHandler:
    """Follows `callback.noted.v1`. All that is said of one callback is said of one call."""

    name: Final = "intake.callbacks"
    accepts: Final = frozenset({"callback.noted.v1"})

    def __init__(self, mint: Mint, now: Callable[[], datetime]) -> None:
        self._mint = mint
        self._now = now

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Ledger:
        """Lock the tickets."""
        keys = {(message.envelope.tenant, _ticket_of(message)) for message in messages}
        known = {(tenant, ticket) for tenant, ticket in keys if ticket is not None}
        return Ledger(self._mint, self._now(), tickets=await lock_tickets(tx, known))

    def decide(self, state: Ledger, message: Received) -> None:
        """Tell of the call. Raises `PermanentError` for a subject that is no ticket, `TransientError` for one not heard of yet."""
        noted, envelope = message.envelope.data, message.envelope
        assert isinstance(noted, CallbackNoted)
        ticket_id = _ticket_of(message)
        if ticket_id is None:
            raise PermanentError("subject: not the identifier of a ticket")
        ticket = state.tickets.get((envelope.tenant, ticket_id))
        if ticket is None:
            raise TransientError("no such ticket of this tenant", retry_in_seconds=2.0)
        reached = noted.outcome is CallOutcome.ENDED
        told = Called(
            reference=ticket.reference,
            provider=PROVIDER,
            call_id=f"callback/{noted.callback_id}",
            direction="out",
            called=noted.number,
            outcome=noted.outcome,
            answered_at=noted.at if reached else None,
            ended_at=noted.at if reached else None,
            answered_by=noted.worker,
        )
        at = min(noted.at, state.now)
        state.tell(ticket, told, message_id=self._mint.new(), at=at, traceparent=message.traceparent)

    async def save(self, tx: Transaction, state: Ledger) -> None:
        """Pass it on."""
        await save(tx, state)


def _ticket_of(message: Received) -> UUID | None:
    try:
        return UUID(message.envelope.subject)
    except ValueError:
        return None
