"""Request bodies: JSON, read strictly, as the model says and not one field more."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from tierdesk_runtime.problems import ProblemError, field_faults

ModelT = TypeVar("ModelT", bound=BaseModel)

_JSON: Final = re.compile(r"application/json(?:\s*;\s*charset=\"?utf-8\"?)?\s*", re.IGNORECASE)


async def read_json(request: Request, model: type[ModelT]) -> ModelT:
    """The body of this request. Raises `ProblemError` 413, 415, and as `parse_json` does."""
    check_media_type(request, _JSON, "application/json")
    return parse_json(await request.body(), model)


def json_body(model: type[ModelT]) -> Callable[[Request], Awaitable[ModelT]]:
    """`read_json` as a dependency: `report: Annotated[Report, Depends(json_body(Report))]`. The OpenAPI tells of it."""
    return JsonBody(model)


class JsonBody:
    """What `json_body` makes: a class, so that `tierdesk_runtime.openapi` finds the model."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> Any:
        """Read the body."""
        return await read_json(request, self.model)


def check_media_type(request: Request, pattern: re.Pattern[str], name: str) -> None:
    """Refuse another media type, and a compressed body: its real size is not known before it is too late.

    Raises `ProblemError` 415.
    """
    headers = request.headers
    if not pattern.fullmatch(headers.get("content-type", "")):
        raise ProblemError(415, detail=f"Send Content-Type: {name}", headers={"Accept-Post": name})
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, detail="Send the body without Content-Encoding.")


def parse_json(body: bytes, model: type[ModelT]) -> ModelT:
    """Read one JSON value. Raises `ProblemError`: 400 when it is not strict JSON, 422 with each field that is wrong.

    Strict JSON here: UTF-8, no lone surrogate, nested at most 200 deep, no name twice in an object, no number that
    is not finite. Whether unknown fields are refused is the model's `extra`; those of the contracts refuse them.
    """
    try:
        value = model.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        if faults[0]["type"] == "json_invalid":
            raise _not_json(faults[0]["msg"].removeprefix("Invalid JSON: ")) from None
        raise ProblemError(422, "Invalid request", "See errors.", errors=field_faults(faults)) from None
    except (RecursionError, UnicodeError):
        raise _not_json("too deep, or not text") from None
    # Pydantic takes the last of two fields of one name; another reader of the same bytes may take the first.
    try:
        _STRICT.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise _not_json(str(error)) from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice[:50]!r} stands twice in one object")


def _finite(text: str) -> None:
    if not math.isfinite(float(text)):
        raise ValueError(f"the number {text[:50]} is out of range")


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _not_json(reason: str) -> ProblemError:
    return ProblemError(
        400, "Malformed JSON", "The body is not strict JSON.", errors=[{"field": "body", "message": reason}]
    )


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_refuse_constant)
