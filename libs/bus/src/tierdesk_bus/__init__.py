"""The bus port and its two durable adapters, AMQP and PostgreSQL."""

from tierdesk_bus.connecting import connect
from tierdesk_bus.port import (
    CONTENT_TYPE,
    HOME,
    Address,
    Binding,
    Bus,
    BusError,
    BusUnavailableError,
    Consumer,
    Delivery,
    Exchange,
    Message,
    NamespaceMissingError,
    PublishResult,
    Queue,
    Topology,
)

__all__ = [
    "CONTENT_TYPE",
    "HOME",
    "Address",
    "Binding",
    "Bus",
    "BusError",
    "BusUnavailableError",
    "Consumer",
    "Delivery",
    "Exchange",
    "Message",
    "NamespaceMissingError",
    "PublishResult",
    "Queue",
    "Topology",
    "connect",
]
