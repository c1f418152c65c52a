"""How a service's facts and outcomes leave."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_bus.port import HOME, Address
from tierdesk_contracts import seal, type_of
from tierdesk_contracts.names import EVENTS, OUTCOMES, event_key
from tierdesk_contracts.vocabulary import Contract
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Transaction

_EXCHANGES: Final = {"events": EVENTS, "outcomes": OUTCOMES}


class Publisher:
    """Sends facts and outcomes with a transaction."""

    def __init__(self, clock: Clock, identifiers: Identifiers, *, source: str) -> None:
        """`source` names the service in what it sends, as `/tierdesk/kb`."""
        self._source = source
        self._clock = clock
        self._identifiers = identifiers

    def now(self) -> datetime:
        """The business time."""
        return self._clock.now()

    def new_id(self) -> UUID:
        """An identifier that nobody can guess."""
        return self._identifiers.new()

    def send(
        self, tx: Transaction, data: Contract, *, tenant: str, subject: str, traceparent: str | None = None
    ) -> None:
        """Publish `data` about `subject` when the transaction commits; `traceparent` is that of what it answers."""
        entry = type_of(data)
        envelope = seal(
            data,
            message_id=self._identifiers.new(),
            source=self._source,
            subject=subject,
            time=self._clock.now(),
            tenant=tenant,
            traceparent=traceparent,
        )
        tx.send(envelope, Address(HOME, _EXCHANGES[entry.exchange], event_key(tenant, entry.name)))
