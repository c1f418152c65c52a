"""The bus port: what every service may ask of the bus, whichever adapter carries it.

An address is (namespace, exchange, key). A namespace is a wall: a virtual host on RabbitMQ, a column on
PostgreSQL. The empty namespace is *home*, the one that the connection's URL names. A party's identity is the
namespace that its message arrived in, never a field of the message.

What holds on every adapter:

* `publish` never raises for a message's fate; it answers one `PublishResult` per message, and only `CONFIRMED`
  means that the message is stored in every queue that it was routed to.
* A message is delivered at least once, in publish order per queue, until it is acknowledged; a redelivery keeps
  its place near the front. An acknowledgement of a delivery that the bus has already taken back does nothing:
  the message comes again.
* Of a `single_active` queue at most one consumer is served at a time, until it closes or is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

HOME = ""
"""The namespace that the connection's URL names."""

CONTENT_TYPE = "application/cloudevents+json"

MAX_NAME_BYTES = 255
"""The longest id, type, content type, exchange or key in UTF-8: what AMQP 0-9-1 allows for a short string."""
MAX_HEADERS_BYTES = 65_536
"""The longest headers as an AMQP table: they must fit into one frame beside the properties."""
MAX_BODY_BYTES = 16 * 1024 * 1024
"""The longest body: what RabbitMQ 4 takes by default. A longer one would take the whole channel down with it."""

ROUTING_HEADERS = frozenset({"CC", "BCC"})
"""Headers by which RabbitMQ would deliver to more keys than the address names."""


class BusError(Exception):
    """The bus could not do what was asked; the message says what to do about it."""


class BusUnavailableError(BusError):
    """No connection, or none in time. Nothing is known to have happened; ask again later."""


class NamespaceMissingError(BusError):
    """A namespace does not exist and this connection may not create it."""


class PublishResult(StrEnum):
    """The fate of one published message."""

    CONFIRMED = "confirmed"
    """Stored in every queue that it was routed to."""
    RETURNED = "returned"
    """No queue is bound for its key: nothing was stored."""
    NACKED = "nacked"
    """Refused, as by a full queue: nothing was stored, at least not everywhere."""
    UNKNOWN = "unknown"
    """No answer in time, or the connection was lost: it may or may not be stored. Publish it again, same id."""


class Address(NamedTuple):
    """Where a message is published."""

    namespace: str
    exchange: str
    key: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish. It is durable and must be routable; both are not options.

    Raises `ValueError` for one that a broker would answer by closing the channel, and so with no answer to its
    neighbours: an empty id, a text that is too long or holds NUL, headers or a body that are too large.
    """

    id: str
    type: str
    address: Address
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = CONTENT_TYPE

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        if not self.id:
            raise ValueError("a message needs an id: it is the key by which its receivers know a repetition")
        for text in (self.id, self.type, self.content_type, self.address.exchange, self.address.key):
            if len(text.encode()) > MAX_NAME_BYTES:
                raise ValueError(f"longer than {MAX_NAME_BYTES} bytes: {text[:80]!r}…")
            if "\0" in text:
                raise ValueError(f"NUL in {text!r}")
        if len(self.body) > MAX_BODY_BYTES:
            raise ValueError(f"the body has {len(self.body)} bytes, {MAX_BODY_BYTES} are allowed")
        if self.headers:
            _check_headers(self.headers)


def _check_headers(headers: Mapping[str, str]) -> None:
    size = 0
    for name, value in headers.items():
        size += len(name.encode()) + len(value.encode()) + 6  # what a field of an AMQP table costs beside its text
        if name in ROUTING_HEADERS or len(name.encode()) > MAX_NAME_BYTES or "\0" in name or "\0" in value:
            raise ValueError(f"the header {name[:80]!r} cannot be sent")
    if size > MAX_HEADERS_BYTES:
        raise ValueError(f"the headers have {size} bytes, {MAX_HEADERS_BYTES} are allowed")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came out of a queue. `tag` belongs to the adapter."""

    namespace: str
    queue: str
    key: str
    id: str
    body: bytes
    content_type: str
    headers: Mapping[str, str]
    redeliveries: int
    """How often the bus says it has delivered this message before; 0 the first time. A hint, not a proof."""
    tag: object


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange. In `topic` keys, `*` stands for one word and `#` for any number of words."""

    name: str
    kind: Literal["topic", "fanout"] = "topic"
    namespace: str = HOME


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable, replicated queue (a quorum queue on RabbitMQ)."""

    name: str
    namespace: str = HOME
    single_active: bool = False
    max_length: int | None = None
    """At this many messages, further ones are refused (`NACKED`). On RabbitMQ it is set by policy, and so
    needs the management API; without it, the limit is left to the operator."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Messages of `exchange` whose key matches `pattern` also go to `queue` (all in `namespace`)."""

    queue: str
    exchange: str
    pattern: str = "#"
    namespace: str = HOME


@dataclass(frozen=True, slots=True)
class Topology:
    """What must exist before messages can flow. Declaring it twice changes nothing."""

    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...] = ()
    bindings: tuple[Binding, ...] = ()

    def __add__(self, other: Topology) -> Topology:
        """Both together."""
        return Topology(self.exchanges + other.exchanges, self.queues + other.queues, self.bindings + other.bindings)


class Consumer(Protocol):
    """A running subscription to one queue; it renews itself after a lost connection or a cancel by the broker."""

    @property
    def queue(self) -> str:
        """The name of the queue."""
        ...

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        """Wait for at least one message, at most `timeout_seconds`; answer up to `limit` that are there, in order.

        Answers an empty list when nothing came in time, also while the connection is down. At most `prefetch`
        deliveries are out unacknowledged at once.
        """
        ...

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Have done with these. Never raises for a lost connection: what was not acknowledged comes again."""
        ...

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Give these back, to be delivered again, near the front."""
        ...

    async def close(self) -> None:
        """Stop; what was delivered and not acknowledged goes back to the queue."""
        ...


class Bus(Protocol):
    """A connection to the bus."""

    async def declare(self, topology: Topology) -> None:
        """Make the namespaces, exchanges, queues and bindings exist. Raises `BusError`."""
        ...

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float) -> list[PublishResult]:
        """Publish all, in order, without waiting in between; answer each one's fate, in the same order.

        Within `timeout_seconds` whatever happens: what is then unanswered is `UNKNOWN`. It may answer so at once,
        as where a connection is refused: pause before publishing again. An exchange or a namespace that does not
        exist spoils only its own messages. Order is kept per exchange, and between calls that do not overlap.
        """
        ...

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> Consumer:
        """Subscribe to a queue; while it does not exist, or the server is away, nothing is received."""
        ...

    async def depth(self, queue: str, *, namespace: str = HOME) -> int:
        """How many messages wait in the queue, not counting those delivered. Raises `BusError`."""
        ...

    async def ping(self) -> None:
        """Answer if the bus answers. Raises `BusUnavailableError` within a few seconds if not."""
        ...

    async def close(self) -> None:
        """Close consumers and connections. Nothing is acknowledged by it."""
        ...
