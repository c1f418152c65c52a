"""What a service brings to consume a queue: load for a batch, decide per message, save for the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tierdesk_contracts import AnyEnvelope
from tierdesk_store.database import Transaction

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class Received:
    """A message to decide. `waited_seconds` is how long ago this consumer first saw it; 0.0 for one that has just come."""

    envelope: AnyEnvelope
    namespace: str
    queue: str
    waited_seconds: float
    attempts: int
    """How often it was tried before and had to wait; 0 the first time."""
    traceparent: str | None = None
    """What messages that are sent because of this one shall carry; None where there are no traces."""
    body: bytes = b""
    """The envelope as it came, to its byte: for who hands it on."""


class Handler(Protocol[StateT]):
    """How a service handles the messages of one consumer.

    All three steps run in one transaction. `load` is given every message that may be decided in it, which may be
    more than are: a message can turn out to have to wait. The library commits, then acknowledges.
    """

    @property
    def name(self) -> str:
        """The key of the inbox and of the applied sequences, e.g. "router". Never changes once in use."""
        ...

    @property
    def accepts(self) -> frozenset[str]:
        """The types that this consumer handles. Any other message is parked as not for this consumer."""
        ...

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> StateT:
        """Read all that the decisions need, in bulk, locking in sorted order what `save` will change."""
        ...

    def decide(self, state: StateT, message: Received) -> None:
        """Decide one message: pure, changing `state` alone.

        A raise names this message alone, and the others are saved from the same state. So compute first, then
        change `state`: a `decide` that raises must have changed nothing. It raises `TransientError`, `GapError` or
        `PermanentError`; any other exception is a defect and counts as permanent.
        """
        ...

    async def save(self, tx: Transaction, state: StateT) -> None:
        """Write what was decided, with bulk statements, and `tx.send` what is to be published."""
        ...
