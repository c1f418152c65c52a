"""The generic shape in which many telephone systems tell of calls: `newCall`, `answer`, `hangup`, and beside them `queue` and
`voicemail`.

Fields that are not named here are ignored: telephone systems send more than they document. The raw body is kept.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from tierdesk_contracts.vocabulary import Instant, Locator, Name
from tierdesk_intake.domain.calls import CallEvent, CallKind
from tierdesk_intake.domain.events import check_time
from tierdesk_intake.domain.refusals import Fault, RefusalKind, RefusedError, describe
from tierdesk_intake.domain.strict_json import check_strict

FORM_FIELDS: Final = 200
NOBODY: Final = frozenset({"anonymous", "anonymous@anonymous.invalid", "private", "restricted", "unavailable", "unknown", "withheld"})  # fmt: skip
"""What telephone systems write when the caller's number is withheld."""
_REPEATABLE: Final = frozenset({"user", "user[]"})


def _blank_is_absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _one_is_many(value: Any) -> Any:
    value = _blank_is_absent(value)
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    return [one for one in value if not isinstance(one, str) or one.strip()] if isinstance(value, list) else value


_NAME: Final = {"type": "string", "maxLength": 200}
_NOTHING: Final = {"type": "null"}
_BLANK: Final = {"type": "string", "pattern": r"^\s*$"}


def _says(*kinds: dict[str, Any]) -> WithJsonSchema:
    """What a field takes, told by hand: what is done before a validator stands in no schema."""
    return WithJsonSchema({"anyOf": [*kinds, _NOTHING]})


Optional = Annotated[Name | None, BeforeValidator(_blank_is_absent), _says(_NAME)]


class GenericCallEvent(BaseModel):
    """One event of a call, as a telephone system posts it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: CallKind
    direction: Annotated[Literal["in", "out"], Field(description="Seen from the desk.")]
    call_id: Annotated[
        Name, Field(validation_alias=AliasChoices("callId", "call_id"), description="The same in all events of a call.")
    ]
    caller: Annotated[
        Optional, Field(validation_alias=AliasChoices("from"), description="Empty or `anonymous` when it is withheld.")
    ] = None
    called: Annotated[Optional, Field(validation_alias=AliasChoices("to"))] = None
    users: Annotated[
        tuple[Name, ...],
        BeforeValidator(_one_is_many),
        Field(
            max_length=100,
            validation_alias=AliasChoices("user", "user[]"),
            description="Who is called, or who answered; one name or a list.",
        ),
        _says(_NAME, {"type": "array", "items": _NAME, "maxItems": 100}),
    ] = ()
    queue: Optional = None
    cause: Annotated[Optional, Field(description="Why it ended, as `normalClearing`, `cancel`.")] = None
    answering_number: Annotated[
        Optional, Field(validation_alias=AliasChoices("answeringNumber", "answering_number"))
    ] = None
    recording: Annotated[
        Locator | None,
        BeforeValidator(_blank_is_absent),
        Field(
            validation_alias=AliasChoices("recording", "recordingUrl", "recording_url"),
            description="Where the recording can be found. It is fetched later, from hosts that the operator has named alone.",
        ),
        _says({"type": "string", "maxLength": 2_048}),
    ] = None
    occurred_at: Annotated[
        Instant | None,
        BeforeValidator(_blank_is_absent),
        Field(
            validation_alias=AliasChoices("occurred_at", "timestamp"),
            description="When it happened: with its offset from UTC, or seconds since 1970.",
        ),
        _says({"type": "string", "format": "date-time"}, _BLANK, {"type": "number", "minimum": 0}),
    ] = None


def read_json(body: bytes, *, now: datetime) -> tuple[str, CallEvent]:
    """The call's identifier and what is said of it. Raises `RefusedError` that names each faulty field."""
    try:
        told = GenericCallEvent.model_validate_json(body)
    except ValidationError as error:
        raise describe(error) from None
    check_strict(body)
    return _normalise(told, now)


def read_form(body: bytes, *, now: datetime) -> tuple[str, CallEvent]:
    """As `read_json`, from `application/x-www-form-urlencoded`; `user` may stand there several times."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS)
    except ValueError:  # also bytes that are no text, and too many fields
        text = f"not a form in UTF-8 with at most {FORM_FIELDS} fields"
        raise RefusedError(RefusalKind.NOT_JSON, f"The body is {text}", [Fault("body", text)]) from None
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        values[name].append(value)
    for name, given in values.items():
        if len(given) > 1 and name not in _REPEATABLE and name in FORM_NAMES:
            raise RefusedError(
                RefusalKind.INVALID, f"{name}: given more than once", [Fault(name, "given more than once")]
            )
    try:
        told = GenericCallEvent.model_validate(
            {name: given if name in _REPEATABLE else given[0] for name, given in values.items()}
        )
    except ValidationError as error:
        raise describe(error) from None
    return _normalise(told, now)


def _names() -> frozenset[str]:
    names: set[str] = set()
    for name, info in GenericCallEvent.model_fields.items():
        alias = info.validation_alias
        names.update(str(choice) for choice in alias.choices) if isinstance(alias, AliasChoices) else names.add(name)
    return frozenset(names)


FORM_NAMES: Final = _names()


def _normalise(told: GenericCallEvent, now: datetime) -> tuple[str, CallEvent]:
    check_time(told.occurred_at, now, field="occurred_at")
    event = CallEvent(
        kind=told.event,
        direction=told.direction,
        caller=party(told.caller),
        called=party(told.called),
        users=told.users,
        queue=told.queue,
        cause=told.cause,
        answering_number=party(told.answering_number),
        recording=told.recording,
        occurred_at=told.occurred_at,
    )
    return told.call_id, event


def party(number: str | None) -> str | None:
    """A number as it is kept: without spaces around it and `tel:` before it; None when nobody is named.

    Whoever withholds the number must not become one caller, shared by all who do.
    """
    text = (number or "").strip()
    if text.lower().startswith("tel:"):
        text = text[4:].partition(";")[0].strip()
    user = text.lower().removeprefix("sip:").removeprefix("sips:")
    return None if not text or user in NOBODY or user.partition("@")[0] == "anonymous" else text
