"""All that crosses a border between services: the envelope, the messages, and the registry that names them."""

from tierdesk_contracts.envelope import (
    AnyEnvelope,
    Envelope,
    MalformedMessageError,
    MessageError,
    UnknownTypeError,
    parse,
    seal,
)
from tierdesk_contracts.registry import MESSAGE_TYPES, MessageType, type_of

__all__ = [
    "MESSAGE_TYPES",
    "AnyEnvelope",
    "Envelope",
    "MalformedMessageError",
    "MessageError",
    "MessageType",
    "UnknownTypeError",
    "parse",
    "seal",
    "type_of",
]
