"""Plain values as YAML, for a person to read: deterministic, and read back by any YAML 1.1 or 1.2 reader as they were.

Dictionaries, lists, strings, finite numbers, booleans and `None` alone. Its reason to be: these contracts need
Pydantic and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

_BARE: Final = re.compile(r"[A-Za-z/$](?:[A-Za-z0-9_/.,;()'+-]|:(?! |$)| (?![ #]|$))*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LONGEST_KEY: Final = 120
"""YAML readers give up on a key that is longer than 1024 characters; ours are names."""


def to_yaml(value: Plain) -> str:
    """The document. Raises `TypeError` for a value of another kind, `ValueError` for one that YAML cannot hold."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Plain) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _entry(key, part)
    elif isinstance(value, list) and value:
        for part in value:
            for number, line in enumerate(_lines(part)):
                yield f"- {line}" if number == 0 else f"  {line}"
    else:
        yield _scalar(value)


def _entry(key: str, part: Plain) -> Iterator[str]:
    if len(key) > _LONGEST_KEY:
        raise ValueError(f"the key {key[:40]}… is too long for YAML")
    if isinstance(part, dict | list) and part:
        yield f"{_text(key)}:"
        for line in _lines(part):
            yield f"  {line}" if isinstance(part, dict) else line
    else:
        yield f"{_text(key)}: {_scalar(part)}"


def _scalar(value: Plain) -> str:
    match value:
        case str():
            return _text(value)
        case bool() | None:
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return str(value)
        case float():
            return _number(value)
        case dict() | list():
            return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"{type(value).__name__} is no plain value")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("a number that is not finite has no place in a document")
    mantissa, exponent, power = repr(value).partition("e")
    # YAML 1.1 takes 1e-07 for a string.
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{exponent}{power}"


def _text(text: str) -> str:
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return f'"{"".join(_escape(character) for character in text)}"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    # Spaces other than the common one, the byte order mark and surrogates do not print either.
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
