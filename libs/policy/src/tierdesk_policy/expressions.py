"""Conditions of rules: expressions of the Common Expression Language (CEL) over what is known of a new ticket.

CEL has no loops but over lists and no effects, so that a condition ends and changes nothing. It could still take long or
fill the memory: by a walk within a walk, by texts put together again and again, by patterns that are large once they are
compiled. What leads there is refused, and so is everything that is not known here; what conditions see of a text is cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, StringConstraints

if TYPE_CHECKING:
    import cel

MOST_CHARACTERS: Final = 500
MOST_SEEN: Final = 4_000
"""So many characters of a text a condition sees."""
MOST_STEPS_SEEN: Final = 20
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

_MOST_MATCHES: Final = 3
_MOST_PATTERN: Final = 100
_MOST_DEPTH: Final = 20
_FUNCTIONS: Final = frozenset({"contains", "double", "endsWith", "int", "matches", "size", "startsWith", "string"})
_WALKS: Final = frozenset({"all", "exists", "exists_one"})
_WORDS: Final = _FUNCTIONS | _WALKS | SAMPLE.keys() | {"true", "false", "in"}
_TOKEN: Final = re.compile(
    r"""\s+|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||[=!<>]=|[-!<>*/%?:.,()\[\]])""",
    re.ASCII,
)
_MATCHES: Final = re.compile(r"\.\s*matches\s*\(\s*(?P<pattern>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')\s*\)")
_BOUND: Final = re.compile(r"\.\s*(?:all|exists|exists_one)\s*\(\s*([A-Za-z_]\w*)\s*,")
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
    import cel  # noqa: PLC0415  # brings a command line of its own with it: for those alone who have conditions

    _refuse_what_is_dear(source, _read_words(source))
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ValueError(f"is no condition: {_in_words(str(error))}") from None
    condition = Condition(source, program)
    try:
        condition.holds(context_of(SAMPLE))
    except UndecidableError as error:
        raise ValueError(f"cannot be decided even for a plain ticket: {error}") from None
    return condition


def context_of(values: Mapping[str, Any]) -> cel.Context:
    """What conditions look at, prepared once for all conditions of a decision. `values` has the names of `SAMPLE`."""
    import cel  # noqa: PLC0415  # as above

    return cel.Context(
        {
            name: value[:MOST_SEEN]
            if isinstance(value, str)
            else [step[:MOST_SEEN] for step in value[:MOST_STEPS_SEEN]]
            if isinstance(value, list)
            else value
            for name, value in values.items()
        }
    )


def _check(source: str) -> str:
    compile_condition(source)
    return source


def _read_words(source: str) -> list[str]:
    """The words outside of texts. Refuses what is no part of a condition: other literals, comments, maps, `+`."""
    words: list[str] = []
    place = depth = 0
    after_word = False
    while place < len(source):
        token = _TOKEN.match(source, place)
        if token is None or source.startswith("//", place):
            raise ValueError(f"has no place for {source[place : place + 1]!r} (character {place + 1})")
        if token["text"] and (after_word or source.startswith(token["text"][0], token.end())):
            raise ValueError(
                f"has a text of an unknown form (character {place + 1}): write it in single or double quotes"
            )
        after_word = token["word"] is not None
        if token["word"]:
            words.append(token["word"])
        depth += (token["sign"] in {"(", "["}) - (token["sign"] in {")", "]"})
        if depth > _MOST_DEPTH:
            raise ValueError(f"is nested deeper than {_MOST_DEPTH} brackets")
        place = token.end()
    return words


def _refuse_what_is_dear(source: str, words: list[str]) -> None:
    walks = sum(word in _WALKS for word in words)
    if walks > 1:
        raise ValueError("walks over lists more than once; one `exists`, `exists_one` or `all` is allowed")
    bound = set(_BOUND.findall(source)) - SAMPLE.keys() if walks else set()
    unknown = sorted(set(words) - _WORDS - bound)
    if unknown:
        known = ", ".join([*SAMPLE, *sorted(_FUNCTIONS | _WALKS)])
        raise ValueError(f"nothing is called {unknown[0]!r} here; known are {known}")
    patterns = _MATCHES.findall(source)
    if words.count("matches") != len(patterns):
        raise ValueError("has a `matches` without a pattern in quotes")
    if len(patterns) > (0 if walks else _MOST_MATCHES):
        raise ValueError(f"has more than {_MOST_MATCHES} `matches`, or one beside a walk over a list: use `contains`")
    for pattern in patterns:
        if len(pattern) > _MOST_PATTERN or "{" in pattern or "\\" in pattern:
            raise ValueError(
                f"has a pattern of more than {_MOST_PATTERN} characters, or with a brace or a backslash in it"
            )


def _in_words(message: str) -> str:
    found = _PARSER_WORDS.search(message)
    if found is None:
        return message.split("\n", 1)[0].split("{", 1)[0]
    line, column, words = found.groups()
    at = f"line {line}, character {column}" if line != "1" else f"character {column}"
    return f"it ends too early, at {at}" if "<EOF>" in words else f"{words.split('{', 1)[0].strip()} at {at}"


ConditionText = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS, pattern=r"^[^\x00]*$"), AfterValidator(_check)
]
"""The text of a condition, checked."""
