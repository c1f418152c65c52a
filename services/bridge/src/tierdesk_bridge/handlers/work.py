"""Takes what the desk tells a vendor from the vendor's queue: each message becomes a delivery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tierdesk_bridge.store.deliveries import Taken, take
from tierdesk_contracts.names import namespace_tenant, namespace_vendor
from tierdesk_store import PermanentError, Received, Transaction


@dataclass(slots=True)
class Batch:
    """What a batch takes."""

    taken: list[Taken] = field(default_factory=list)


class WorkHandler:
    """Stands where a vendor's own consumer would: acknowledges when the delivery is a row. `poke` is told of each commit."""

    name = "bridge"
    accepts = frozenset(
        {"work.offered.v1", "work.assigned.v1", "work.updated.v1", "work.withdrawn.v1", "work.rejected.v1"}
    )

    def __init__(self, poke: Callable[[], None]) -> None:
        self._poke = poke

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Nothing is read: a message is known by the library's inbox."""
        del tx, messages
        return Batch()

    def decide(self, state: Batch, message: Received) -> None:
        """Take one message, to its byte. Whose it is says the namespace. Raises `PermanentError` for no vendor's."""
        tenant, vendor = namespace_tenant(message.namespace), namespace_vendor(message.namespace)
        if tenant is None or vendor is None:
            raise PermanentError(f"{message.namespace or 'home'} is the namespace of no vendor")
        envelope = message.envelope
        state.taken.append(Taken(tenant, vendor, envelope.id, envelope.subject, envelope.type, message.body))

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Write the deliveries, in order."""
        await take(tx, state.taken)
        if state.taken:
            tx.after_commit(self._poke)
