"""How the watcher's words leave."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_bus.port import HOME, Address
from tierdesk_contracts import seal, type_of
from tierdesk_contracts.names import EVENTS, event_key
from tierdesk_contracts.notice import ClockNotice
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Transaction

SOURCE: Final = "/tierdesk/sla"


def publish(
    tx: Transaction, data: ClockNotice, tenant: str, ticket_id: UUID, now: datetime, identifiers: Identifiers
) -> None:
    """Send a notice with this transaction; its subject is the ticket, so that the words on one ticket stay in order."""
    envelope = seal(data, message_id=identifiers.new(), source=SOURCE, subject=str(ticket_id), time=now, tenant=tenant)
    tx.send(envelope, Address(HOME, EVENTS, event_key(tenant, type_of(data).name)))
