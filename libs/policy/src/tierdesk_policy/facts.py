"""Runs facts about working time, as files state them, against the arithmetic of this package.

A file is JSON: `{"schema": "sla-vectors/1", "calendars": {name: calendar}, "vectors": [fact, …]}`. A calendar has the
fields of a policy's calendar, without `id`. A fact has `id`, `op`, `calendar`, what the operation takes, and what it
gives: `expected` or `expected_seconds`, or `expected_date` where only the local date is known. A fact tagged
`divergent` is one on which desks differ; this project's answers to such questions stand in `docs/policy.md`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tierdesk_policy.business_time import BusinessCalendar, BusinessTimeError, Pause, resolve_local
from tierdesk_policy.parts import Calendar

_KEYS_OF_RESULT: Final = ("expected", "expected_seconds", "expected_date")
Operation = Callable[[BusinessCalendar, dict[str, Any]], Any]

_NOT_CALENDAR: Final = frozenset({"note", "source_path"})


class Verdict(StrEnum):
    """What became of a fact."""

    PASSED = "passed"
    DECIDED = "decided"
    """A divergent fact: the answer is this project's documented one."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FactResult:
    """One fact, what it expects, and what this package answers, both as text that can be compared by eye."""

    source: str
    id: str
    operation: str
    expected: str
    answer: str
    verdict: Verdict
    note: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.id}: {self.operation}: expected {self.expected}, got {self.answer}"


class FactFileError(ValueError):
    """A file of facts that cannot be read or understood; the message names the file and the place."""


def verify(paths: Iterable[str | Path], echo: Callable[[str], object]) -> int:
    """Runs the facts of the files, tells each mismatch and a closing `N passed, N failed`.

    Gives the exit code: 0 when no fact failed, 1 when one did, 2 when a file cannot be understood. A divergent fact
    that is answered as documented counts as passed, and is told on a line of its own.
    """
    passed = failed = 0
    broken = False
    for path in paths:
        try:
            for result in verify_facts([path]):
                if result.verdict is Verdict.FAILED:
                    failed += 1
                    echo(f"mismatch: {result}")
                    continue
                passed += 1
                if result.verdict is Verdict.DECIDED:
                    echo(f"decided: {result} ({result.note})")
        except FactFileError as error:
            broken = True
            echo(f"error: {error}")
    echo(f"{passed} passed, {failed} failed")
    return 2 if broken else 1 if failed else 0


def verify_facts(paths: Iterable[str | Path]) -> Iterator[FactResult]:
    """The result of each fact, file by file. Raises FactFileError at a file that cannot be understood.

    A file is read whole before its first fact is given.
    """
    for path in paths:
        calendars, vectors = _read(Path(path))
        yield from [_result(str(path), calendars, vector, i) for i, vector in enumerate(vectors)]


def _read(path: Path) -> tuple[dict[str, BusinessCalendar], list[dict[str, Any]]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FactFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise FactFileError(f"{path}: not JSON in UTF-8: {error}") from None
    match document:
        case {"calendars": dict(calendars), "vectors": list(vectors)}:
            pass
        case _:
            raise FactFileError(f"{path}: not a file of facts: it needs `calendars` and `vectors`")
    if not all(isinstance(vector, dict) for vector in vectors):
        raise FactFileError(f"{path}: vectors: each must be a mapping")
    return {name: _calendar(path, name, calendar) for name, calendar in calendars.items()}, vectors


def _calendar(path: Path, name: str, calendar: Any) -> BusinessCalendar:
    if not isinstance(calendar, dict):
        raise FactFileError(f"{path}: calendars.{name}: must be a mapping")
    try:
        fields = {key: value for key, value in calendar.items() if key not in _NOT_CALENDAR}
        return Calendar.model_validate({"id": "calendar"} | fields).compile()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, ("calendars", name, *first["loc"])))
        raise FactFileError(f"{path}: {place}: {first['msg']}") from None
    except ValueError as error:
        raise FactFileError(f"{path}: calendars.{name}: {error}") from None


