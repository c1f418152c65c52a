"""Makes known what the desk itself opened, so that its requesters can go on about it as about any ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_contracts.notice import TicketAdded
from tierdesk_intake.domain.ledger import Ticket
from tierdesk_intake.store.ledgers import add_tickets
from tierdesk_store import PermanentError, Received, Transaction

QUEUE: Final = "intake.tickets"


@dataclass(slots=True)
class Added:
    """The tickets of a batch, each with the time at which it was opened."""

    tickets: list[tuple[Ticket, datetime]] = field(default_factory=list)


class AddedTicketsHandler:
    """Follows `ticket.added.v1`. Intake has told nothing of these tickets yet: what it tells first has the number 1."""

    name: Final = "intake.tickets"
    accepts: Final = frozenset({"ticket.added.v1"})

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Added:
        """Nothing: each message tells all."""
        del tx, messages
        return Added()

    def decide(self, state: Added, message: Received) -> None:
        """Take the ticket. Raises `PermanentError` for a subject that names none."""
        envelope = message.envelope
        assert isinstance(envelope.data, TicketAdded)
        try:
            ticket_id = UUID(envelope.subject)
        except ValueError as error:
            raise PermanentError("subject: not the identifier of a ticket") from error
        state.tickets.append((Ticket(envelope.tenant, ticket_id, envelope.data.reference), envelope.time))

    async def save(self, tx: Transaction, state: Added) -> None:
        """Write them; one that is known stays as it is."""
        await add_tickets(tx, state.tickets)
