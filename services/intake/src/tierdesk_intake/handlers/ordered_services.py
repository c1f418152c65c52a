"""Opens a ticket for each service that is ordered from the catalogue, as for any problem that is reported."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_contracts.intake import ProblemReport, ProblemReported
from tierdesk_contracts.notice import ServiceOrdered
from tierdesk_intake.domain.ledger import Answer, KeyName, Ledger, Mint, Posted, Ticket
from tierdesk_intake.domain.refusals import RefusedError
from tierdesk_intake.store.ledgers import draw_references, find_keys, save
from tierdesk_store import PermanentError, Received, Transaction

QUEUE: Final = "intake.orders"
ORDERS_SOURCE: Final = "orders"
"""The source of orders: their keys are the identifiers of their tickets."""


@dataclass(slots=True)
class Orders:
    """What is known of the orders of a batch; `references` are free names for their tickets, by message."""

    ledger: Ledger
    references: dict[UUID, str]


class OrderedServicesHandler:
    """Follows `service.ordered.v1`. Intake mints the reference and counts what it tells of the ticket, as of every other.

    An order that comes again, also after years, changes nothing: it is known under its key for ever.
    """

    name: Final = "intake.orders"
    accepts: Final = frozenset({"service.ordered.v1"})

    def __init__(self, mint: Mint, now: Callable[[], datetime]) -> None:
        self._mint = mint
        self._now = now

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Orders:
        """Read which orders are known, and draw references for the others."""
        ledger = Ledger(self._mint, self._now())
        ledger.keys = await find_keys(tx, {_key_of(message) for message in messages})
        tenants = [(message.envelope.id, message.envelope.tenant) for message in messages]
        return Orders(ledger, await draw_references(tx, tenants, self._mint.reference))

    def decide(self, state: Orders, message: Received) -> None:
        """Open the ticket. Raises `PermanentError` for a subject that names none, and for another order of the same ticket."""
        envelope, ledger = message.envelope, state.ledger
        order = envelope.data
        assert isinstance(order, ServiceOrdered)
        try:
            ticket = Ticket(envelope.tenant, UUID(envelope.subject), state.references[envelope.id])
        except ValueError as error:
            raise PermanentError("subject: not the identifier of a ticket") from error
        posted = _posted(message)
        try:
            if ledger.earlier_answer(posted) is not None:
                return
        except RefusedError as refused:
            raise PermanentError("subject: another order has opened this ticket") from refused
        told = {name: getattr(order, name) for name in ProblemReport.model_fields}
        report = ProblemReported(reference=ticket.reference, **told)
        event_id = ledger.mint.new()
        ledger.tell(
            ticket,
            report,
            message_id=event_id,
            at=min(envelope.time, ledger.now),
            traceparent=message.traceparent,
        )
        ledger.record(posted, Answer("", ticket.id, ticket.reference), event_id=event_id, opened=ticket)

    async def save(self, tx: Transaction, state: Orders) -> None:
        """Write the tickets and pass the orders on."""
        await save(tx, state.ledger)


def _key_of(message: Received) -> KeyName:
    return KeyName(message.envelope.tenant, ORDERS_SOURCE, message.envelope.subject)


def _posted(message: Received) -> Posted:
    """The order as what intake keeps of everything that it takes: the bytes as they came."""
    key = _key_of(message)
    fingerprint = hashlib.sha256(message.body).digest()
    return Posted(key.tenant, key.source, key.key, "subject", fingerprint, message.body, message.traceparent)