def _result(source: str, calendars: dict[str, BusinessCalendar], vector: dict[str, Any], index: int) -> FactResult:
    name = str(vector.get("id", f"vectors.{index}"))
    try:
        calendar = calendars[vector["calendar"]]
        operation = _OPERATIONS[vector["op"]]
        key = next((key for key in _KEYS_OF_RESULT if key in vector), "expected")
        expected = _normal(vector[key])
        answer = _answer(operation, calendar, vector, only_date=key == "expected_date")
        verdict, note = _judge(vector, expected, answer)
    except KeyError as error:
        raise FactFileError(f"{source}: {name}: {error} is missing or unknown") from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FactFileError(f"{source}: {name}: {error}") from None
    return FactResult(source, name, vector["op"], json.dumps(expected), json.dumps(answer), verdict, note)


def _answer(operation: Operation, calendar: BusinessCalendar, vector: dict[str, Any], *, only_date: bool) -> Any:
    try:
        answer = operation(calendar, vector)
    except BusinessTimeError as error:
        return f"no answer: {error}"
    if only_date and isinstance(answer, datetime):
        return answer.astimezone(calendar.zone).date().isoformat()
    return _normal(answer)


def _judge(vector: dict[str, Any], expected: Any, answer: Any) -> tuple[Verdict, str]:
    """Whether the answer is the expected one; where desks differ, whether it is the one of the clock on the wall."""
    if answer == expected:
        return Verdict.PASSED, ""
    if "divergent" not in vector.get("tags", ()) or (
        "naive_result" in vector and answer != _normal(vector["naive_result"])
    ):
        return Verdict.FAILED, ""
    return Verdict.DECIDED, "desks differ here; see the decisions in docs/policy.md"


def _normal(value: Any) -> Any:
    """A result in a form in which equal ones are equal: instants in UTC, whole numbers as int."""
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str) and "T" in value:
        return _normal(_instant(value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.utcoffset() is None:
        raise ValueError(f"{text} has no offset from UTC")
    return instant


def _local(text: str) -> datetime:
    """A wall time without offset; `24:00` of a day is the midnight after it."""
    day, _, time = text.partition("T")
    if time.startswith("24:00"):
        return datetime.fromisoformat(f"{day}T00:00:00") + timedelta(days=1)
    local = datetime.fromisoformat(text)
    if local.tzinfo is not None:
        raise ValueError(f"{text} has an offset, so it is no wall time")
    return local


def _pauses(fact: dict[str, Any]) -> list[Pause]:
    return [(_instant(paused), _instant(resumed)) for paused, resumed in fact.get("pauses", ())]


_OPERATIONS: Final[dict[str, Operation]] = {
    "add": lambda calendar, fact: calendar.add(_instant(fact["start"]), fact["working_seconds"], _pauses(fact)),
    "subtract": lambda calendar, fact: calendar.subtract(_instant(fact["start"]), fact["working_seconds"]),
    "between": lambda calendar, fact: calendar.between(_instant(fact["start"]), _instant(fact["end"]), _pauses(fact)),
    "is_open": lambda calendar, fact: calendar.is_open(_instant(fact["at"])),
    "is_workday": lambda calendar, fact: calendar.is_workday(date.fromisoformat(fact["date"])),
    "next_open": lambda calendar, fact: calendar.next_open(_instant(fact["start"])),
    "prev_open": lambda calendar, fact: calendar.prev_open(_instant(fact["start"])),
    "intervals": lambda calendar, fact: calendar.intervals(_instant(fact["start"]), fact["count"]),
    "intervals_before": lambda calendar, fact: calendar.intervals_before(_instant(fact["start"]), fact["count"]),
    "add_workdays": lambda calendar, fact: calendar.add_workdays(
        _instant(fact["start"]), fact["days"], fact.get("roll", "none")
    ),
    "resolve_local": lambda calendar, fact: resolve_local(_local(fact["local"]), calendar.zone),
}
