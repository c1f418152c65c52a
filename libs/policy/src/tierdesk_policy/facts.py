"""Runs facts about working time, as files state them, against the arithmetic of this package.

A file is JSON: `{"schema": "sla-vectors/1", "calendars": {name: calendar}, "vectors": [fact, …]}`. A calendar has the
fields of a policy's calendar, without `id`; other people's files may tell more of it, leave a field null, name a day in
full, and end an interval after 24:00, on the day after, or where it begins, which is no time. A fact has `id`, `op`, `calendar`, what the operation takes, and what it
gives: `expected` or `expected_seconds`, or `expected_date` where only the local date is known. A fact tagged
`divergent` is one on which desks differ; this project's answers to such questions stand in `docs/policy.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tierdesk_policy.business_time import BusinessCalendar, BusinessTimeError, Pause, resolve_local
from tierdesk_policy.parts import Calendar
from tierdesk_policy.units import DAY_SECONDS, Hours, parse_time_of_day

_KEYS_OF_RESULT: Final = ("expected", "expected_seconds", "expected_date")
Operation = Callable[[BusinessCalendar, dict[str, Any]], Any]

_NO_ANSWER: Final = "no answer"
"""What begins the answer where there is none, which a fact expects as null."""
_INTERVALS: Final = ("weekly", "date_overrides", "breaks")
_LATE: Final = re.compile(r"(2[4-9]|3\d|4[0-8])(:\d\d(?::\d\d)?)", re.ASCII)


class Verdict(StrEnum):
    """What became of a fact."""

    PASSED = "passed"
    DECIDED = "decided"
    """A divergent fact: the answer is this project's documented one."""
    FAILED = "failed"
    UNREADABLE = "unreadable"
    """The fact or its calendar cannot be understood; the note says why. The others of the file still count."""


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
        if self.verdict is Verdict.UNREADABLE:
            return f"{self.source}: {self.id}: {self.note}"
        return f"{self.source}: {self.id}: {self.operation}: expected {self.expected}, got {self.answer}"


class FactFileError(ValueError):
    """A file of facts that cannot be read or understood; the message names the file and the place."""


