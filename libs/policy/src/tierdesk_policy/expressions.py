"""Conditions of rules: expressions of the Common Expression Language (CEL) over what is known of a new ticket.

CEL has no loops but over lists and no effects, so a condition ends and changes nothing. What could still take long, one
walk over a list within another, is refused, as is everything that is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Final

import cel
from pydantic import AfterValidator, StringConstraints

MOST_CHARACTERS: Final = 1_000
SAMPLE: Final[Mapping[str, Any]] = {
    "category": "sample",
    "department": "",
    "channel": "portal",
    "title": "A sample",
    "text": "",
    "location": "",
    "affected": "",
    "asset": "",
    "impact": 2,
    "urgency": 2,
    "priority": 3,
    "vip": False,
    "steps_tried": ["Restarted it"],
}
"""What a condition may name, with a value of its type. Text that was not said is empty."""

_FUNCTIONS: Final = frozenset({"contains", "double", "endsWith", "int", "matches", "size", "startsWith", "string"})
_OPERATOR: Final = re.compile(r"[_@!-]")
_WALK: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)")
_PARSER_WORDS: Final = re.compile(
    r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*?)(?: expecting .*)?$", re.MULTILINE
)


class UndecidableError(ValueError):
    """A condition that cannot be answered for this ticket."""


class Condition:
    """A compiled condition. `names` are what it looks at."""

    def __init__(self, source: str, program: cel.Program) -> None:
        self.source = source
        self.names = frozenset(program.variables()) & SAMPLE.keys()
        self._program = program

    def holds(self, context: cel.Context) -> bool:
        """Whether it holds. Raises `UndecidableError` when it has no answer, or one that is neither true nor false."""
        try:
            answer = self._program.execute(context)
        except Exception as error:  # the interpreter has no base of its own errors; none of them may stop the desk
            raise UndecidableError(str(error).split(":", 1)[0].rstrip(".")) from error
        if not isinstance(answer, bool):
            raise UndecidableError(f"it is {answer!r}, which is neither true nor false")
        return answer


@lru_cache(maxsize=4_096)
def compile_condition(source: str) -> Condition:
    """The condition of this text. Raises ValueError in words for the author of a policy."""
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ValueError(f"is no condition: {_in_words(str(error))}") from None
    walks = _WALK.findall(source)
    if len(walks) > 1:
        raise ValueError("walks over lists more than once; one `exists`, `all`, `map` or `filter` is allowed")
    unknown = sorted(set(program.variables()) - SAMPLE.keys() - set(walks))
    if unknown:
        raise ValueError(f"nothing is called {unknown[0]!r} here; known are {', '.join(SAMPLE)}")
    strange = sorted(name for name in program.functions() if name not in _FUNCTIONS and not _OPERATOR.match(name))
    if strange:
        raise ValueError(f"there is no function {strange[0]!r}; known are {', '.join(sorted(_FUNCTIONS))}")
    condition = Condition(source, program)
    try:
        condition.holds(context_of(SAMPLE))
    except UndecidableError as error:
        raise ValueError(f"cannot be decided even for a plain ticket: {error}") from None
    return condition


def context_of(values: Mapping[str, Any]) -> cel.Context:
    """What conditions look at, prepared once for all conditions of a decision. `values` has the names of `SAMPLE`."""
    return cel.Context(dict(values))


def _check(source: str) -> str:
    compile_condition(source)
    return source


def _in_words(message: str) -> str:
    found = _PARSER_WORDS.search(message)
    if found is None:
        return message.split("\n", 1)[0]
    line, column, words = found.groups()
    at = f"line {line}, character {column}" if line != "1" else f"character {column}"
    return f"it ends too early, at {at}" if "<EOF>" in words else f"{words} at {at}"


ConditionText = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS), AfterValidator(_check)]
"""The text of a condition, checked."""
