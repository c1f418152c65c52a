"""Why the door refuses something. A refusal carries data; how it is told over HTTP is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

FAULTS_TOLD = 20
"""How many faults one refusal lists; a hostile body can have a hundred thousand."""
FIELD_LENGTH = 100
MESSAGE_LENGTH = 300


class RefusalKind(StrEnum):
    """The kinds of refusal."""

    NOT_JSON = "not_json"
    """The bytes cannot be read at all."""
    INVALID = "invalid"
    """Readable, but a field does not hold what it must."""
    KEY_REUSED = "key_reused"
    """The idempotency key already names another body."""
    KEY_IN_FLIGHT = "key_in_flight"
    """A request with this key is being handled at this moment."""
    UNKNOWN_TICKET = "unknown_ticket"
    """No such ticket of this tenant."""
    TOO_LARGE = "too_large"
    """More than is taken at once."""
    UNSUPPORTED = "unsupported"
    """A content type, encoding or kind of file that is not taken here."""
    INVALID_ATTACHMENT = "invalid_attachment"
    """A file that is none, or said to be what it cannot be."""
    UNKNOWN_ATTACHMENT = "unknown_attachment"
    """No such file of this ticket."""
    FULL = "full"
    """The ticket has as many attachments as it may."""
    QUOTA = "quota"
    """The tenant has attached as much today as it may."""
    OVERLOADED = "overloaded"
    """Too much waits already; nothing was stored."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One field and what is wrong with it."""

    field: str
    message: str


class RefusedError(Exception):
    """Nothing was stored; `detail` says why and what to do, `faults` name the fields."""

    def __init__(self, kind: RefusalKind, detail: str, faults: Sequence[Fault] = ()) -> None:
        """`detail` is one sentence for a person."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.faults = tuple(faults)


def refuse_field(field: str, message: str) -> RefusedError:
    """The refusal of one field."""
    return RefusedError(RefusalKind.INVALID, f"{field}: {message}", [Fault(field, message)])


def unknown_ticket(field: str) -> RefusedError:
    """The refusal of a ticket: the same for a foreign one as for one that does not exist."""
    return RefusedError(
        RefusalKind.UNKNOWN_TICKET, "There is no such ticket.", [Fault(field, "there is no such ticket")]
    )


def describe(error: ValidationError, *, tag_at: int | None = None) -> RefusedError:
    """Tell a model's refusal field by field.

    `tag_at` is where, in the location of a fault, the models of a discriminated union put their tag, which is no field.
    """
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        message = details[0]["msg"]
        return RefusedError(RefusalKind.NOT_JSON, f"The body is not JSON: {message}", [Fault("body", message)])
    faults = [_fault(detail["type"], detail["loc"], detail["msg"], tag_at) for detail in details[:FAULTS_TOLD]]
    first, more = faults[0], len(details) - 1
    others = f" ({more} more)" if more else ""
    return RefusedError(RefusalKind.INVALID, f"{first.field}: {first.message}{others}", faults)


def _fault(kind: str, location: tuple[int | str, ...], message: str, tag_at: int | None) -> Fault:
    steps = [str(step)[:FIELD_LENGTH] for step in location]
    if tag_at is not None and len(steps) > tag_at:
        del steps[tag_at]
    if kind.startswith("union_tag"):
        steps.append("type")
    match kind:
        case "extra_forbidden":
            text = "unknown field"
        case "missing" | "union_tag_not_found":
            text = "required, and missing"
        case _:
            text = message.removeprefix("Value error, ")
    return Fault(".".join(steps)[:FIELD_LENGTH] or "body", text[:MESSAGE_LENGTH])
