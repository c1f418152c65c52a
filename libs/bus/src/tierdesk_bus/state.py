"""What an inspection of the bus finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tierdesk_bus.port import Queue


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue as it is found.

    `fault` says why it could not be looked at, as when it does not exist; nothing else is known then. `consumers` is None
    where the bus does not tell. `rules` are the policy's settings in effect; None where they could not be asked for;
    likewise `arguments`, with which it was declared.
    """

    queue: Queue
    messages: int = 0
    consumers: int | None = None
    rules: Mapping[str, Any] | None = None
    arguments: Mapping[str, Any] | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class BusState:
    """The server that the bus is, and the queues that were asked about, in their order."""

    product: str
    version: str
    queues: tuple[QueueState, ...]