def verify(paths: Iterable[str | Path], echo: Callable[[str], object]) -> int:
    """Runs the facts of the files, tells each mismatch and a closing `N passed, N failed`.

    Gives the exit code: 0 when no fact failed, 1 when one did, 2 when a file or a fact cannot be understood. A divergent
    fact that is answered as documented counts as passed, and is told on a line of its own.
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
                if result.verdict is Verdict.UNREADABLE:
                    broken = True
                    echo(f"error: {result}")
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
    """The result of each fact, file by file, and one for each calendar that cannot be understood.

    Raises FactFileError at a file that is none. A file is read whole before its first fact is given.
    """
    for path in paths:
        documents, vectors = _read(Path(path))
        calendars: dict[str, BusinessCalendar | None] = {}
        for name, document in documents.items():
            try:
                calendars[name] = _calendar(document)
            except ValueError as error:
                calendars[name] = None
                yield _unreadable(str(path), f"calendars.{name}", error)
        yield from [_result(str(path), calendars, vector, i) for i, vector in enumerate(vectors)]


def _unreadable(source: str, name: str, why: object) -> FactResult:
    return FactResult(source, name, "", "", "", Verdict.UNREADABLE, str(why))


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
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
    return calendars, vectors


def _calendar(document: Any) -> BusinessCalendar:
    if not isinstance(document, dict):
        raise FactFileError("must be a mapping")
    # Names and notes beside the fields are left alone; an unknown list or mapping may be hours, and is refused.
    known = Calendar.model_fields.keys() - {"id"}
    fields = {
        key: value
        for key, value in document.items()
        if value is not None and (key in known or isinstance(value, list | dict))
    }
    for field in _INTERVALS:
        if isinstance(fields.get(field), dict):
            fields[field] = {_day(key): _hours(intervals) for key, intervals in fields[field].items()}
    try:
        return Calendar.model_validate({"id": "calendar"} | fields).compile()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise FactFileError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _day(key: str) -> str:
    """`mon` of `Monday`; a date as it is."""
    return key[:3].lower() if key[:1].isalpha() else key


def _hours(intervals: Any) -> Any:
    """The intervals without the empty ones, and those that end after 24:00 as hours over midnight."""
    if not isinstance(intervals, list):
        return () if intervals is None else intervals
    pairs = [each for each in intervals if not (isinstance(each, list) and len(each) == 2 and each[0] == each[1])]
    return [_over_midnight(each) for each in pairs]


def _over_midnight(interval: Any) -> Any:
    match interval:
        case [str(opens), str(closes)] if late := _LATE.fullmatch(closes):
            hour = f"{int(late[1]) - 24:02}{late[2]}"
            return Hours(parse_time_of_day(opens), parse_time_of_day(hour) + DAY_SECONDS)
        case _:
            return interval


def _result(
    source: str, calendars: dict[str, BusinessCalendar | None], vector: dict[str, Any], index: int
) -> FactResult:
    name = str(vector.get("id", f"vectors.{index}"))
    try:
        calendar = calendars[vector["calendar"]]
        if calendar is None:
            return _unreadable(source, name, f"calendars.{vector['calendar']} cannot be understood")
        operation = _OPERATIONS[vector["op"]]
        key = next((key for key in _KEYS_OF_RESULT if key in vector), "expected")
        expected = _normal(vector[key])
        answer = _answer(operation, calendar, vector, only_date=key == "expected_date")
        verdict, note = _judge(vector, expected, answer)
    except KeyError as error:
        return _unreadable(source, name, f"{error} is missing or unknown")
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        return _unreadable(source, name, error)
    return FactResult(source, name, vector["op"], json.dumps(expected), json.dumps(answer), verdict, note)


def _answer(operation: Operation, calendar: BusinessCalendar, vector: dict[str, Any], *, only_date: bool) -> Any:
    try:
        answer = operation(calendar, vector)
    except BusinessTimeError as error:
        return f"{_NO_ANSWER}: {error}"
    if only_date and isinstance(answer, datetime):
        return answer.astimezone(calendar.zone).date().isoformat()
    return _normal(answer)


def _judge(vector: dict[str, Any], expected: Any, answer: Any) -> tuple[Verdict, str]:
    """Whether the answer is the expected one; where desks differ, whether it is the one of the clock on the wall."""
    if answer == expected or (expected is None and isinstance(answer, str) and answer.startswith(_NO_ANSWER)):
        return Verdict.PASSED, ""
    if "divergent" not in (vector.get("tags") or ()) or (
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
    return [(_instant(paused), _instant(resumed)) for paused, resumed in fact.get("pauses") or ()]


def _add(calendar: BusinessCalendar, fact: dict[str, Any], sign: int) -> datetime:
    """Some desks subtract by adding less than nothing."""
    start, seconds, pauses = _instant(fact["start"]), sign * fact["working_seconds"], _pauses(fact)
    return calendar.add(start, seconds, pauses) if seconds >= 0 else calendar.subtract(start, -seconds, pauses)


_OPERATIONS: Final[dict[str, Operation]] = {
    "add": lambda calendar, fact: _add(calendar, fact, 1),
    "subtract": lambda calendar, fact: (
        _add(calendar, fact, -1)
        if fact["working_seconds"]
        else calendar.prev_open(_instant(fact["start"]), _pauses(fact))
    ),
    "between": lambda calendar, fact: calendar.between(_instant(fact["start"]), _instant(fact["end"]), _pauses(fact)),
    "is_open": lambda calendar, fact: calendar.is_open(_instant(fact["at"]), _pauses(fact)),
    "is_workday": lambda calendar, fact: calendar.is_workday(date.fromisoformat(fact["date"])),
    "next_open": lambda calendar, fact: calendar.next_open(_instant(fact["start"]), _pauses(fact)),
    "prev_open": lambda calendar, fact: calendar.prev_open(_instant(fact["start"]), _pauses(fact)),
    "intervals": lambda calendar, fact: calendar.intervals(_instant(fact["start"]), fact["count"]),
    "intervals_before": lambda calendar, fact: calendar.intervals_before(_instant(fact["start"]), fact["count"]),
    "add_workdays": lambda calendar, fact: calendar.add_workdays(
        _instant(fact["start"]), fact["days"], fact.get("roll") or "none"
    ),
    "resolve_local": lambda calendar, fact: resolve_local(_local(fact["local"]), calendar.zone),
}
