"""The envelope of every message: CloudEvents 1.0, structured JSON.

The same bytes are the outbox row, the body on the wire and what is parked. `id` is a UUIDv7 and the key by which a
reader knows a message that it has seen; `subject` is the ticket (or what else the message is about).
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import from_json

from tierdesk_contracts.registry import MESSAGE_TYPES, type_of
from tierdesk_contracts.vocabulary import Contract, Identifier, Instant, Name, refuse_nul

DataT = TypeVar("DataT", bound=Contract)

SEQUENCE_DIGITS = 20


class MessageError(ValueError):
    """Bytes that are no message.

    The tree:

    MessageError
    ├── MalformedMessageError   not JSON, not an envelope, or its data do not fit its type
    └── UnknownTypeError        a well-formed envelope of a type that this release does not know
    """

    def __init__(self, reason: str, *, message_id: str | None = None, message_type: str | None = None) -> None:
        """`reason` names the field; identifier and type are given as far as they could be read."""
        super().__init__(reason)
        self.reason = reason
        self.message_id = message_id
        self.message_type = message_type


class MalformedMessageError(MessageError):
    """Not JSON, not an envelope, or its data do not fit its type."""


class UnknownTypeError(MessageError):
    """A well-formed envelope of a type that this release does not know."""


class Envelope(Contract, Generic[DataT]):
    """A message. `sequence` is zero-padded, since CloudEvents defines it as a string that sorts."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Name
    type: Annotated[str, Field(min_length=1, max_length=100)]
    subject: Name
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    tenant: Identifier
    sequence: Annotated[str | None, Field(pattern=rf"^0{{4}}[0-9]{{{SEQUENCE_DIGITS - 4}}}$")] = None
    traceparent: Annotated[str, Field(max_length=100), AfterValidator(refuse_nul)] | None = None
    data: DataT

    @property
    def position(self) -> int | None:
        """The sequence as a number."""
        return None if self.sequence is None else int(self.sequence)

    def to_bytes(self) -> bytes:
        """The bytes on the wire. Fields that are not set are left out."""
        return self.model_dump_json(exclude_none=True).encode()


AnyEnvelope = Envelope[Any]


def seal(
    data: DataT,
    *,
    message_id: UUID,
    source: str,
    subject: str,
    time: Instant,
    tenant: str,
    sequence: int | None = None,
    traceparent: str | None = None,
) -> Envelope[DataT]:
    """Put `data` into its envelope. Raises `KeyError` for a model that is no message."""
    entry = type_of(data)
    # Checked like any other: `model_construct` is slower, and naming the type of `data` would cost as much again.
    return Envelope(
        id=message_id,
        source=source,
        type=entry.name,
        subject=subject,
        time=time,
        tenant=tenant,
        sequence=None if sequence is None else f"{sequence:0{SEQUENCE_DIGITS}d}",
        traceparent=traceparent,
        data=data,
    )


@cache
def _reader(message_type: str) -> type[AnyEnvelope]:
    model = MESSAGE_TYPES[message_type].model
    return Envelope[model]  # type: ignore[valid-type]  # the registry decides at run time


def parse(body: bytes, *, type_hint: str | None = None) -> AnyEnvelope:
    """Read a message, ignoring fields that this release does not know.

    `type_hint`, as from the transport's own type property, saves one pass; it is never trusted.
    Raises `MalformedMessageError` or `UnknownTypeError`.
    """
    message_type, envelope = type_hint, None
    if message_type in MESSAGE_TYPES:
        # A hint that is wrong costs the second pass, nothing else.
        with suppress(ValidationError):
            envelope = _reader(message_type).model_validate_json(body, extra="ignore")
    if envelope is None or envelope.type != message_type:
        envelope = _parse_unhinted(body)
    if envelope.sequence is None and MESSAGE_TYPES[envelope.type].stream is not None:
        raise MalformedMessageError(
            "sequence: missing, and this type is kept in order by it",
            message_id=str(envelope.id),
            message_type=envelope.type,
        )
    return envelope


def _parse_unhinted(body: bytes) -> AnyEnvelope:
    head = _head(body)
    message_type, message_id = head.get("type"), head.get("id")
    if not isinstance(message_type, str):
        raise MalformedMessageError("type: missing or not a string", message_id=_text(message_id))
    if message_type not in MESSAGE_TYPES:
        raise UnknownTypeError(
            f"type: {message_type[:100]!r} is not known to this release",
            message_id=_text(message_id),
            message_type=_text(message_type),
        )
    try:
        return _reader(message_type).model_validate_json(body, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "envelope"
        raise MalformedMessageError(
            f"{field}: {first['msg']}"[:500].replace("\x00", "\ufffd"),
            message_id=_text(message_id),
            message_type=message_type,
        ) from error


def _head(body: bytes) -> dict[str, Any]:
    try:
        head = from_json(body)
    except ValueError as error:
        raise MalformedMessageError(f"not JSON: {error}") from error
    if not isinstance(head, dict):
        raise MalformedMessageError("not an envelope: a JSON object is expected")
    return head


def _text(value: object) -> str | None:
    # Without NUL, since the reader will want to store it.
    return value[:100].replace("\x00", "\ufffd") if isinstance(value, str) else None
