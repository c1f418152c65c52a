"""Plain values as YAML, for a person to read: deterministic, and read back by any YAML 1.1 or 1.2 reader as they were.

Dictionaries, lists, strings, integers, booleans and `None` alone. Its reason to be: these contracts need Pydantic and
nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

Plain = str | int | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]

_BARE: Final = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_/.,;()'+-]|:(?! |$)| (?![ #]|$))*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LONGEST_KEY: Final = 120
"""YAML readers give up on a key that is longer than 1024 characters; ours are names."""


def to_yaml(value: Plain) -> str:
    """The document. Raises `TypeError` for a value of another kind, `ValueError` for a key that is too long."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Plain) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            if len(key) > _LONGEST_KEY:
                raise ValueError(f"the key {key[:40]}… is too long for YAML")
            yield from _under(f"{_text(key)}:", part, indent="" if _is_list(part) else "  ")
    elif _is_list(value) and value:
        for part in value:
            yield from _item(part)
    else:
        yield _scalar(value)


def _under(head: str, part: Plain, *, indent: str) -> Iterator[str]:
    if isinstance(part, Mapping | list | tuple) and part:
        yield head
        for line in _lines(part):
            yield f"{indent}{line}"
    else:
        yield f"{head} {_scalar(part)}"


def _item(part: Plain) -> Iterator[str]:
    for number, line in enumerate(_lines(part)):
        yield f"- {line}" if number == 0 else f"  {line}"


def _scalar(value: Plain) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if _is_list(value):
        return "[]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    return _text(value)


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


def _is_list(value: Plain) -> bool:
    return isinstance(value, list | tuple)
