"""What a reader of JSON may take in two ways, refused, so that every reader of the same bytes sees the same."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from tierdesk_intake.domain.refusals import Fault, RefusalKind, RefusedError


def check_strict(body: bytes) -> None:
    """Raise `RefusedError` for a field that stands twice in an object, and for a number that is not finite.

    For bytes that a model has already read: those two it takes in silence.
    """
    try:
        _STRICT.decode(body.decode())
    except (ValueError, RecursionError) as error:
        message = str(error)
        raise RefusedError(RefusalKind.NOT_JSON, f"The body is not JSON: {message}", [Fault("body", message)]) from None


def _refuse_twice(pairs: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the field {name[:50]!r} stands twice in one object")
            seen.add(name)


def _refuse_infinite(text: str) -> None:
    if not math.isfinite(float(text)):
        raise ValueError(f"the number {text[:50]} is out of range")


def _refuse_word(text: str) -> None:
    raise ValueError(f"{text} is no number")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_refuse_twice, parse_float=_refuse_infinite, parse_constant=_refuse_word
)
